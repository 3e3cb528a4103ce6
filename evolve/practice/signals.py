"""What a router could have known at a decision: all scorers' scores and all features of formulas, by instance."""

import numpy as np

from blis.engine._jit import plain
from blis.engine.features import ROUTING_FEATURES
from blis.engine.program import STACK_SIZE, encode, evaluate_routing
from blis.engine.views import RequestView, RouterView
from blis.foundation.answers import answer, choices
from blis.foundation.units import Float64Vector

_evaluate = plain(evaluate_routing)
_PROGRAMS = [encode(f"features.{name}", name, "routing") for name in ROUTING_FEATURES]


def scorers() -> tuple[str, ...]:
    """All scorers, in the order of `scores`."""
    return tuple(choices("scoring"))


def scores(view: RouterView, request: RequestView) -> Float64Vector:
    """(instances, scorers) as the weighted router adds them up, between 0 and 1."""
    found = np.zeros((len(scorers()), view.n_instances))
    for row, name in zip(found, scorers(), strict=True):
        plain(answer("scoring", name).score)(view, request, row)
    return np.clip(found.T, 0.0, 1.0)


def features(view: RouterView, request: RequestView) -> Float64Vector:
    """(instances, features) in the order of `ROUTING_FEATURES`."""
    stack, found = np.zeros(STACK_SIZE * view.n_instances), np.zeros((len(_PROGRAMS), view.n_instances))
    for row, program in zip(found, _PROGRAMS, strict=True):
        _evaluate(program, stack, view, request, row)
    return np.ascontiguousarray(found.T)
