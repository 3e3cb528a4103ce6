"""Keep the instances that use the request's adapter, or at times those with a free slot for it; else everybody.

Wise where adapters are many and slots few: each adapter stays where it is loaded. An instance uses an adapter that a
request asks for which runs or waits there, as it reports. A request without an adapter may go anywhere.

Source: gateway-api-inference-extension, lora-affinity-filter, and AIBrix, lora-affinity, with their threshold of 0.999;
there a request without an adapter is one of a model that nobody uses, and keeps to instances with a free slot.
"""

from typing import Annotated, NamedTuple

from blis.engine.choice import mixed
from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector, Int64Vector
from blis.policies.parameters import Bounds

NEEDS = frozenset({"adapters"})
_ALL_DRAWS = 2.0**32
_OF_AFFINITY = 0x61C9


class Params(NamedTuple):
    """How sure the affinity is."""

    affinity_threshold: Annotated[float, Bounds(0.0, 1.0)] = 0.999  #: share of requests that keep to their adapter


def keep(view: RouterView, request: RequestView, params: Float64Vector, kept: Int64Vector) -> None:
    """Those of one group, if there is anybody in it."""
    if request.adapter < 0:
        return
    n_using, n_free = 0, 0
    for instance in view.candidates:
        if view.adapter_use[instance] > 0:
            n_using += 1
        elif view.adapters_in_use[instance] < view.adapter_slots[instance]:
            n_free += 1
    if n_using + n_free == 0:
        return
    keeps_using = n_using > 0
    if n_using > 0 and n_free > 0:
        keeps_using = mixed(view.draw ^ _OF_AFFINITY) < _ALL_DRAWS * params[0]
    for instance in view.candidates:
        uses = view.adapter_use[instance] > 0
        is_free = not uses and view.adapters_in_use[instance] < view.adapter_slots[instance]
        kept[instance] = 1 if (uses if keeps_using else is_free) else 0
