"""Asking the filters: of the candidates that are left, each lets some go."""

from blis.engine._jit import kernel
from blis.engine.candidates import cut_list
from blis.engine.codes import N_CANDIDATES
from blis.engine.reference import by_reference
from blis.engine.signals import view_at
from blis.engine.state import State
from blis.engine.views import FIRST_FILTER, FIRST_SCORER, RouterView, World, keep_at
from blis.engine.waiting import request_view


@kernel
def filter_candidates(world: World, state: State, view: RouterView, request: int, now_us: int) -> int:
    """Let the filters go through the candidates, one filter after another; return how many are left."""
    cluster, kept, settings = state.scratch.cluster, state.scratch.kept, world.settings
    seen = by_reference(request_view(world, state, request))
    for place in range(settings.n_filters):
        if cluster[N_CANDIDATES] == 0:
            break
        for candidate in range(cluster[N_CANDIDATES]):
            kept[state.scratch.eligible[candidate]] = 1
        keep_at(world.answers[FIRST_SCORER + settings.n_scorers + place])(
            view_at(world, state, view, now_us), seen, world.parameters[FIRST_FILTER + place], kept
        )
        _let_go(state)
    return cluster[N_CANDIDATES]


@kernel
def _let_go(state: State) -> None:
    """Strike those that are not kept off the list."""
    eligible, cluster, count = state.scratch.eligible, state.scratch.cluster, 0
    for candidate in range(cluster[N_CANDIDATES]):
        instance = eligible[candidate]
        if state.scratch.kept[instance] != 0:
            eligible[count] = instance
            count += 1
    cut_list(state, count)
