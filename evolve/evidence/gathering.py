"""Asks all questions of the champion in a run folder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from blis.foundation.checks import check_flag, check_int
from blis.foundation.errors import ConfigError
from blis.workload.requests import MOST_REQUESTS
from evolve.comparing import Objective, comparison
from evolve.comparing.hierarchy import Hierarchy, hierarchy_of
from evolve.comparing.objectives import read_objectives
from evolve.comparing.sequential import Precision, own_seeds
from evolve.evidence import Condition, ablation, ceiling, classes, lead, sensitivity, sweeps
from evolve.evidence.applying import TODAY
from evolve.evidence.dossier import Dossier
from evolve.evidence.laboratory import Laboratory
from evolve.evidence.notes import constraint_notes, repetition_notes, undefined_notes
from evolve.evidence.page import MOST_RIVALS
from evolve.evidence.random_rival import NAME, rival_of, search_rival, stored_rival
from evolve.evidence.searched import digest, read_run
from evolve.evidence.sweep_table import is_random
from evolve.judging.baselines import bundle_policies
from evolve.judging.goals import Goals
from evolve.records import Phenotype
from evolve.settings import Settings
from evolve.trials.suite import ROLES, Suite, SuiteScenario


@dataclass(frozen=True, slots=True)
class Options:
    """How much evidence is wanted, and where it is measured."""

    evaluator: Mapping[str, Any] | str
    tracker: Mapping[str, Any] | str = "none"  #: see `evolve.trackers.opening`; the report is added to its store
    precision: Precision = field(default_factory=Precision)  #: of the comparison with each rival
    sweep_seeds: int = 6  #: seeds of the sweeps, and of ablation and sensitivity
    random_search: bool = True  #: search at random with the same budget where no such search is found
    extent: ceiling.Extent | None = None  #: of the look-ahead; None: nobody looks ahead
    seed: int = 1  #: of the bootstrap
    allow_python: bool = False  #: whether a baseline of the search may be a Python callable
    today: Phenotype | None = None  #: what runs today, a rival of its own
    rivals: Mapping[str, Phenotype] = field(default_factory=dict)  #: whom the champion meets beside the baselines

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any], allow_python: bool = False) -> "Options":
        """The options among the values of `conf/evolve_report.yaml`, which cannot allow Python callables itself.

        Raises
        ------
        ConfigError
            If a value is wrong.
        """
        if not isinstance(given["random_search"], bool):
            raise ConfigError(f"random_search must be true or false; got {given['random_search']!r}.")
        return cls(
            evaluator=given["evaluator"],
            tracker=given["tracker"],
            precision=Precision.checked(given["half_width"], given["first_seeds"], given["most_runs"]),
            sweep_seeds=check_int("sweep_seeds", given["sweep_seeds"], 2, 10_000),
            random_search=given["random_search"],
            extent=_extent(given),
            seed=check_int("seed", given["seed"], 0),
            allow_python=allow_python,
            today=None if given["today"] is None else bundle_policies("today", given["today"]),
            rivals=_rivals(given["rivals"]),
        )


def _rivals(paths: object) -> dict[str, Phenotype]:
    """The policies of bundles, by the names of their files."""
    if not isinstance(paths, Sequence) or isinstance(paths, str):
        raise ConfigError(f"rivals must be a list of policy bundles; got {paths!r}.")
    files = {Path(str(path)).stem: str(path) for path in paths}
    if len(files) < len(paths):
        raise ConfigError(f"rivals must be files of different names; got {', '.join(map(str, paths))}.")
    return {name: bundle_policies(f"rivals.{name}", path) for name, path in files.items()}


def _extent(given: Mapping[str, Any]) -> ceiling.Extent | None:
    """How far is looked ahead, if at all."""
    n_seeds = check_int("ceiling_seeds", given["ceiling_seeds"], 2, 10_000)
    num_requests = check_int("ceiling_requests", given["ceiling_requests"], 1, MOST_REQUESTS)
    return ceiling.Extent(n_seeds, num_requests) if check_flag("ceiling", given["ceiling"]) else None


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
    rivals = {**settings.baselines, **_others(options, settings)}
    random = _random_rival(folder, document, settings, options, done, notes)
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
        comparisons = lead.examine(
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


def _others(options: Options, settings: Settings) -> dict[str, Phenotype]:
    """Rivals that the search did not have: those of files, and what runs today, if it was told."""
    for name in options.rivals:
        if name in settings.baselines:
            raise ConfigError(f"rivals: {name!r} is a baseline of the search already; call the file otherwise.")
    if options.today is None:
        return {**options.rivals}
    if TODAY in settings.baselines or TODAY in options.rivals:
        raise ConfigError(f"today must not be given where there is a rival {TODAY!r} already; leave one of them out.")
    return {**options.rivals, TODAY: options.today}


def _random_rival(
    folder: Path,
    document: Mapping[str, Any],
    settings: Settings,
    options: Options,
    done: Callable[[str, int], None],
    notes: list[str],
) -> Phenotype | None:
    if is_random(settings.labels.algorithm):
        notes.append("this is a random search itself.")
        return None
    found = stored_rival(folder, document)
    if found is not None:
        notes.append(f"random search with the same budget: {found[1]}.")
        return found[0]
    if not options.random_search:
        notes.append("NOT compared with random search (random_search=false, and no such search was found).")
        return None
    its_own = Settings.from_mapping({**rival_of(document), "evaluator": options.evaluator}, options.allow_python)
    rival = search_rival(folder, its_own, lambda count: done("random search", count))
    notes.append(f"random search with the same budget: {folder / 'random-search'}.")
    return rival
