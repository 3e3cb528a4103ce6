"""What routing decisions lost against the best instance by one fixed cost model, the same for all policies."""

from blis.fitness.objectives import Objective, Scale
from evolve.records import Record

#: A mean that may well be 0, so it is counted from 1 ms: a regret below that is as good as none.
JUDGED = {"reference-regret": Objective(-1, Scale.COUNT)}
NEEDS_TRACE = True

FIGURE = "regret/reference_mean_ms"


def value(name: str, record: Record, complexity: float) -> float | None:
    """The mean regret of a routing decision [ms]; None without a trace."""
    return record.figures.get(FIGURE)
