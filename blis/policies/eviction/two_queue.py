"""New blocks stand in a short line and go first; only those that come back after they have gone are kept for long.

Wise against scans where what is hot comes back soon after it was evicted; two uses in short order, such as the turns of
one conversation, prove nothing to it.

Source: Johnson and Shasha, "2Q: a low overhead high performance buffer management replacement algorithm", VLDB 1994,
its full version, with the shares that it advises. Differs in that blocks come in runs, and a chain goes from its end,
whichever queue its parts are in.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import BlocksView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

N_QUEUES = 2
_NEW, _PROVEN = range(2)


class Params(NamedTuple):
    """How long the line is, and how long it is remembered who left it."""

    new_share: Annotated[float, Bounds(0.0, 1.0, "share of the instance's blocks")] = 0.25
    remembered_share: Annotated[float, Bounds(0.0, 4.0, "share of the instance's blocks")] = 0.5


def ghost_share(params: Float64Vector) -> float:
    """As the parameter says."""
    return float(params[1])


def queue(view: BlocksView, params: Float64Vector, memory: Float64Vector) -> int:
    """1 for blocks that have come back after they left the line, and from then on; else 0."""
    return _PROVEN if view.in_queue == _PROVEN or view.ghost_queue == _NEW else _NEW


def give_way(view: BlocksView, params: Float64Vector, memory: Float64Vector) -> int:
    """0 if the line is too long, else 1."""
    return _NEW if view.queue_blocks[_NEW] > params[0] * view.total_blocks else _PROVEN


def rank(view: BlocksView, params: Float64Vector, memory: Float64Vector) -> float:
    """In the line the time at which they came; behind it 0, so that those given back earlier go first."""
    if view.in_queue == _PROVEN or view.ghost_queue == _NEW:
        return 0.0
    return float(view.since_us)
