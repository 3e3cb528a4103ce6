"""Compiles answers: the file that a name stands for becomes a function that kernels call by its address."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numba.core import config

from blis.engine import views
from blis.engine._jit import compiled
from blis.engine.fleet_view import SCALE
from blis.engine.line import no_line
from blis.engine.queues import only_queue
from blis.engine.reference import address_of
from blis.engine.swap_view import SWAP
from blis.engine.tier_rules_view import EVICT_AS, WRITE_AS
from blis.foundation.answers import FOLDERS, answer

#: The compiled signature of each question's verb.
SIGNATURES = {
    "admission": views.ADMIT,
    "filtering": views.KEEP,
    "routing": views.ROUTE,
    "scoring": views.SCORE,
    "priority": views.PRIORITISE,
    "scheduling": views.ORDER,
    "preemption": views.VICTIM,
    "eviction": views.RANK,
    "scaling": SCALE,
    "saturation": views.MEASURE,
    "fairness": views.CHOOSE,
    "queue_order": views.ORDER_QUEUE,
    "ceiling": views.LIMIT,
    "tiering": views.LOAD,
    "tier_eviction": EVICT_AS,
    "tier_writing": WRITE_AS,
    "preemption_mode": SWAP,
    "disaggregation": views.DISAGGREGATE,
    "prefill_routing": views.ROUTE,
    "encoding": views.ENCODE_APART,
    "encode_routing": views.ROUTE,
    "latency": views.STEP_TIME,
}


@cache
def compiled_answer(question: str, name: str) -> Callable[..., Any]:
    """The compiled verb of an answer."""
    return compiled(SIGNATURES[question], getattr(answer(question, name), FOLDERS[question].verb))


@cache
def compiled_queues(eviction: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The compiled `queue` and `give_way` of an eviction policy, or those of one with a single queue."""
    module = answer("eviction", eviction)
    return (
        compiled(views.CHOOSE_QUEUE, getattr(module, "queue", only_queue)),
        compiled(views.CHOOSE_QUEUE, getattr(module, "give_way", only_queue)),
    )


@cache
def compiled_line(latency: str) -> Callable[..., Any]:
    """The compiled `decode_line` of a latency model, or of none."""
    return compiled(views.DECODE_LINE, getattr(answer("latency", latency), "decode_line", no_line))


def addresses(functions: Sequence[Callable[..., Any]]) -> Any:
    """Addresses of compiled answers: int64 (n,); without the compiler the functions themselves."""
    places = [_address(function) for function in functions]
    return places if config.DISABLE_JIT else np.array(places, np.int64)


@cache
def _address(function: Callable[..., Any]) -> Any:
    """Found once: `compiled_answer` keeps what it compiled for as long as the process lives."""
    return address_of(function)
