"""Blocks used twice are protected from those used once; too many protected ones lose the protection, oldest first.

Wise against scans where what is hot is used again while it is still there. What was protected once stays so until
others push it out, so a change of the traffic is followed slowly.

Source: Karedla, Love and Wherry, "Caching strategies to improve disk system performance", IEEE Computer 27(3), 1994;
SGLang has it as `slru`.
"""

from typing import Annotated, NamedTuple

from blis.engine.queues import move
from blis.engine.views import BlocksView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

N_QUEUES = 2
_PROBATION, _PROTECTED = range(2)


class Params(NamedTuple):
    """What may be protected."""

    protected_share: Annotated[float, Bounds(0.0, 1.0, "share of the instance's blocks")] = 0.8


def queue(view: BlocksView, params: Float64Vector, memory: Float64Vector) -> int:
    """1 for blocks used again, else 0."""
    return _PROTECTED if view.uses > 1 else _PROBATION


def give_way(view: BlocksView, params: Float64Vector, memory: Float64Vector) -> int:
    """0, after those too many have lost their protection."""
    if view.head_blocks[_PROTECTED] > 0 and view.queue_blocks[_PROTECTED] > params[0] * view.total_blocks:
        return move(_PROTECTED, _PROBATION)
    return _PROBATION


def rank(view: BlocksView, params: Float64Vector, memory: Float64Vector) -> float:
    """0: within a queue, those given back earlier go first."""
    return 0.0
