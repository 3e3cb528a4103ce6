"""The reference model: what TTFT a request may expect on an instance, by one fixed rule, whatever the policy.

Every policy's choices are judged by it in milliseconds, so that their regrets can be compared. It sees the
instance as it is, never a true output length:

    expected TTFT = until the first end of a step at which the request is in the queue
                  + waiting for room, where a request slot or blocks are lacking
                  + its adapter, from where it lies to the GPU, and what computing with it takes longer
                  + a pass of the encoder over what has not been encoded of its media
                  + steps that compute the prompts ahead of it and its own uncached tokens, at the full token budget
                  + the fixed time of an output token

What tiers beneath the GPU have of its prompt is taken to be loaded before anything is computed, if that is sooner. Each
step is priced by the instance's own latency model, with its present decodes in the batch. Prompts that wait are taken
to be cached as well as those before them were. Room comes with completions, one every (step time x mean output / batch
size), by the outputs of requests that have completed.
"""

import numpy as np

from blis.engine._jit import kernel, seldom_kernel
from blis.engine.adapters import adapter_place, loading_us, overhead_us
from blis.engine.batch_sums import BatchSums
from blis.engine.encoding import expected_encoder_us
from blis.engine.holding import cached_prefix
from blis.engine.records import Records
from blis.engine.sequence import shared_prompt_blocks
from blis.engine.state import State
from blis.engine.tier_places import count_prompt_by_tier, counted_end_us
from blis.engine.views import TIMES_STEP, World, step_time_at


