"""The blocks used least go first, where what goes raises what everything newer starts with.

Wise where popularity lasts. A block's uses are counted while it is there; without ageing what was popular once would
stay for ever, with it a block must be used about once for each level that evictions have risen since.

Source: Arlitt, Cherkasova, Dilley, Friedrich and Jin, "Evaluating content management techniques for web proxy caches",
ACM SIGMETRICS Performance Evaluation Review 27(4), 2000: LFU with dynamic aging, which `ageing` = 1 is.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import BlocksView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds


class Params(NamedTuple):
    """How fast uses of long ago lose their weight."""

    ageing: Annotated[float, Bounds(0.0, 1.0, "share of the key that was evicted last; 0: nothing ages")] = 1.0


def rank(view: BlocksView, params: Float64Vector, memory: Float64Vector) -> float:
    """Uses so far, above the key that was evicted last."""
    return float(view.uses + params[0] * view.evicted_key)
