"""Clients that come again after a refusal, each time after a longer pause.

The pause before attempt k (from 0) is base · factor^k, at most the longest one, less a drawn part of it, as clients of
openai-python have it: min(0.5 s · 2^k, 8 s) · (1 - 0.25 U). A request that comes again has the same prompt and a new
arrival; what it waits is counted from its first.
"""

from blis.engine._jit import kernel
from blis.engine.choice import mixed
from blis.engine.codes import ARRIVAL_ROOT, N_RETRIES, NOT_STARTED
from blis.engine.heap import AS_QUEUED, meld
from blis.engine.state import State
from blis.engine.views import World

_MILLION = 1_000_000.0
_ALL_DRAWS = float(1 << 32)
_LOW_32_BITS = 0xFFFFFFFF


@kernel
def comes_again(world: World, state: State, request: int, now_us: int) -> bool:
    """Whether the client of a request that is refused now tries again; if so, its next arrival is arranged."""
    if world.settings.retry_attempts == 0:
        return False
    requests, gated, cluster = state.requests, state.gateway.requests, state.scratch.cluster
    attempt = gated.attempts[request]
    if attempt >= world.settings.retry_attempts:
        return False
    if attempt == 0:
        gated.first_arrival_us[request] = requests.arrival_us[request]
    gated.attempts[request] += 1
    arrival_us = now_us + _pause_us(world, request, attempt)
    requests.status[request] = NOT_STARTED
    requests.arrival_us[request] = arrival_us
    # On the way it is one of those whose arrival something else has called for, see `blis.engine.feedback`.
    requests.queued_us[request] = arrival_us
    requests.routing_rank[request] = request
    requests.link[request] = -1
    requests.back_link[request] = -1
    cluster[ARRIVAL_ROOT] = meld(AS_QUEUED, world.workload, requests, cluster[ARRIVAL_ROOT], request)
    cluster[N_RETRIES] += 1
    return True


@kernel
def _pause_us(world: World, request: int, attempt: int) -> int:
    """Pause before the attempt: one microsecond at least, or it would come in the past."""
    settings = world.settings
    pause_us, most_us = float(settings.retry_base_us), float(settings.retry_most_us)
    for _ in range(attempt):
        if pause_us >= most_us:
            break
        pause_us *= settings.retry_factor_ppm / _MILLION
    word = mixed((settings.retry_key ^ mixed(world.workload.table.number[request] & _LOW_32_BITS)) & _LOW_32_BITS)
    drawn = mixed((word + attempt) & _LOW_32_BITS) / _ALL_DRAWS
    return max(1, int(min(pause_us, most_us) * (1.0 - drawn * settings.retry_jitter_ppm / _MILLION)))
