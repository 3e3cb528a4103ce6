"""Is the champion better than each rival, on which scenarios, and in which objectives?"""

from collections.abc import Sequence

from evolve.comparing import Objective
from evolve.comparing.comparison import Comparison, compare
from evolve.evidence import Condition, Measure, Policies
from evolve.records import Phenotype


def examine(
    champion: Phenotype,
    rivals: Policies,
    scenarios: Sequence[str],
    seeds: Sequence[int],
    objectives: Sequence[Objective],
    measure: Measure,
    seed: int,
) -> list[Comparison]:
    """One comparison for each rival, on the same requests."""
    records = measure([champion, *rivals.values()], [Condition(name) for name in scenarios], seeds)
    return [
        compare(name, scenarios, records[0], theirs, objectives, seed)
        for name, theirs in zip(rivals, records[1:], strict=True)
    ]
