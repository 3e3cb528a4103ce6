"""How often decisions went wrong: inversions, head-of-line blocking and their kin, as the trace counts them."""

from blis.fitness.objectives import Objective, Scale
from evolve.records import Record

JUDGED = {"anomalies": Objective(-1, Scale.COUNT)}
NEEDS_TRACE = True

#: Prefix of the figures that are summed, and of those that repeat some of them by the published, coarser definitions.
PREFIX, REPEATED = "anomaly/", "anomaly/published-"


def value(name: str, record: Record, complexity: float) -> float | None:
    """The sum of all anomalies; None without a trace."""
    counts = [
        count
        for figure, count in record.figures.items()
        if figure.startswith(PREFIX) and not figure.startswith(REPEATED)
    ]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
