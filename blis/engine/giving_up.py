"""Clients that wait no longer: their requests are let go wherever they stand on an instance.

Who waits in front of the router is let go there, see `blis.engine.gate`. Whose last token is in a step that has been
composed, has it before anybody could stop that.
"""

from blis.engine._jit import kernel
from blis.engine.aborting import LACKS_ROOM, leave_instance
from blis.engine.codes import DONE, GROW, N_ABANDONED, PATIENCE_ROOT, TIMED_OUT
from blis.engine.gate import end_at_gateway
from blis.engine.gate_queue import ask_again
from blis.engine.handing_over import is_prefill_leg
from blis.engine.patience import end_patience, give_up_at
from blis.engine.state import State
from blis.engine.views import World


@kernel
def give_up_next(world: World, state: State, now_us: int) -> int:
    """Let the client give up who does so now; return DONE, or GROW before anything has happened."""
    cluster, requests = state.scratch.cluster, state.requests
    request = cluster[PATIENCE_ROOT]
    if requests.leaves_us[request] >= 0:
        if is_prefill_leg(world, state, request):  # nobody gets that token
            give_up_at(state, request, max(now_us + 1, requests.leaves_us[request] + 2))
        else:
            end_patience(state, request)
        return DONE
    if leave_instance(world, state, request, now_us) == LACKS_ROOM:
        return GROW
    cluster[N_ABANDONED] += 1
    end_at_gateway(world, state, request, TIMED_OUT, now_us)
    if world.settings.has_gateway:
        ask_again(world, state, now_us)
    return DONE
