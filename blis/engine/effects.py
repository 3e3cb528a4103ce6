"""What another choice changed: for the request itself, and for the others, up to a moment in both futures."""

from blis.engine._jit import kernel
from blis.engine.codes import NEVER_US, NEXT_FIXED
from blis.engine.live import is_live
from blis.engine.records import Records
from blis.engine.state import State
from blis.engine.views import World


@kernel
def left_us(requests: Records, request: int, otherwise_us: int) -> int:
    """When a request left, or `otherwise_us` if it has not."""
    return requests.finished_us[request] if requests.finished_us[request] >= 0 else otherwise_us


@kernel
def has_local_effects(world: World) -> bool:
    """Whether only the two instances between which a routing is decided can differ from what really happened."""
    return (
        world.settings.effects_are_local != 0
        and world.settings.lookahead_us == NEVER_US
        and world.settings.waiting_counts != 0
    )


@kernel
def is_routed_alike(branch: State, facts: Records, first: int, request: int) -> bool:
    """Whether every other request went where it really went."""
    for other in range(first, branch.scratch.cluster[NEXT_FIXED]):
        instance = branch.requests.instance[other]
        if other != request and instance >= 0 and instance != facts.instance[other]:
            return False
    return True


@kernel
def compare(world: World, branch: State, facts: Records, rollout: Records, first: int, until_us: int) -> None:
    """Sum up what the other choice changed for the other requests."""
    cluster = branch.scratch.cluster
    last = cluster[NEXT_FIXED]
    if world.settings.lookahead_us != NEVER_US:
        last = world.workload.table.shape[0]
    for other in range(first, last):
        if other == rollout.request:
            continue
        requests = branch.requests if is_live(cluster, branch.requests.instance[other]) else facts
        here_us, there_us = requests.first_token_us[other], facts.first_token_us[other]
        since = max(here_us, there_us) > rollout.clock_us  # what came before the decision is no effect of it
        if since and 0 <= here_us <= until_us and 0 <= there_us <= until_us:
            rollout.others_begun += 1
            rollout.others_ttft_us += (here_us - requests.arrival_us[other]) - (there_us - facts.arrival_us[other])
        here_us, there_us = requests.finished_us[other], facts.finished_us[other]
        if 0 <= there_us <= rollout.clock_us:
            continue
        is_here, is_there = 0 <= here_us <= until_us, 0 <= there_us <= until_us
        if is_here and is_there:
            rollout.others_completed += 1
            rollout.others_e2e_us += (here_us - requests.arrival_us[other]) - (there_us - facts.arrival_us[other])
        elif is_here:
            rollout.others_gained += 1
        elif is_there:
            rollout.others_lost += 1


@kernel
def since_arrival(requests: Records, request: int, time_us: int) -> int:
    """From a request's arrival to a time; -1 if that never came."""
    return time_us - requests.arrival_us[request] if time_us >= 0 else -1
