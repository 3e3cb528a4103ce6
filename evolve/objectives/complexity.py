"""How much of a policy a reader has to understand: free constants, scorers in use, nodes of a formula."""

from blis.fitness.objectives import Objective, Scale
from evolve.records import Record

#: Counted from 0, the complexity of a policy without any constant.
JUDGED = {"complexity": Objective(-1, Scale.COUNT)}


def value(name: str, record: Record, complexity: float) -> float | None:
    """The genome's complexity, whatever came of it."""
    return complexity