@kernel
def cached_prompt_blocks(world: World, state: State, instance: int, request: int) -> int:
    """Leading prompt blocks in the instance's cache that save work: the last token is computed in any case."""
    found = cached_prefix(world, state, instance, request)[0]
    prompt = world.workload.table.input_tokens[request]
    return min(found, (prompt - 1) // world.settings.block_size_tokens)


@kernel
def mean_output_tokens(world: World, state: State) -> float:
    """Tokens that a completed request has written in the mean; 0 before the first."""
    completed, produced = 0, 0
    for instance in range(world.settings.n_instances):
        completed += state.instances.completed_requests[instance]
        produced += state.instances.completed_tokens[instance]
    return produced / completed if completed > 0 else 0.0


@kernel
def expected_ttft_us(
    world: World, state: State, instance: int, request: int, cached_blocks: int, mean_output: float, now_us: int
) -> float:
    """Expected time from now to the request's first token, if it is sent there.

    `cached_blocks` are those of `cached_prompt_blocks`, `mean_output` is that of `mean_output_tokens`.
    """
    instances, limits, size = state.instances, world.limits, world.settings.block_size_tokens
    prompt = world.workload.table.input_tokens[request]
    cached = cached_blocks * size
    queueing_us = limits.queueing_us[instance] + limits.queueing_us_per_token[instance] * prompt
    start_us = _next_step_us(instances, instance, now_us, queueing_us)
    start_us += _room_us(world, state, instance, prompt - cached, mean_output)
    if world.settings.has_adapters:
        start_us += _adapter_us(world, state, instance, request, prompt - cached)
    ahead = _tokens_ahead(world, state, instance)
    computed_us = _computed_us(world, state, instance, request, ahead, cached)
    if world.settings.n_tiers > 0:
        blocks, load_us = _tiered(world, state, instance, request, cached_blocks, now_us)
        if blocks > 0:
            loaded_us = load_us + _computed_us(world, state, instance, request, ahead, cached + blocks * size)
            computed_us = min(computed_us, loaded_us)
    return start_us + computed_us + limits.output_token_us[instance]


@kernel
def _computed_us(world: World, state: State, instance: int, request: int, ahead: int, cached: int) -> float:
    """Time to compute so many prompt tokens and the request's uncached ones, beside the present decodes."""
    instances, tokens = state.instances, ahead + world.workload.table.input_tokens[request] - cached
    decodes, context = instances.decode_requests[instance], instances.decode_context_tokens[instance]
    encoder_us = 0
    if world.settings.has_encoder:
        encoder_us = expected_encoder_us(world, state, instance, request, cached)
    return encoder_us + prefill_us(world, instance, tokens, cached, decodes, context)


@seldom_kernel
def _tiered(
    world: World, state: State, instance: int, request: int, cached_blocks: int, now_us: int
) -> tuple[int, float]:
    """How many blocks of the prompt tiers have behind those in the cache, and how long it takes to load them."""
    prompt = world.workload.table.input_tokens[request]
    last = min(shared_prompt_blocks(world, request), (prompt - 1) // world.settings.block_size_tokens)
    if not world.limits.prefix_caching[instance]:
        return 0, 0.0
    blocks = count_prompt_by_tier(world, state, instance, request, cached_blocks, last)
    return blocks, float(counted_end_us(world, state, instance, now_us) - now_us)


@seldom_kernel
def _adapter_us(world: World, state: State, instance: int, request: int, tokens: int) -> float:
    """How long the request's adapter takes to the GPU, and by how much so many tokens take longer with it."""
    place = adapter_place(world, instance, request)
    if place < 0:
        return 0.0
    extra_us = float(loading_us(world, state, instance, place) + overhead_us(world, state, instance, tokens))
    if state.adapters.residents.running_requests[place] == 0:  # it will be one more in use
        extra_us += world.limits.lora_adapter_us[instance]
    return extra_us


@kernel
def _next_step_us(instances: Records, instance: int, now_us: int, queueing_us: float) -> float:
    """Time until a step begins that can take a request which enters the queue after `queueing_us`."""
    free_us = max(0.0, float(instances.busy_until_us[instance] - now_us))
    composed_us = free_us
    if instances.steps_under_way[instance] > 0:  # the step that begins when the engine is free is composed earlier
        composed_us = max(0.0, float(instances.next_step_us[instance] - now_us))
    if composed_us >= queueing_us or instances.running_requests[instance] == 0:
        return max(free_us, queueing_us)
    # Steps of about the last one's length follow each other; it must wait for the one that it enters into.
    step_us = float(max(1, instances.step_us[instance]))
    return free_us + np.ceil((queueing_us - composed_us) / step_us) * step_us


@kernel
def _uncached_tokens_waiting(instances: Records, instance: int) -> int:
    """Prompt tokens in the queue and on the way there, less the share that the instance has found cached so far."""
    waiting = instances.queued_tokens[instance] + instances.pending_tokens[instance]
    seen = instances.input_tokens[instance]
    if waiting > 0 and seen > 0:
        hit = min(1.0, instances.cache_hit_tokens[instance] / seen)
        waiting = int(waiting * (1.0 - hit))
    return waiting


@kernel
def _tokens_ahead(world: World, state: State, instance: int) -> int:
    """Prompt tokens that the instance will compute before those of a request that comes now."""
    instances, requests = state.instances, state.requests
    waiting = _uncached_tokens_waiting(instances, instance)
    for place in range(instances.prefilling_requests[instance]):
        request = state.batches.prefilling[instance, place]
        waiting += requests.text_tokens[request] - requests.stored_tokens[request]
    return waiting


@kernel
def prefill_us(world: World, instance: int, tokens: int, cached: int, decodes: int, context: int) -> float:
    """Time to compute so many prompt tokens, the last of which follow `cached` others, beside so many decodes."""
    decodes *= 1 + world.limits.draft_tokens[instance]
    budget = max(1, world.limits.step_token_budget[instance] - decodes)
    whole_steps = (tokens - 1) // budget
    rest = tokens - whole_steps * budget
    length_us = prefill_step_us(world, instance, rest, cached, decodes, context)
    if whole_steps > 0:
        length_us += whole_steps * prefill_step_us(world, instance, budget, 0, decodes, context)
    return length_us


@kernel
def prefill_step_us(world: World, instance: int, tokens: int, history: int, decodes: int, context: int) -> float:
    """Price of a step that computes so many tokens of one prompt, beside so many decodes with their contexts."""
    pairs = 2 * tokens * history + tokens * (tokens - 1)
    sums = BatchSums(1, tokens, history, pairs, 2 * tokens * (tokens + history) + tokens * tokens, decodes, context)
    return float(max(np.int64(1), step_time_at(world.answers[TIMES_STEP])(sums, world.coefficients[instance])))


@kernel
def _room_us(world: World, state: State, instance: int, uncached: int, mean_output: float) -> float:
    """Time until completions have made room for the request and those before it; 0 where there is room."""
    instances, limits, size = state.instances, world.limits, world.settings.block_size_tokens
    running = instances.running_requests[instance]
    if running == 0:
        return 0.0
    before = instances.queued_requests[instance] + instances.pending_requests[instance]
    slots = before + 1 + running - limits.max_running_requests[instance]
    tokens = _uncached_tokens_waiting(instances, instance) + uncached
    used = instances.used_blocks[instance]
    lacking = -(-tokens // size) + used - limits.total_blocks[instance]
    ends = max(float(slots), lacking * running / max(1, used))
    if ends <= 0.0:
        return 0.0
    return ends * max(1, instances.step_us[instance]) * mean_output / running
