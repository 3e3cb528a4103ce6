"""The blocks given back longest ago go first.

What vLLM does. Wise by default: it needs no number and follows every change. A scan of prompts that nobody repeats
pushes out what is asked for again and again, if more of it comes between two uses than memory holds.

Source: vLLM's free list (`vllm/v1/core/kv_cache_utils.py`): blocks are freed last one first, and taken from its front.
"""

from typing import NamedTuple

from blis.engine.views import BlocksView
from blis.foundation.units import Float64Vector

EVICTS_OLDEST = True


class Params(NamedTuple):
    """No parameters."""


def rank(view: BlocksView, params: Float64Vector, memory: Float64Vector) -> float:
    """0: of equals, those given back earlier go first."""
    return 0.0
