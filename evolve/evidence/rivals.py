"""Whom a champion meets beside the baselines of its search: policies of files, what runs today, and random search."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from blis.foundation.errors import ConfigError
from evolve.evidence.applying import TODAY
from evolve.evidence.options import Options
from evolve.evidence.random_rival import rival_of, search_rival, stored_rival
from evolve.evidence.sweep_table import is_random
from evolve.genomes import source
from evolve.records import Phenotype
from evolve.settings import Settings


def other_rivals(options: Options, settings: Settings) -> dict[str, Phenotype]:
    """Rivals that the search did not have: those of files, and what runs today, if it was told."""
    for name in options.rivals:
        if name in settings.baselines:
            raise ConfigError(f"rivals: {name!r} is a baseline of the search already; call the file otherwise.")
    if options.today is None:
        return {**options.rivals}
    if TODAY in settings.baselines or TODAY in options.rivals:
        raise ConfigError(f"today must not be given where there is a rival {TODAY!r} already; leave one of them out.")
    return {**options.rivals, TODAY: options.today}


def random_search_rival(
    folder: Path,
    document: Mapping[str, Any],
    settings: Settings,
    options: Options,
    done: Callable[[str, int], None],
    notes: list[str],
) -> Phenotype | None:
    """The champion of a random search with the same budget, found or made; None, and a note why, if there is none."""
    if is_random(settings.labels.algorithm):
        notes.append("this is a random search itself.")
        return None
    found = stored_rival(folder, document)
    if found is not None:
        notes.append(f"random search with the same budget: {found[1]}.")
        return found[0]
    if any(isinstance(gene, source.GeneKind) for gene in settings.problem.genes):
        notes.append("NOT compared with random search, because source cannot be drawn at random.")
        return None
    if not options.random_search:
        notes.append("NOT compared with random search (random_search=false, and no such search was found).")
        return None
    its_own = Settings.from_mapping({**rival_of(document), "evaluator": options.evaluator}, options.allow_python)
    rival = search_rival(folder, its_own, lambda count: done("random search", count))
    notes.append(f"random search with the same budget: {folder / 'random-search'}.")
    return rival
