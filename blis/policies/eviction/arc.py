"""Of blocks used once and blocks used again, each oldest first, those go of whose kind there are too many.

How many of the first kind there should be is learned: more if blocks come back that were evicted from them, fewer if
blocks come back that were evicted from the others. Wise where scans and hot prefixes share an instance, and nobody
knows how much memory each should have: it needs no number.

Source: Megiddo and Modha, "ARC: a self-tuning, low overhead replacement cache", FAST 2003. As vLLM's tier of KV blocks
has it (`v1/kv_offload/cpu/policies/arc.py`), each list of evicted blocks is as long as the cache, and blocks in use are
passed over. Differs in that blocks come in runs: the target moves by the step of the paper times the blocks that came
back, when the request that computed them again gives them back, and a chain goes from its end, whichever queue its
parts are in.
"""

from typing import NamedTuple

from blis.engine.views import BlocksView
from blis.foundation.units import Float64Vector

N_QUEUES = 2
REMEMBERS_INSTANCES_APART = True
_ONCE, _AGAIN = range(2)


class Params(NamedTuple):
    """No parameters."""


def ghost_share(params: Float64Vector) -> float:
    """All of an instance's blocks, of each kind."""
    return 1.0


def memory_size(n_instances: int, n_requests: int) -> int:
    """Of each instance the target: blocks that were used once."""
    return n_instances


def queue(view: BlocksView, params: Float64Vector, memory: Float64Vector) -> int:
    """1 for blocks used again, also if they were evicted in between, which moves the target; else 0."""
    once, again, found = view.ghost_blocks[_ONCE], view.ghost_blocks[_AGAIN], view.ghost_blocks_found
    target = memory[view.instance]
    if view.ghost_queue == _ONCE:
        step = max(1.0, again / max(1.0, once + found))
        memory[view.instance] = min(float(view.total_blocks), target + step * found)
    elif view.ghost_queue == _AGAIN:
        step = max(1.0, once / max(1.0, again + found))
        memory[view.instance] = max(0.0, target - step * found)
    return _AGAIN if view.uses > 1 or view.ghost_queue >= 0 else _ONCE


def give_way(view: BlocksView, params: Float64Vector, memory: Float64Vector) -> int:
    """0 if there are as many blocks that were used once as there should be, else 1."""
    return _ONCE if view.queue_blocks[_ONCE] >= max(1, int(memory[view.instance])) else _AGAIN


def rank(view: BlocksView, params: Float64Vector, memory: Float64Vector) -> float:
    """0: within a queue, those given back earlier go first."""
    return 0.0
