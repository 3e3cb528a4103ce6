"""A champion against the baselines of its search and further rivals, by the report's judge."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from evolve.comparing.comparison import Comparison
from evolve.comparing.hierarchy import hierarchy_of
from evolve.comparing.objectives import read_objectives
from evolve.comparing.sequential import Precision, compare_until, own_seeds
from evolve.evidence.laboratory import Laboratory
from evolve.evidence.searched import digest, read_run
from evolve.records import Phenotype
from evolve.trials.suite import ROLES, SuiteScenario


def compared(
    folder: Path,
    rivals: Mapping[str, Phenotype],
    precision: Precision,
    scenarios: Sequence[SuiteScenario] | None = None,
    seeds: Callable[[int], int] | None = None,
) -> list[Comparison]:
    """Compare as `python -m evolve.report FOLDER` does, on the search's test with seeds of its own, or elsewhere.

    Parameters
    ----------
    folder : Path
        Of a finished search.
    rivals : mapping of str to Phenotype
        Beside the search's baselines.
    precision : Precision
    scenarios : sequence of SuiteScenario, optional
        None: the test of the search's suite.
    seeds : callable, optional
        Place -> seed; None: those of the report.
    """
    document, settings, champion, _ = read_run(folder, False)
    held_out = settings.suite.scenarios[ROLES[-1]] if scenarios is None else scenarios
    seen = [one for role in ROLES[:-1] for one in settings.suite.scenarios[role]]
    laboratory = Laboratory(held_out, [], settings.evaluator)
    try:
        found = compare_until(
            champion,
            {**settings.baselines, **rivals},
            [one.name for one in held_out],
            read_objectives(settings.rules.goals),
            laboratory.measure_cells,
            seeds or own_seeds(digest(document, champion)),
            precision,
            1,
        )
    finally:
        laboratory.close()
    return [replace(one, hierarchy=hierarchy_of(held_out, seen)) for one in found]
