"""Which instances a run moves: in a branch, those that may do otherwise than they did."""

from blis.engine._jit import kernel
from blis.engine.codes import FIRST_LIVE, SECOND_LIVE
from blis.foundation.units import Int64Vector


@kernel
def is_live(cluster: Int64Vector, instance: int) -> bool:
    """Whether an instance is run, and does not just do as it did."""
    return cluster[FIRST_LIVE] == 0 or cluster[FIRST_LIVE] == instance + 1 or cluster[SECOND_LIVE] == instance + 1
