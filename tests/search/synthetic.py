"""A search over routing weights with a judge that simulates nothing: its figures are a formula of the weights, with
noise if wanted."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from blis.foundation.randomness import stream
from evolve.judging.fitness import Judgement
from evolve.judging.goals import Goals
from evolve.plan import Labels, Plan
from evolve.plan.budget import Budget
from evolve.plan.ladder import Ladder
from evolve.problem import Problem
from evolve.records import Phenotype, Record, Score, Task
from evolve.search.loop import Search
from evolve.trackers import GenerationReport, SearchEnd, SearchStart
from tests.search.conftest import SCORERS, SMALL, planted_score

SEEDS = {"train": (1, 2), "validation": (11, 12, 13, 14, 15, 16, 17, 18), "test": (21, 22, 23, 24)}


class SyntheticJudge:
    """Scores a phenotype by the planted optimum, times noise that depends on phenotype, scenario and seed."""

    def __init__(self, store: dict[str, Record], noise: float = 0.0) -> None:
        self.store, self.noise = store, noise
        self.simulated: list[str] = []  #: tasks, in the order in which they were run
        self.is_test_open = False

    def open_test(self) -> None:
        self.is_test_open = True

    def baselines(self, role: str, seeds: Sequence[int], num_requests: int | None = None) -> dict[str, Judgement]:
        (judgement,) = self.score([weighted(dict.fromkeys(SCORERS, 1))], role, seeds, num_requests)
        return {"equal": judgement}

    def score(
        self,
        phenotypes: Sequence[Phenotype],
        role: str,
        seeds: Sequence[int],
        num_requests: int | None = None,
        done: Callable[[int], None] = lambda count: None,
    ) -> list[Judgement]:
        assert role != "test" or self.is_test_open
        return [self._judgement(phenotype, role, seeds, num_requests or 1000) for phenotype in phenotypes]

    def leaving_out(
        self, phenotypes: Sequence[Phenotype], role: str, seeds: Sequence[int], num_requests: int | None = None
    ) -> list[dict[str, Score]]:
        return [{} for _ in phenotypes]

    def parts(self, role: str) -> dict[str, list[str]]:
        return {f"{role}-scenario": [f"{role}-scenario"]}

    def explain(
        self, phenotype: Phenotype, role: str, seeds: Sequence[int], num_requests: int | None = None
    ) -> dict[str, float | None]:
        return {"anomaly/load-imbalance": 0.0, "regret/reference_mean_ms": None}

    def _judgement(self, phenotype: Phenotype, role: str, seeds: Sequence[int], num_requests: int) -> Judgement:
        pairs = [self._run(phenotype, f"{role}-scenario", seed, num_requests) for seed in seeds]
        worths = [1000.0 / float(record.figures["ttft_p99_ms"] or 0.0) for _, record in pairs]
        mean = sum(worths) / len(worths)
        return Judgement(
            Score((mean,)), tuple(pairs), {"ttft_p99_ms": 1000.0 / mean}, {}, {f"{role}-scenario": (mean,)}, ()
        )

    def _run(self, phenotype: Phenotype, scenario: str, seed: int, num_requests: int) -> tuple[Task, Record]:
        name = f"{phenotype.policies} {scenario} {seed} {num_requests}"
        task = Task(phenotype, scenario, seed, num_requests, name)
        if name not in self.store:
            self.simulated.append(name)
            luck = float(stream(seed, name).lognormal(0.0, self.noise)) if self.noise else 1.0
            worth = true_worth(phenotype) * luck
            self.store[name] = Record({"ttft_p99_ms": 1000.0 / worth}, num_requests)
        return task, self.store[name]


class Listening:
    """A tracker that keeps what it hears, and may raise at a generation."""

    def __init__(self, stop_at: int | None = None, error: BaseException | None = None) -> None:
        self.stop_at, self.error = stop_at, error
        self.started: list[SearchStart] = []
        self.reports: list[GenerationReport] = []
        self.ended: list[SearchEnd] = []

    def start(self, search: SearchStart) -> None:
        self.started.append(search)

    def progress(self, evaluations: int) -> None:
        return

    def generation(self, report: GenerationReport) -> None:
        self.reports.append(report)
        if report.generation == self.stop_at and self.error is not None:
            raise self.error

    def end(self, search: SearchEnd) -> None:
        self.ended.append(search)


def true_worth(phenotype: Phenotype) -> float:
    scorers = phenotype.policies["routing"].get("scorers")
    if scorers is None:
        return 1.0
    return planted_score({"routing": {one["name"]: one["weight"] for one in scorers}}).fitness


def weighted(weights: dict[str, float]) -> Phenotype:
    scorers = [{"name": name, "weight": weight} for name, weight in weights.items()]
    return Phenotype({"routing": {"policy": "weighted", "scorers": scorers}})


def make_search(
    problem: Problem,
    folder: Path,
    tracker: Any,
    algorithm: str = "ga",
    noise: float = 0.0,
    ladder: list[dict[str, Any]] | None = None,
    **budget: int,
) -> Search:
    """A search with the synthetic judge."""
    folder.mkdir(parents=True, exist_ok=True)
    module, params = SMALL[algorithm]
    known = list(problem.seeds.values())
    store: dict[str, Record] = {}
    judge: Any = SyntheticJudge(store, noise)
    scenarios = {
        role: (
            SimpleNamespace(
                name=f"{role}-scenario",
                requests_at=lambda asked: asked or 1000,
                file=SimpleNamespace(source=f"{role}-scenario", load=None),
                load=None,
                physics=None,
                stretch=None,
            ),
        )
        for role in SEEDS
    }
    by_name = {one.name: one for (one,) in scenarios.values()}
    suite: Any = SimpleNamespace(
        scenarios=scenarios, seeds=SEEDS, scenario=by_name.__getitem__, varies=False, families={}
    )
    plan = Plan(
        folder=folder,
        labels=Labels("weights", algorithm, "synthetic", 3),
        problem=problem,
        algorithm=module.search(
            problem, module.Params.from_mapping("algorithm", params), partial(stream, 3, "search"), known
        ),
        suite=suite,
        judge=judge,
        baselines={"equal": weighted(dict.fromkeys(SCORERS, 1))},
        store=store,
        goals=Goals.from_config("objectives", {"ttft-p99": 1}),
        first=tuple(known),
        ladder=Ladder.from_list("ladder", ladder or [{"seeds": 1}]),
        budget=Budget(**(budget or {"generations": 6})),
        finalists=5,
        document={"budget": budget or {"generations": 6}},
    )
    return Search(plan, tracker)
