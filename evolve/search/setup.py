"""From settings to a plan whose parts are ready: workloads, evaluator, judge, algorithm."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from blis.foundation.randomness import stream
from evolve.evaluators import Evaluator
from evolve.evaluators.opening import open_evaluator
from evolve.judging.fitness import Judge
from evolve.plan import Plan
from evolve.practice.practice import Practice
from evolve.records import Phenotype, Record
from evolve.settings import Settings
from evolve.trials.workloads import Workloads


def open_plan(settings: Settings, folder: Path) -> tuple[Plan, Evaluator]:
    """The plan of a search, and the evaluator that its judge uses, to be closed at the end.

    Raises
    ------
    ConfigError
        If the algorithm does not fit the problem, or the evaluator is wrong or cannot be reached.
    """
    problem = settings.problem
    known = [problem.encode(one.policies, one.limits) for one in settings.baselines.values() if not one.allows_python]
    first = tuple({problem.digest(genome): genome for genome in known if genome is not None}.values())
    draws = partial(stream, settings.seed, "search")
    workloads = Workloads(settings.suite)
    practice = None
    if getattr(settings.algorithm, "NEEDS_LESSONS", False):
        (weights,), top = settings.rules.goals.groups, settings.ladder.top
        practice = Practice(workloads, weights, top.seeds, top.num_requests)
    lessons = () if practice is None else (practice,)
    algorithm = settings.algorithm.search(problem, settings.params, draws, first, *lessons)
    evaluator = open_evaluator("evaluator", settings.evaluator, workloads)
    store: dict[str, Record] = {}
    judge = Judge(workloads, settings.rules, settings.baselines, evaluator, store, _complexity(settings))
    plan = Plan(
        folder=folder,
        labels=settings.labels,
        problem=problem,
        algorithm=algorithm,
        suite=settings.suite,
        judge=judge,
        baselines=settings.baselines,
        store=store,
        goals=settings.rules.goals,
        first=first,
        ladder=settings.ladder,
        budget=settings.budget,
        finalists=settings.finalists,
        document=settings.document,
        notes=settings.notes,
        practice=practice,
        circumstances=evaluator.circumstances,
    )
    return plan, evaluator


def _complexity(settings: Settings) -> Callable[[Phenotype], float]:
    """Complexity of a phenotype: that of its genome; of one that is no genome of the problem, a single part's."""
    is_wanted = "complexity" in settings.rules.goals.objectives

    def complexity(phenotype: Phenotype) -> float:
        if not is_wanted:  # to find the genome of a phenotype takes longer than to judge it
            return 0.0
        is_python = phenotype.allows_python
        genome = None if is_python else settings.problem.encode(phenotype.policies, phenotype.limits)
        return 1.0 if genome is None else settings.problem.complexity(genome)

    return complexity
