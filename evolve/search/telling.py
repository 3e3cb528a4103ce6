"""What trackers hear of a generation: how good its candidates and the best so far are, what was spent, how fast."""

from collections.abc import Sequence
from statistics import median

from evolve.plan import Plan
from evolve.records import Score
from evolve.search.ledger import Ledger
from evolve.selection.individual import Individual
from evolve.selection.ranking import hypervolume
from evolve.trackers import GenerationReport


def generation_report(
    plan: Plan,
    ledger: Ledger,
    best: Sequence[Individual],
    scores: Sequence[Score],
    n_behaviours: int,
    timing: tuple[int, int, float],
) -> GenerationReport:
    """The report.

    Parameters
    ----------
    plan : Plan
    ledger : Ledger
    best : sequence of Individual
        Of the archive, the best first.
    scores : sequence of Score
        Of the generation's candidates, at least one.
    n_behaviours : int
        How many of these decide differently.
    timing : (generation, evaluations, seconds)
        Its number, how many simulations were run for it, and the wall clock that it took [s].
    """
    generation, evaluations, elapsed_s = timing
    top = best[0]
    return GenerationReport(
        generation,
        _figures(plan, ledger, best, scores, n_behaviours),
        {
            "evaluations_per_second": evaluations / elapsed_s,
            "generation_seconds": elapsed_s,
            **{f"evaluator/{name}": value for name, value in plan.circumstances().items()},
        },
        top.genome,
        top.score,
        ledger.spending.evaluations,
        plan.budget.evaluations or 0,
    )


def _figures(
    plan: Plan, ledger: Ledger, best: Sequence[Individual], scores: Sequence[Score], n_behaviours: int
) -> dict[str, float]:
    spending, top = ledger.spending, best[0]
    fitness = [score.fitness for score in scores if not score.rungs_short]
    return {
        "fitness/best": max(fitness),
        "fitness/best_so_far": top.score.fitness,
        "fitness/median": median(fitness),
        "fitness/worst": min(fitness),
        **{f"objective/{name}": value for name, value in zip(plan.objectives, top.score.objectives, strict=True)},
        "hypervolume": hypervolume([individual.score for individual in best]),
        "diversity": n_behaviours / len(scores),
        "complexity": float(top.size),
        "evaluations": float(spending.evaluations),
        "requests": float(spending.requests),
        "lesson_requests": float(spending.lesson_requests),
        "cache_hits": float(spending.cache_hits),
        "failures": float(spending.failures),
        **{f"best/{name}": value for name, value in _of_best(plan, ledger, top).items()},
    }


def _of_best(plan: Plan, ledger: Ledger, individual: Individual) -> dict[str, float]:
    """Mean figures of an individual at full fidelity, which are known, and its anomalies and regret.

    Those need a trace: each new best one is simulated once more in each scenario, which the budget does not pay.
    """
    phenotype = ledger.behaviours[plan.behaviour(individual.genome)]
    top, seeds = plan.ladder.top, plan.suite.seeds["train"]
    (judgement,) = plan.judge.score([phenotype], "train", seeds[: top.seeds], top.num_requests)
    figures = {**judgement.figures, **plan.judge.explain(phenotype, "train", seeds[:1], top.num_requests)}
    return {name: value for name, value in figures.items() if value is not None}
