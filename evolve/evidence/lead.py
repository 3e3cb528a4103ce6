"""Is the champion better than each rival, on which scenarios, and in which objectives?"""

from collections.abc import Callable, Sequence

from evolve.comparing import Objective
from evolve.comparing.comparison import Comparison
from evolve.comparing.sequential import MeasureCells, Precision, compare_until
from evolve.evidence import Policies
from evolve.records import Phenotype


def examine(
    champion: Phenotype,
    rivals: Policies,
    scenarios: Sequence[str],
    objectives: Sequence[Objective],
    measure: MeasureCells,
    seed_at: Callable[[int], int],
    precision: Precision,
    seed: int,
) -> list[Comparison]:
    """One comparison for each rival, on the same requests, as far as it takes to be sure."""
    return compare_until(champion, rivals, scenarios, objectives, measure, seed_at, precision, seed)
