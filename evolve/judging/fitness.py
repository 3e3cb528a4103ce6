"""Scores candidates in the roles of a suite: simulates what is not known yet, and compares with the best baselines."""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import TypeAlias

from blis.foundation.errors import ConfigError
from evolve.evaluators import Evaluator
from evolve.judging.reference import reference_policies
from evolve.judging.scoring import Judgement, Results, Rules, Yardsticks, judgement, mean_figures, yardsticks
from evolve.records import Phenotype, Record, Score, Task
from evolve.trials.families import own_seed
from evolve.trials.suite import ROLES, Suite, check_role
from evolve.trials.workloads import WorkloadKey, Workloads, task_digest

__all__ = ["Judge", "Judgement", "Rules"]

#: One policy's simulations in a role: scenarios in the suite's order, for each all seeds.
Row: TypeAlias = list[tuple[Task, Record]]


#: Figures that say why a policy is as good as it is.
EXPLAINING = ("anomaly/", "regret/")


def _without_complexity(phenotype: Phenotype) -> float:
    return 0.0


def _nobody(count: int) -> None:
    return None


class Judge:
    """Scores candidates.

    Parameters
    ----------
    workloads : Workloads
        Of the suite.
    rules : Rules
    baselines : mapping of str to Phenotype
        What candidates are compared with.
    evaluator : Evaluator
        Where simulations run.
    store : mutable mapping of str to Record
        Records by the digest of their task: what is found there is not simulated again, what is simulated is added.
    complexity : callable
        The complexity of a phenotype, for the objective of that name.
    """

    def __init__(
        self,
        workloads: Workloads,
        rules: Rules,
        baselines: Mapping[str, Phenotype],
        evaluator: Evaluator,
        store: MutableMapping[str, Record],
        complexity: Callable[[Phenotype], float] = _without_complexity,
    ) -> None:
        self.suite = workloads.suite
        self.rules = rules
        self._workloads = workloads
        self._baselines = dict(baselines)
        self._evaluator = evaluator
        self._store = store
        self._complexity = complexity
        self._is_test_open = False
        self._yardsticks: dict[tuple[str, tuple[int, ...], int | None], Yardsticks] = {}

    def open_test(self) -> None:
        """Allow the role `test`: nothing that is chosen from here on may depend on what it says."""
        self._is_test_open = True

    def meet(self, suite: Suite) -> None:
        """Judge in the training scenarios of this suite from here on: another draw of its families."""
        self.suite = suite
        self._yardsticks = {asked: found for asked, found in self._yardsticks.items() if asked[0] != ROLES[0]}

    def baselines(
        self,
        role: str,
        seeds: Sequence[int],
        num_requests: int | None = None,
        done: Callable[[int], None] = _nobody,
    ) -> dict[str, Judgement]:
        """The baselines' own judgements by name. In a single scenario the best one's value is 1; see `score`."""
        judgements = self.score(list(self._baselines.values()), role, seeds, num_requests, done)
        return dict(zip(self._baselines, judgements, strict=True))

    def score(
        self,
        phenotypes: Sequence[Phenotype],
        role: str,
        seeds: Sequence[int],
        num_requests: int | None = None,
        done: Callable[[int], None] = _nobody,
    ) -> list[Judgement]:
        """Judge candidates on a role's scenarios.

        Parameters
        ----------
        phenotypes : sequence of Phenotype
        role : str
            train, validation, or, once `open_test` was called, test.
        seeds : sequence of int
            The suite's of that role, or some of them; baselines meet the same.
        num_requests : int ≥ 1, optional
            Fidelity: at most so many requests of each scenario. None: as many as the suite says.
        done : callable
            Told how many more simulations are finished, those of the baselines included.

        Returns
        -------
        list of Judgement
            In the order of the phenotypes, whatever the evaluator.

        Raises
        ------
        ConfigError
            If the role is unknown or the test not open, a scenario cannot be built, or no baseline succeeds in one.
        """
        if check_role("role", role) == ROLES[-1] and not self._is_test_open:
            raise ConfigError("suite.test must not be looked at before a champion is chosen; call open_test() then.")
        if not seeds:
            raise ConfigError("seeds must hold at least one seed to judge by; got none.")
        measures = self._yardsticks_of(role, seeds, num_requests, done)
        rows = self._rows(phenotypes, role, seeds, num_requests, done)
        return [
            judgement(self.rules, row, self._results("", phenotype, row), measures)
            for phenotype, row in zip(phenotypes, rows, strict=True)
        ]

    def leaving_out(
        self, phenotypes: Sequence[Phenotype], role: str, seeds: Sequence[int], num_requests: int | None = None
    ) -> list[dict[str, Score]]:
        """Scores as `score` gives them, but with each of the role's parts left out in turn; simulates nothing new.

        Yardsticks, and the incumbent that constraints compare with, stay those of the whole role.

        Returns
        -------
        list of dict of str to Score
            In the order of the phenotypes: name of a part -> the score without it; empty if the role has only one.
        """
        measures = self._yardsticks_of(role, seeds, num_requests, _nobody)
        rows = self._rows(phenotypes, role, seeds, num_requests, _nobody)
        found: list[dict[str, Score]] = []
        for phenotype, row in zip(phenotypes, rows, strict=True):
            results = self._results("", phenotype, row)
            parts = self.parts(role)
            found.append(
                {name: self._without(left, row, results, measures) for name, left in parts.items() if len(parts) > 1}
            )
        return found

    def parts(self, role: str) -> dict[str, list[str]]:
        """What a role consists of: its families with their members' names, and its other scenarios by themselves."""
        parts: dict[str, list[str]] = {}
        for scenario in self.suite.scenarios[role]:
            parts.setdefault(scenario.family or scenario.name, []).append(scenario.name)
        return parts

    def _without(self, left: Sequence[str], row: Row, results: Mapping[str, Results], measures: Yardsticks) -> Score:
        tasks = [(task, record) for task, record in row if task.scenario not in left]
        rest = {name: own for name, own in results.items() if name not in left}
        return judgement(self.rules, tasks, rest, measures).score

    def explain(
        self, phenotype: Phenotype, role: str, seeds: Sequence[int], num_requests: int | None = None
    ) -> dict[str, float | None]:
        """Mean figures of anomalies and regret in a role, which only traced simulations have; they change no score."""
        (row,) = self._rows([phenotype], role, seeds, num_requests, _nobody, traced=True)
        figures = mean_figures([record for _, record in row])
        return {name: value for name, value in figures.items() if name.startswith(EXPLAINING)}

    def _rows(
        self,
        phenotypes: Sequence[Phenotype],
        role: str,
        seeds: Sequence[int],
        num_requests: int | None,
        done: Callable[[int], None],
        traced: bool = False,
    ) -> list[Row]:
        """Each phenotype's simulations; what is not known yet is simulated, each task once."""
        keys = [
            WorkloadKey(scenario.name, own_seed(scenario, seed), scenario.requests_at(num_requests))
            for scenario in self.suite.scenarios[role]
            for seed in seeds
        ]
        tasks = [[self._task(phenotype, key, traced) for key in keys] for phenotype in phenotypes]
        wanted = {task.digest: task for row in tasks for task in row if task.digest not in self._store}
        found = self._evaluator.evaluate(list(wanted.values()), done)
        self._store.update(zip(wanted, found, strict=True))
        return [[(task, self._store[task.digest]) for task in row] for row in tasks]

    def _task(self, phenotype: Phenotype, key: WorkloadKey, traced: bool) -> Task:
        needs_trace = traced or self.rules.goals.needs_trace
        digest = task_digest(phenotype.policies, phenotype.limits, self._workloads.digest(key), needs_trace)
        return Task(phenotype, key.scenario, key.seed, key.num_requests, digest, needs_trace)

    def _yardsticks_of(
        self, role: str, seeds: Sequence[int], num_requests: int | None, done: Callable[[int], None]
    ) -> Yardsticks:
        """What candidates are measured against, worked out once."""
        asked = (role, tuple(seeds), num_requests)
        if asked not in self._yardsticks:
            known = [*self._baselines.items(), *(("", one) for one in reference_policies())]
            rows = self._rows([phenotype for _, phenotype in known], role, seeds, num_requests, done)
            results = [self._results(name, phenotype, row) for (name, phenotype), row in zip(known, rows, strict=True)]
            n_baselines = len(self._baselines)
            self._yardsticks[asked] = yardsticks(self.rules, results[:n_baselines], results[n_baselines:])
        return self._yardsticks[asked]

    def _results(self, name: str, phenotype: Phenotype, row: Row) -> dict[str, Results]:
        """Records by scenario."""
        records: dict[str, tuple[Record, ...]] = {}
        for task, record in row:
            records[task.scenario] = (*records.get(task.scenario, ()), record)
        complexity = self._complexity(phenotype)
        return {scenario: Results(name, own, complexity) for scenario, own in records.items()}
