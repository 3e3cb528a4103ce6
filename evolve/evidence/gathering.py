"""Asks all questions of the champion in a run folder."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from blis.foundation.errors import ConfigError
from evolve.comparing import Objective
from evolve.comparing.objectives import read_objectives
from evolve.comparing.sequential import own_seeds
from evolve.evidence.dossier import Dossier
from evolve.evidence.inquiry import Inquiry
from evolve.evidence.notes import constraint_notes, undefined_notes
from evolve.evidence.options import Options
from evolve.evidence.random_rival import NAME
from evolve.evidence.rivals import other_rivals, random_search_rival
from evolve.evidence.searched import digest, read_run
from evolve.judging.goals import Goals
from evolve.settings import Settings


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
    notes = _notes(settings, lineage)
    objectives = objectives_of(settings.rules.goals, notes)
    rivals = {**settings.baselines, **other_rivals(options, settings)}
    random = random_search_rival(folder, document, settings, options, done, notes)
    if random is not None:
        rivals[NAME] = random
    seed_at = own_seeds(digest(document, champion))
    inquiry = Inquiry(champion, rivals, objectives, settings, options, seed_at, done, notes)
    if len(inquiry.some) < len(inquiry.names):
        notes.append("classes, parts, numbers, sweeps and ceilings were looked at on one member of each family.")
    try:
        return _dossier(inquiry, lineage)
    finally:
        inquiry.close()


def _notes(settings: Settings, lineage: Mapping[str, Any]) -> list[str]:
    """What the search itself says to people."""
    notes = list(settings.notes)
    if "test" not in (lineage.get("fitness") or {}):
        notes.append("the search did not come to its end: this is its best so far, which nobody judged again.")
    if lineage.get("choice"):
        notes.append(str(lineage["choice"]))
    return notes


def _dossier(inquiry: Inquiry, lineage: Mapping[str, Any]) -> Dossier:
    """The answers to every question."""
    champion, settings = inquiry.champion, inquiry.settings
    comparisons = inquiry.comparisons()
    judged = inquiry.judged()
    hardest = inquiry.hardest(comparisons)
    by_class = inquiry.classes(hardest)
    of_genes = inquiry.of_genes()
    swept = inquiry.swept(comparisons)
    room = inquiry.ceiling(comparisons)
    return Dossier(
        name=settings.labels.title,
        policies=champion.policies,
        limits=champion.limits,
        description=[f"{gene}: {text}" for gene, text in (lineage.get("formula") or {}).items()],
        scenarios=inquiry.names,
        precision=inquiry.options.precision,
        objectives={one.name: one.weight for one in inquiry.objectives},
        violation=judged.score.violation,
        comparisons=comparisons,
        class_rival=hardest,
        classes=by_class,
        **of_genes,
        load=swept["loads"],
        staleness=swept["staleness"],
        physics=swept["prices"],
        ceiling=room,
        notes=[*inquiry.notes, *constraint_notes(judged.reasons), *undefined_notes(comparisons)],
    )


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
