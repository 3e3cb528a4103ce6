"""Asking the routing policies: those that choose who serves, who computes a prompt, and who encodes."""

from typing import Any

from numba.core import config

from blis.engine._jit import kernel
from blis.engine.reference import by_reference, setter_of
from blis.engine.signals import view_at
from blis.engine.state import State
from blis.engine.views import (
    ENCODE_ROUTING,
    FIRST_SCORER,
    PREFILL_ROUTING,
    ROUTES,
    ROUTES_ENCODER,
    ROUTES_PREFILL,
    ROUTING,
    RouterView,
    World,
    route_at,
    score_at,
)
from blis.engine.waiting import request_view

_set_n_scorers = setter_of("n_scorers")


@kernel
def choose_decoder(world: World, state: State, view: RouterView, request: int, now_us: int) -> int:
    """Let the scorers judge every candidate, and the policy choose one."""
    view = view_at(world, state, view, now_us)
    seen = by_reference(request_view(world, state, request))
    for scorer in range(world.settings.n_scorers):
        score_at(world.answers[FIRST_SCORER + scorer])(view, seen, state.scratch.scorer_scores[scorer])
    return route_at(world.answers[ROUTES])(
        view, seen, world.parameters[ROUTING], world.memory[ROUTING], state.scratch.scores
    )


@kernel
def _with_scorers(view: RouterView, n_scorers: int) -> RouterView:
    _set_n_scorers(view, n_scorers)
    return view


def _replaced(view: RouterView, n_scorers: int) -> RouterView:
    """The same where a tuple cannot be written to."""
    return view._replace(n_scorers=n_scorers)


_view_with: Any = _replaced if config.DISABLE_JIT else _with_scorers


@kernel
def choose_prefiller(world: World, state: State, view: RouterView, request: int, now_us: int) -> int:
    """The same of those who may compute the prompt, by the policy and the scorers for them."""
    settings = world.settings
    view = _view_with(view_at(world, state, view, now_us), settings.n_prefill_scorers)
    seen = by_reference(request_view(world, state, request))
    first = FIRST_SCORER + settings.n_scorers + settings.n_filters
    for scorer in range(settings.n_prefill_scorers):
        score_at(world.answers[first + scorer])(view, seen, state.scratch.scorer_scores[scorer])
    chosen = route_at(world.answers[ROUTES_PREFILL])(
        view, seen, world.parameters[PREFILL_ROUTING], world.memory[PREFILL_ROUTING], state.scratch.scores
    )
    _view_with(view, settings.n_scorers)
    return chosen


@kernel
def choose_encoder(world: World, state: State, view: RouterView, request: int, now_us: int) -> int:
    """The same of those who may encode, by the policy and the scorers for them."""
    settings = world.settings
    view = _view_with(view_at(world, state, view, now_us), settings.n_encode_scorers)
    seen = by_reference(request_view(world, state, request))
    first = FIRST_SCORER + settings.first_encode_scorer
    for scorer in range(settings.n_encode_scorers):
        score_at(world.answers[first + scorer])(view, seen, state.scratch.scorer_scores[scorer])
    chosen = route_at(world.answers[ROUTES_ENCODER])(
        view, seen, world.parameters[ENCODE_ROUTING], world.memory[ENCODE_ROUTING], state.scratch.scores
    )
    _view_with(view, settings.n_scorers)
    return chosen
