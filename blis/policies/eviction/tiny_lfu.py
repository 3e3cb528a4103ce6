"""New blocks stay only if they have been used more often of late than the blocks that would have to go for them.

Uses are counted whether the blocks are there or not, and forgotten by and by. A small window takes all that is new;
behind it blocks used once, and those used again, are kept as `slru` keeps them. Wise where popularity lasts: a scan
never gets in. What is new and hot has to show it first, by coming back.

Source: Einziger, Friedman and Manes, "TinyLFU: a highly efficient cache admission policy", ACM Transactions on Storage
13(4), 2017, as W-TinyLFU, with its shares. Differs in that runs of blocks compete, counted once for all of their blocks
(`blis.engine.frequencies`); in that room for what is kept changes with the memory that running requests hold, so that
it is filled without a contest only once; and in that a chain goes from its end, whichever queue its parts are in.
"""

from typing import Annotated, NamedTuple

from blis.engine.queues import move
from blis.engine.views import BlocksView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

N_QUEUES = 3
NEEDS = frozenset({"frequency"})
REMEMBERS_INSTANCES_APART = True
_WINDOW, _PROBATION, _PROTECTED = range(3)


class Params(NamedTuple):
    """How free blocks are shared out."""

    window_share: Annotated[float, Bounds(0.0, 1.0, "share of the free blocks with content")] = 0.01
    protected_share: Annotated[float, Bounds(0.0, 1.0, "share of those behind the window")] = 0.8


def memory_size(n_instances: int, n_requests: int) -> int:
    """Of each instance whether what lies behind the window has been filled once."""
    return n_instances


def queue(view: BlocksView, params: Float64Vector, memory: Float64Vector) -> int:
    """The window for what is new, protection for what is used behind it."""
    return _PROTECTED if view.in_queue >= _PROBATION else _WINDOW


def give_way(view: BlocksView, params: Float64Vector, memory: Float64Vector) -> int:
    """The window, if it is too large and its first blocks are not used more than those that they would replace."""
    window, blocks = view.queue_blocks[_WINDOW], view.queue_blocks
    cached = window + blocks[_PROBATION] + blocks[_PROTECTED]
    behind = (1.0 - params[0]) * cached
    if view.head_blocks[_PROTECTED] > 0 and blocks[_PROTECTED] > params[1] * behind:
        return move(_PROTECTED, _PROBATION)
    rival = _PROBATION if view.head_blocks[_PROBATION] > 0 else _PROTECTED
    if view.head_blocks[_WINDOW] == 0 or window <= params[0] * cached:
        return rival
    if memory[view.instance] == 0.0:
        if cached - window + view.head_blocks[_WINDOW] <= behind:
            return move(_WINDOW, _PROBATION)
        memory[view.instance] = 1.0
    if view.head_blocks[rival] > 0 and view.head_frequency[_WINDOW] > view.head_frequency[rival]:
        return move(_WINDOW, _PROBATION)
    return _WINDOW


def rank(view: BlocksView, params: Float64Vector, memory: Float64Vector) -> float:
    """0: within a queue, those given back earlier go first."""
    return 0.0
