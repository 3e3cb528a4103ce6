"""What a search tells its trackers at the beginning and the end, and the files that it leaves in its run folder."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

from blis.output.run_folder import source_commit
from evolve.judging.fitness import Judgement
from evolve.outcome import Finals
from evolve.outcome.champion import (
    source_files,
    write_best_so_far,
    write_champion,
    write_endpoint_picker,
    write_front,
    write_scorer_port,
)
from evolve.outcome.figures import CHAMPION, Story, write_figures
from evolve.outcome.files import write_text_whole
from evolve.outcome.history import write_history
from evolve.outcome.run_folder import CONFIG
from evolve.outcome.summary import summary_text, unfinished_text
from evolve.plan import Plan
from evolve.plan.budget import Spending
from evolve.records import Phenotype
from evolve.selection.individual import Individual
from evolve.trackers import Candidate, SearchEnd, SearchStart
from evolve.trackers.flat import flat

SUMMARY, FIGURES = "summary.md", "figures"
#: What the figures show of a candidate.
_SHOWN = ("genome", "fitness", "objectives", "violation")


def starting(plan: Plan, spending: Spending, baselines: Mapping[str, Judgement], is_resumed: bool) -> SearchStart:
    """What trackers hear first."""
    labels = plan.labels
    commit = source_commit()
    limits = {key: value for key, value in plan.document["budget"].items() if value is not None}
    return SearchStart(
        folder=plan.folder,
        name=labels.title,
        parameters={
            "problem": labels.problem,
            "algorithm": labels.algorithm,
            "suite": labels.suite,
            "seed": labels.seed,
            "objectives": ", ".join(plan.objectives),
            **{f"budget/{key}": value for key, value in limits.items()},
        },
        tags={} if commit is None else {"git_commit": commit},
        config=plan.document,
        baselines={name: _figures(judgement) for name, judgement in baselines.items()},
        is_resumed=is_resumed,
        evaluations=spending.evaluations,
        budget_evaluations=plan.budget.evaluations or 0,
        generations=plan.budget.generations or 0,
    )


def leave(
    plan: Plan,
    spending: Spending,
    finals: Finals,
    rows: Iterable[Mapping[str, Any]],
    baselines: Mapping[str, Judgement],
) -> SearchEnd:
    """Write everything that a finished search leaves behind; what trackers hear last. Rows are gone through twice."""
    tables = write_history(rows, plan.folder)
    written = [write_champion(plan, finals)]
    if len(plan.objectives) > 1:
        written += write_front(plan, finals.front)
    write_text_whole(plan.folder / SUMMARY, summary_text(plan, spending, finals))
    written += source_files(written[0])
    story = _story(plan, rows, baselines, finals)
    written += [*write_endpoint_picker(plan, finals), *write_scorer_port(plan, finals)]
    written += [plan.folder / SUMMARY, *tables, *write_figures(plan.folder / FIGURES, story)]
    return SearchEnd(
        status="finished",
        figures={
            "fitness/train": finals.champion.train.score.fitness,
            "fitness/validation": finals.champion.validation.score.fitness,
            "fitness/test": finals.test.score.fitness,
            **{name: float(value) for name, value in spending.state().items()},
        },
        candidates=_candidates(plan, finals),
        artifacts=[*written, plan.folder / CONFIG],
    )


def leave_unfinished(
    plan: Plan, best: Sequence[Individual], rows: Iterable[Mapping[str, Any]], status: str
) -> list[Path]:
    """Write the best so far of a search that did not come to its end, and its history; the paths of all."""
    if not best:
        return []
    tables = write_history(rows, plan.folder)
    champion = write_best_so_far(plan, best[0], status)
    write_text_whole(plan.folder / SUMMARY, unfinished_text(plan, best[0], status))
    return [champion, *source_files(champion), plan.folder / SUMMARY, *tables]


def _story(plan: Plan, rows: Iterable[Mapping[str, Any]], baselines: Mapping[str, Judgement], finals: Finals) -> Story:
    """What the figures show: of each generation those candidates that climbed to the last rung."""
    generations: dict[int, dict[int, Mapping[str, Any]]] = {}
    for row in rows:
        if row["stage"] == "search" and row["rungs_short"] == 0:
            shown = {name: row[name] for name in _SHOWN}  # a whole row would keep its figures in memory
            generations.setdefault(row["generation"], {})[row["candidate"]] = shown
    tops = [list(candidates.values()) for candidates in generations.values()]
    fitness = [[row["fitness"] for row in candidates] for candidates in tops]
    return Story(
        name=plan.labels.title,
        fitness={
            "best": [max(values) for values in fitness],
            "median": [median(values) for values in fitness],
            "worst": [min(values) for values in fitness],
        },
        best=[max(candidates, key=lambda row: row["fitness"])["genome"] for candidates in tops],
        baselines={name: judgement.score.fitness for name, judgement in baselines.items()},
        objectives=plan.objectives,
        candidates=[row["objectives"] for candidates in tops for row in candidates if row["violation"] == 0.0],
        front=[member.individual.score.objectives for member in finals.front],
        scenarios={
            name: {scenario: geometric_mean(values) for scenario, values in judgement.values.items()}
            for name, judgement in {**finals.baselines["test"], CHAMPION: finals.test}.items()
        },
    )


def _candidates(plan: Plan, finals: Finals) -> list[Candidate]:
    """Rows of their own for the baselines, the front and the champion, with figures of the same names."""
    problem, champion = plan.problem, finals.champion
    roles = finals.baselines
    rows = [
        _candidate(name, "baseline", plan.baselines[name], {role: judged[name] for role, judged in roles.items()})
        for name in roles["train"]
    ]
    if len(plan.objectives) > 1:
        rows += [
            _candidate(
                f"{place:02d}", "pareto", problem.decode(member.individual.genome),
                {"train": member.train, "validation": member.validation},
            )
            for place, member in enumerate(finals.front, 1)
        ]  # fmt: skip
    judgements = {"train": champion.train, "validation": champion.validation, "test": finals.test}
    return [*rows, _candidate("champion", "champion", problem.decode(champion.individual.genome), judgements)]


def _candidate(name: str, role: str, phenotype: Phenotype, judgements: Mapping[str, Judgement]) -> Candidate:
    parameters = {key: value for key, value in flat(phenotype.policies).items() if value is not None}
    figures: dict[str, float] = {}
    for where, judgement in judgements.items():
        figures[f"{where}/fitness"] = judgement.score.fitness
        figures |= {f"{where}/{figure}": value for figure, value in _figures(judgement).items()}
    return Candidate(name, role, {**parameters, **phenotype.limits}, figures)


def _figures(judgement: Judgement) -> dict[str, float]:
    """The mean figures that have a value."""
    return {name: value for name, value in judgement.figures.items() if value is not None}
