"""Sends every request where it went before, so that one decision can be made otherwise and no other changes.

A router that reacts sends the next requests elsewhere when one of them is, and after a second or two what is compared
are two futures that differ by chance. With everybody else kept in their place there remains what the decision itself
did, to the request and to those beside it.
"""

import sys
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from blis.engine._jit import compiled
from blis.engine.choice import is_among
from blis.engine.views import ROUTE, ROUTING, RequestView, RouterView
from blis.foundation.units import Float64Vector
from blis.policies.binding import BoundPolicy
from blis.prepare import with_policies
from blis.simulate import Simulation

LOOKS = False


class Params(NamedTuple):
    """No parameters."""


def memory_size(n_instances: int, n_requests: int) -> int:
    """The instance of each request."""
    return n_requests


def route(
    view: RouterView,
    request: RequestView,
    params: Float64Vector,
    memory: Float64Vector,
    scores: Float64Vector,
) -> int:
    """Where the request went, or the first candidate if that may not be chosen now."""
    instance = int(memory[request.request])
    return instance if is_among(view.candidates, instance) else int(view.candidates[0])


def replaying(finished: Simulation) -> Simulation:
    """The run that really happened, at its beginning, with its routing repeated instead of decided.

    A request that was never routed, and in another future is, goes to the first instance.
    """
    prepared = finished.prepared
    policies = {**prepared.policies, "routing": replay_policy()}
    run = with_policies(prepared, policies)
    again = Simulation(finished.requests, run, seed=finished.seed, record_steps=False)
    again.memory[ROUTING, : len(finished.requests)] = np.maximum(finished.state.requests.instance, 0)
    return again


def replay_policy() -> BoundPolicy:
    """The policy of this file; whoever runs it writes each request's instance into its memory."""
    return BoundPolicy("replay", sys.modules[__name__], _compiled_route(), np.zeros(1), ())


@cache
def _compiled_route() -> Any:
    return compiled(ROUTE, route)
