"""When clients give up: a heap of the requests that have been sent to an instance, by the time of that.

A request is in it from its routing until it ends or is taken away from its instance.
"""

from blis.engine._jit import kernel
from blis.engine.codes import NEVER_US, PATIENCE_ROOT
from blis.engine.ranked_heap import make_node, melded, without
from blis.engine.state import State
from blis.engine.views import World


@kernel
def begin_patience(world: World, state: State, request: int) -> None:
    """Let a request that has just been sent to an instance be waited for; nobody gives up before it stands there."""
    requests = state.requests
    deadline_us = requests.arrival_us[request] + world.settings.timeout_us
    give_up_at(state, request, max(deadline_us, requests.queued_us[request] + 1))


@kernel
def give_up_at(state: State, request: int, give_up_us: int) -> None:
    """Let the client of a request on an instance give up then."""
    end_patience(state, request)
    cluster, patience = state.scratch.cluster, state.patience
    make_node(patience, request, float(give_up_us), request)
    patience.is_waited_for[request] = 1
    cluster[PATIENCE_ROOT] = melded(patience, cluster[PATIENCE_ROOT], request)


@kernel
def end_patience(state: State, request: int) -> None:
    """Nobody gives up on a request any more."""
    cluster, patience = state.scratch.cluster, state.patience
    if patience.is_waited_for[request]:
        cluster[PATIENCE_ROOT] = without(patience, cluster[PATIENCE_ROOT], request)
        patience.is_waited_for[request] = 0


@kernel
def next_giving_up_us(state: State) -> int:
    """When a client gives up next; NEVER_US if nobody waits."""
    root = state.scratch.cluster[PATIENCE_ROOT]
    return int(state.patience.key[root]) if root >= 0 else NEVER_US
