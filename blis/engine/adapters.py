"""Adapters (LoRA) on an instance: slots on the GPU, a cache in the host's memory, and what they cost.

An adapter that a member of the batch asks for has a slot and keeps it. The others are in one list, the one that has
been out of use longest first. Where a slot is needed, the oldest of them that has one gives it up and stays in the
host's memory; where that is full, the oldest of all leaves it. So those with a slot are always the end of the list.
Of two that go out of use in one step, the one whose last request leaves the batch first is the older.

Source: vLLM 0.32, `vllm/lora/worker_manager.py` and `model_manager.py` (LRUCacheWorkerLoRAManager): adapters are
loaded in the step that first needs them, one after another, while the step waits.
"""

from blis.engine._jit import kernel
from blis.engine.adapter_fields import NOWHERE, ON_GPU, ON_HOST
from blis.engine.codes import ADAPTER_LOAD_US, N_CANDIDATES, NOW_US
from blis.engine.state import State
from blis.engine.views import World

_NONE = -1


@kernel
def adapter_place(world: World, instance: int, request: int) -> int:
    """Place of the request's adapter among the residents of the instance; -1 if it asks for none."""
    adapter = world.workload.table.adapter[request]
    return instance * world.settings.n_adapters + adapter if adapter >= 0 else _NONE


@kernel
def finds_no_slot(world: World, state: State, instance: int, request: int) -> bool:
    """Whether all slots are taken by other adapters that the batch uses.

    Source: vLLM 0.32, `vllm/v1/core/sched/scheduler.py`: such a request is skipped, and those behind it go on. There
    the members that a step serves count, here those of the batch: who is left out of a step keeps its slot.
    """
    place = adapter_place(world, instance, request)
    if place < 0 or state.adapters.residents.running_requests[place] > 0:
        return False
    return state.adapters.holders.used[instance] >= world.limits.max_loras[instance]


@kernel
def use_adapter(world: World, state: State, instance: int, request: int) -> None:
    """A request joins the batch: its adapter gets a slot, if it has none, which makes the present step longer."""
    place = adapter_place(world, instance, request)
    if place < 0:
        return
    adapted = state.adapters.requests
    if adapted.shut_out_us[request] >= 0:
        adapted.slot_wait_us[request] += state.scratch.step[NOW_US] - adapted.shut_out_us[request]
        adapted.shut_out_us[request] = -1
    holders, residents = state.adapters.holders, state.adapters.residents
    if residents.running_requests[place] == 0:
        if residents.lies[place] == ON_GPU:
            _unlink(state, instance, place)
        else:
            load_us = _load(world, state, instance, place)
            adapted.load_us[request] = max(0, adapted.load_us[request]) + load_us
        holders.used[instance] += 1
    residents.running_requests[place] += 1


@kernel
def leave_adapter(world: World, state: State, instance: int, request: int) -> bool:
    """A request leaves the batch; whether its adapter has gone out of use, so that another may have the slot."""
    place = adapter_place(world, instance, request)
    if place < 0:
        return False
    holders, residents = state.adapters.holders, state.adapters.residents
    residents.running_requests[place] -= 1
    if residents.running_requests[place] > 0:
        return False
    holders.used[instance] -= 1
    newest = holders.newest[instance]
    residents.older[place] = newest
    residents.newer[place] = _NONE
    if newest >= 0:
        residents.newer[newest] = place
    else:
        holders.oldest[instance] = place
    holders.newest[instance] = place
    if holders.oldest_on_gpu[instance] < 0:
        holders.oldest_on_gpu[instance] = place
    return True


@kernel
def loading_us(world: World, state: State, instance: int, place: int) -> int:
    """How long an adapter takes to its slot from where it lies."""
    lies = state.adapters.residents.lies[place]
    if lies == ON_GPU:
        return 0
    from_disk_us = world.limits.lora_disk_load_us[instance] if lies == NOWHERE else 0
    return world.limits.lora_host_load_us[instance] + from_disk_us


@kernel
def _load(world: World, state: State, instance: int, place: int) -> int:
    """Give an adapter a slot, after making room for it; return how long that takes."""
    holders, residents, limits = state.adapters.holders, state.adapters.residents, world.limits
    load_us = loading_us(world, state, instance, place)
    if residents.lies[place] == NOWHERE:
        if holders.on_host[instance] >= limits.max_cpu_loras[instance]:
            _forget_oldest(state, instance)
        holders.on_host[instance] += 1
        holders.disk_loads[instance] += 1
    else:
        _unlink(state, instance, place)
    if holders.on_gpu[instance] >= limits.max_loras[instance]:
        oldest = holders.oldest_on_gpu[instance]
        residents.lies[oldest] = ON_HOST
        holders.oldest_on_gpu[instance] = residents.newer[oldest]
        holders.on_gpu[instance] -= 1
    residents.lies[place] = ON_GPU
    holders.on_gpu[instance] += 1
    holders.most_on_gpu[instance] = max(holders.most_on_gpu[instance], holders.on_gpu[instance])
    holders.loads[instance] += 1
    holders.load_us[instance] += load_us
    state.scratch.step[ADAPTER_LOAD_US] += load_us
    return load_us


