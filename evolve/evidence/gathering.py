"""Asks all questions of the champion in a run folder."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from blis.foundation.errors import ConfigError
from evolve.comparing import Objective, comparison
from evolve.comparing.hierarchy import Hierarchy, hierarchy_of
from evolve.comparing.objectives import read_objectives
from evolve.comparing.sequential import compare_until, own_seeds
from evolve.evidence import Condition, ablation, ceiling, classes, sensitivity, sweeps
from evolve.evidence.applying import TODAY
from evolve.evidence.dossier import Dossier
from evolve.evidence.laboratory import Laboratory
from evolve.evidence.notes import constraint_notes, repetition_notes, undefined_notes
from evolve.evidence.options import Options
from evolve.evidence.page import MOST_RIVALS
from evolve.evidence.random_rival import NAME
from evolve.evidence.rivals import other_rivals, random_search_rival
from evolve.evidence.searched import digest, read_run
from evolve.judging.goals import Goals
from evolve.records import Phenotype
from evolve.settings import Settings
from evolve.trials.suite import ROLES, Suite, SuiteScenario


def gather(folder: Path, options: Options, done: Callable[[str, int], None]) -> Dossier:
    """Measure everything.

    Parameters
    ----------
    folder : Path
        The run folder of a search.
    options : Options
    done : callable
        Told the question that is being asked, and how many more simulations are finished.

    Raises
    ------
    ConfigError
        If the folder holds no search, or its files are not what a search writes.
    """
    document, settings, champion, lineage = read_run(folder, options.allow_python)
    notes = list(settings.notes)
    if "test" not in (lineage.get("fitness") or {}):
        notes.append("the search did not come to its end: this is its best so far, which nobody judged again.")
    if lineage.get("choice"):
        notes.append(str(lineage["choice"]))
    objectives = objectives_of(settings.rules.goals, notes)
    rivals = {**settings.baselines, **other_rivals(options, settings)}
    random = random_search_rival(folder, document, settings, options, done, notes)
    if random is not None:
        rivals[NAME] = random
    held_out = settings.suite.scenarios[ROLES[-1]]
    names = [one.name for one in held_out]
    some = _one_of_each(held_out)
    if len(some) < len(names):
        notes.append("classes, parts, numbers, sweeps and ceilings were looked at on one member of each family.")
    swept = sweeps.questions(held_out)
    seed_at = own_seeds(digest(document, champion))
    seeds = [seed_at(place) for place in range(options.precision.first_seeds)]
    few = [seed_at(place) for place in range(options.sweep_seeds)]
    question = [""]
    laboratory = Laboratory(
        held_out,
        [at(name, value) for values, at in swept.values() for name in some for value in values],
        options.evaluator,
        lambda count: done(question[0], count),
        settings.rules.goals.needs_trace,
    )
    genes = [gene.name for gene in settings.problem.genes]
    common: dict[str, Any] = {"objectives": objectives, "measure": laboratory.measure, "seed": options.seed}
    try:
        question[0] = "rivals"
        comparisons = compare_until(
            champion, rivals, names, objectives, laboratory.measure_cells, seed_at, options.precision, options.seed
        )
        comparisons = [replace(one, hierarchy=_hierarchy(settings.suite)) for one in comparisons]
        runs = laboratory.measure([champion], [Condition(name) for name in names], seeds)[0]
        notes += repetition_notes(names, runs)
        judged = laboratory.judge(settings.rules, settings.baselines).score([champion], ROLES[-1], seeds)[0]
        question[0] = "classes"
        strongest = [one.rival for one in comparison.by_strength(comparisons)][:MOST_RIVALS]
        hardest = strongest[0] if options.today is None else TODAY
        few_rivals = {name: rivals[name] for name in rivals if name in (*strongest, NAME, TODAY)}
        by_class = classes.examine(champion, rivals[hardest], some, few, laboratory.class_figures)
        question[0] = "ablation"
        parts = ablation.examine(champion, genes, some, few, **common)
        question[0] = "sensitivity"
        changes = sensitivity.examine(champion, genes, some, few, **common)
        found = {}
        for asked, (values, at) in swept.items():
            question[0] = asked
            found[asked] = sweeps.examine(champion, few_rivals, values, at, some, few, **common)
        question[0] = "ceiling"
        looked_at = [one for one in held_out if one.name in some]
        room = _ceiling(
            champion,
            settings,
            comparisons,
            looked_at,
            objectives,
            seed_at,
            options,
            lambda n: done("ceiling", n),
            notes,
        )
    finally:
        laboratory.close()
    notes += constraint_notes(judged.reasons)
    notes += undefined_notes(comparisons)
    return Dossier(
        name=settings.labels.title,
        policies=champion.policies,
        limits=champion.limits,
        description=[f"{gene}: {text}" for gene, text in (lineage.get("formula") or {}).items()],
        scenarios=names,
        precision=options.precision,
        objectives={one.name: one.weight for one in objectives},
        violation=judged.score.violation,
        comparisons=comparisons,
        class_rival=hardest,
        classes=by_class,
        parts=parts,
        changes=changes,
        load=found["loads"],
        staleness=found["staleness"],
        physics=found["prices"],
        ceiling=room,
        notes=notes,
    )


def _hierarchy(suite: Suite) -> Hierarchy | None:
    """The families of the test, and which of them the search has met."""
    return hierarchy_of(suite.scenarios[ROLES[-1]], [one for role in ROLES[:-1] for one in suite.scenarios[role]])


def _one_of_each(scenarios: Sequence[SuiteScenario]) -> list[str]:
    """The first member of each family, and whatever has none."""
    first: dict[str, str] = {}
    for one in scenarios:
        first.setdefault(one.name if one.family is None else f"family {one.family}", one.name)
    return list(first.values())


def _ceiling(
    champion: Phenotype,
    settings: Settings,
    comparisons: Sequence[comparison.Comparison],
    scenarios: Sequence[SuiteScenario],
    objectives: Sequence[Objective],
    seed_at: Callable[[int], int],
    options: Options,
    done: Callable[[int], None],
    notes: list[str],
) -> ceiling.Ceiling | None:
    """What a look-ahead reaches, if it is asked for and can be told."""
    if options.extent is None:
        return None
    if settings.rules.goals.needs_trace:
        notes.append("ceiling: objectives that are read off traced decisions cannot be looked ahead for.")
        return None
    found = ceiling.examine(
        champion,
        settings.baselines,
        comparisons,
        scenarios,
        objectives,
        seed_at,
        options.extent,
        options.seed,
        done,
    )
    left_out = [one.name for one in scenarios] if found is None else found.left_out
    if left_out:
        notes.append(f"ceiling: {', '.join(left_out)} are left out, since every seed gives the same requests.")
    for name, share in found.foreknown.items() if found else ():
        notes.append(
            f"ceiling: in {name} {share:.0%} of the requests go on with what has begun; the look-ahead knows these."
        )
    return found


def objectives_of(goals: Goals, notes: list[str]) -> list[Objective]:
    """The objectives that are figures of a run: complexity is not, it is left out, and a note says so."""
    objectives = [one for one in read_objectives(goals) if one.name != "complexity"]
    if "complexity" in goals.objectives:
        notes.append("objective complexity is no figure of a run; the comparisons leave it out.")
    if not objectives:
        raise ConfigError(
            "objectives must have one that is a figure of a run, to compare policies by; got complexity alone."
        )
    return objectives
