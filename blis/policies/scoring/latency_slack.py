"""Prefer the instance that just keeps what the request's class is promised: the least head-room that is not below zero.

Head-room is the class's target minus what is expected there (see `blis.engine.prediction`), for the first token and for
the mean time between tokens. Without a first target it is of 0; a class without a second is not streamed to anybody,
so that its head-room is 0. Where no instance keeps both, an idle one is
preferred, then those that miss the ITL alone, the TTFT alone, both; of these the one that misses by least. Instances
that are not preferred score 0. Wise where classes differ: the least head-room leaves the idle instances to those who
need them.

Source: llm-d-router 0.9, latency-scorer, headroomSelectionStrategy least, with its weights and its rounding; differs in
that the ITL's target is not lowered to the strictest one of the requests that run there.
"""

from blis.engine._jit import kernel
from blis.engine.prediction import headroom_us
from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector

NEEDS = frozenset({"expected_latency"})

TTFT_WEIGHT, ITL_WEIGHT = 0.8, 0.2
_BOTH_KEPT, _IDLE = 0, 1  # before what is missed
_NO_RANGE = 1e-9


def score(view: RouterView, request: RequestView, out: Float64Vector) -> None:
    """(int((1 - c) 100) + 1) / 100, at most 1; c: 0.8 of TTFT's place in the range of head-rooms, 0.2 of ITL's."""
    best = _preferred(view, request)
    low_ttft = low_itl = 1e300
    high_ttft = high_itl = -1.0
    for instance in view.candidates:
        if _kind(view, request, instance, best) == best:
            ttft, itl = headroom_us(view, request, instance)
            low_ttft, high_ttft = min(low_ttft, abs(ttft)), max(high_ttft, abs(ttft))
            low_itl, high_itl = min(low_itl, abs(itl)), max(high_itl, abs(itl))
    ttft_weight = TTFT_WEIGHT if high_ttft - low_ttft > _NO_RANGE else 0.0
    itl_weight = ITL_WEIGHT if high_itl - low_itl > _NO_RANGE else 0.0
    total = ttft_weight + itl_weight
    for instance in view.candidates:
        out[instance] = 0.0
        if _kind(view, request, instance, best) == best:
            ttft, itl = headroom_us(view, request, instance)
            used = 0.0 if total > 0.0 else 0.5
            if ttft_weight > 0.0:
                used += ttft_weight / total * ((abs(ttft) - low_ttft) / (high_ttft - low_ttft))
            if itl_weight > 0.0:
                used += itl_weight / total * ((abs(itl) - low_itl) / (high_itl - low_itl))
            out[instance] = min(1.0, (int((1.0 - used) * 100.0) + 1) / 100.0)


@kernel
def _preferred(view: RouterView, request: RequestView) -> int:
    """The first kind of which there is an instance."""
    best = 4
    for instance in view.candidates:
        best = min(best, _kind(view, request, instance, _IDLE))
    return best


@kernel
def _kind(view: RouterView, request: RequestView, instance: int, wanted: int) -> int:
    """What an instance is: 0 keeps both, 1 is idle, 2 misses the ITL, 3 the TTFT, 4 both.

    An instance that is idle is so only where that is what is wanted; one that keeps both needs not be.
    """
    ttft_us, itl_us = headroom_us(view, request, instance)
    if ttft_us >= 0.0 and itl_us >= 0.0:
        return _BOTH_KEPT
    if wanted == _IDLE and view.in_flight_requests[instance] == 0:
        return _IDLE
    if ttft_us >= 0.0:
        return 2
    return 3 if itl_us >= 0.0 else 4
