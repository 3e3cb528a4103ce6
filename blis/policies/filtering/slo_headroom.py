"""Keep the instances that can be expected to keep what the class is promised; at times, by chance, the others.

Where nobody is expected to, everybody is kept. The chance lets the others be seen at all, so that what is expected of
them does not stay a prejudice. Wise where classes have targets and what is expected can be trusted.

Source: llm-d-router 0.9, slo-headroom-tier-filter, epsilonExploreNeg 0.01; head-room is that of `latency-slack`.
"""

from typing import Annotated, NamedTuple

from blis.engine.choice import mixed
from blis.engine.prediction import headroom_us
from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector, Int64Vector
from blis.policies.parameters import Bounds

NEEDS = frozenset({"expected_latency"})
_OF_EXPLORATION = 0x3A7B
_ALL_DRAWS = float(1 << 32)


class Params(NamedTuple):
    """How often the others are kept."""

    exploration_probability: Annotated[float, Bounds(0.0, 1.0)] = 0.01


def keep(view: RouterView, request: RequestView, params: Float64Vector, kept: Int64Vector) -> None:
    """One of the two tiers; all, where one is empty."""
    n_kept = 0
    for instance in view.candidates:
        ttft_us, itl_us = headroom_us(view, request, instance)
        kept[instance] = 1 if ttft_us >= 0.0 and itl_us >= 0.0 else 0
        n_kept += kept[instance]
    is_mixed = 0 < n_kept < view.candidates.shape[0]
    explores = is_mixed and mixed(view.draw ^ _OF_EXPLORATION) < _ALL_DRAWS * params[0]
    for instance in view.candidates:
        if n_kept == 0:
            kept[instance] = 1
        elif explores:
            kept[instance] = 1 - kept[instance]