@kernel
def _forget_oldest(state: State, instance: int) -> None:
    """Let the adapter that has been out of use longest go from the host's memory, and from its slot if it has one."""
    holders, residents = state.adapters.holders, state.adapters.residents
    oldest = holders.oldest[instance]
    if residents.lies[oldest] == ON_GPU:
        holders.on_gpu[instance] -= 1
    _unlink(state, instance, oldest)
    residents.lies[oldest] = NOWHERE
    holders.on_host[instance] -= 1


@kernel
def _unlink(state: State, instance: int, place: int) -> None:
    """Take an adapter out of the list of those that are out of use."""
    holders, residents = state.adapters.holders, state.adapters.residents
    older, newer = residents.older[place], residents.newer[place]
    if holders.oldest_on_gpu[instance] == place:
        holders.oldest_on_gpu[instance] = newer
    if older >= 0:
        residents.newer[older] = newer
    else:
        holders.oldest[instance] = newer
    if newer >= 0:
        residents.older[newer] = older
    else:
        holders.newest[instance] = older
    residents.older[place] = _NONE
    residents.newer[place] = _NONE


@kernel
def count_adapter_waiting(world: World, state: State, instance: int, request: int, change: int) -> None:
    """Count a request that begins to wait (1) or waits no more (-1) for the instance's adapters."""
    place = adapter_place(world, instance, request)
    if place < 0:
        return
    holders, residents = state.adapters.holders, state.adapters.residents
    before = residents.waiting_requests[place]
    residents.waiting_requests[place] = before + change
    if before == 0:
        holders.waited_for[instance] += 1
    elif before + change == 0:
        holders.waited_for[instance] -= 1


@kernel
def adapter_tokens(world: World, request: int, tokens: int) -> int:
    """How many of a request's tokens in a step are computed with an adapter: all or none."""
    return tokens if world.workload.table.adapter[request] >= 0 else 0


@kernel
def overhead_us(world: World, state: State, instance: int, tokens: int) -> int:
    """By how much a step is longer that computes so many tokens with adapters; see `blis.cluster.lora`."""
    if tokens == 0:
        return 0
    limits = world.limits
    return int(
        limits.lora_step_us[instance]
        + limits.lora_adapter_us[instance] * state.adapters.holders.used[instance]
        + limits.lora_token_us[instance] * tokens
    )


@kernel
def look_at_adapters(world: World, state: State, request: int) -> None:
    """Write what the router knows of the candidates' adapters: 2 where the request's is used, 1 where waited for."""
    scratch, adapter = state.scratch, world.workload.table.adapter[request]
    is_live = world.settings.snapshot_refresh_us == 0
    for instance in scratch.eligible[: scratch.cluster[N_CANDIDATES]]:
        place = instance * world.settings.n_adapters + adapter
        if is_live:
            scratch.adapters_in_use[instance] = in_use(state, instance)
            scratch.adapter_use[instance] = 0 if adapter < 0 else use_of(state, place)
        else:
            scratch.adapters_in_use[instance] = state.adapters.read_in_use[instance]
            scratch.adapter_use[instance] = 0 if adapter < 0 else state.adapters.read_use[place]


@kernel
def in_use(state: State, instance: int) -> int:
    """Adapters that running requests ask for, and those that waiting ones ask for: who is both counts twice."""
    return state.adapters.holders.used[instance] + state.adapters.holders.waited_for[instance]


@kernel
def use_of(state: State, place: int) -> int:
    """2 where running requests ask for the adapter, else 1 where waiting ones do, else 0."""
    residents = state.adapters.residents
    if residents.running_requests[place] > 0:
        return 2
    return 1 if residents.waiting_requests[place] > 0 else 0


@kernel
def read_adapters(world: World, state: State) -> None:
    """Let the router read which adapters its instances use, as they report them."""
    for instance in range(world.settings.n_instances):
        state.adapters.read_in_use[instance] = in_use(state, instance)
    for place in range(state.adapters.read_use.shape[0]):
        state.adapters.read_use[place] = use_of(state, place)


@kernel
def forget_adapters(world: World, state: State, instance: int) -> None:
    """An engine that has just been started holds no adapter, and nobody asks for one; what was counted stays."""
    holders, residents = state.adapters.holders, state.adapters.residents
    first = instance * world.settings.n_adapters
    for place in range(first, first + world.settings.n_adapters):
        residents.lies[place] = NOWHERE
        residents.running_requests[place] = 0
        residents.waiting_requests[place] = 0
        residents.older[place] = _NONE
        residents.newer[place] = _NONE
    holders.oldest[instance] = _NONE
    holders.newest[instance] = _NONE
    holders.oldest_on_gpu[instance] = _NONE
    holders.on_host[instance] = 0
    holders.on_gpu[instance] = 0
    holders.used[instance] = 0
    holders.waited_for[instance] = 0
    holders.decode_requests[instance] = 0
    holders.aside_head[instance] = _NONE
    holders.aside_tail[instance] = _NONE
