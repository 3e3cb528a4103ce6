"""Runs of steps in which a constant batch only decodes: the loop that most steps of most runs go through."""

import numpy as np

from blis.engine._jit import kernel
from blis.engine.adapters import overhead_us
from blis.engine.batch_sums import BatchSums
from blis.engine.block_index import has_room
from blis.engine.codes import INSTANCE, NO_TRACE, NOW_US
from blis.engine.keeping import evict_lowest
from blis.engine.line import NOWHERE, Line, certain_us
from blis.engine.observation import sample_decodes
from blis.engine.prefetch import prefetch_request
from blis.engine.room import most_tier_runs
from blis.engine.sent_prompts import hear_of_step
from blis.engine.state import LOG_ENTRIES, State
from blis.engine.step_end import note_event
from blis.engine.step_log import log_step
from blis.engine.views import TIMES_DECODES, TIMES_STEP, World, decode_line_at, step_time_at


@kernel
def run_decodes(world: World, state: State, instance: int, until_us: int) -> int:
    """Run steps in which a constant batch only decodes, as long as they start before `until_us`; return their number.

    Each costs O(1). The run ends before a step in which a request completes, a keyed block fills, blocks are lacking,
    or a keyed block is evicted, unless a policy ranks what goes: then nearly every block that is taken is one that
    went. Where two steps may be under way, one is: the run composes the next ones.
    """
    instances = state.instances
    is_ahead = world.limits.async_scheduling[instance] != 0
    if not _only_decodes(world, state, instance) or (is_ahead and not _is_one_ahead(state, instance)):
        return 0
    decoding = instances.decode_requests[instance]
    size = world.settings.block_size_tokens
    last = state.batches.finish_step[instance, 0]
    number = instances.step_number[instance] + 1
    phase = number % size
    # A block gets its key in the step that fills it, or in the one behind.
    fill_phase = phase
    if is_ahead:
        fill_phase = phase - 1 if phase > 0 else size - 1
    now_us = instances.next_step_us[instance]
    begin_us = instances.busy_until_us[instance] if is_ahead else now_us
    first_us, latest_us, step_us = begin_us, now_us, 0
    free, used = state.cache.runs.keyless_after[instance], instances.used_blocks[instance]
    block_time = 0
    context = instances.decode_context_tokens[instance]
    line = NOWHERE
    extra_us = _adapters_us(world, state, instance)
    count = 0
    while now_us < until_us and number < last and state.log.counters[LOG_ENTRIES] + 2 <= state.log.entries.shape[0]:
        takes = state.batches.crossing[instance, phase]
        if state.batches.fill_head[instance, fill_phase] >= 0:
            break
        if takes > free:
            if world.settings.evicts_oldest or not _make_keyless(world, state, instance, takes, free, used, now_us):
                break
            free = takes
        free -= takes
        used += takes
        if context > line.last_context:
            line = _line_at(world, state, instance, decoding, context)
        time_us = line.time_us + line.per_token_us * (context - line.first_context)
        step_us = certain_us(time_us)
        part_us, rise_us = time_us - step_us, line.per_token_us * decoding
        if step_us == 0:
            step_us, part_us, rise_us = _asked_us(world, instance, decoding, context), 0.0, 0.0
        step_us += extra_us
        if world.settings.record_steps:
            log_step(state, instance, step_us, decoding, part_us, rise_us)
        block_time += used * step_us
        context += decoding
        latest_us = now_us
        now_us = begin_us if is_ahead else now_us + step_us
        begin_us += step_us
        count += 1
        number += 1
        phase += 1
        if phase == size:
            phase = 0
        fill_phase += 1
        if fill_phase == size:
            fill_phase = 0
    if count > 0:
        _account_run(state, instance, count, begin_us - first_us, used, block_time)
        if extra_us > 0:
            state.adapters.holders.overhead_us[instance] += count * extra_us
        if world.settings.trace_level != NO_TRACE:
            sample_decodes(world, state, instance, first_us, count, begin_us - first_us)
        note_event(state, instance, latest_us)
        instances.step_us[instance] = step_us
        instances.step_fixed[instance] = 2 * latest_us
        instances.decode_context_tokens[instance] = context
        instances.step_number[instance] = number - 1
        instances.next_step_us[instance] = now_us
        instances.busy_until_us[instance] = begin_us
        if number == last:
            prefetch_request(world, state, state.batches.finish_request[instance, 0])
        if is_ahead:
            instances.steps_under_way[instance] = 2
            instances.fills_are_due[instance] = 1
            if count > 1 and world.settings.needs_prompts:  # the step that was under way has ended
                hear_of_step(state, instance)
    return count


@kernel
def _adapters_us(world: World, state: State, instance: int) -> int:
    """By how much adapters make each step of the run longer."""
    if not world.settings.has_adapters:
        return 0
    return overhead_us(world, state, instance, state.adapters.holders.decode_requests[instance])


@kernel
def _make_keyless(world: World, state: State, instance: int, takes: int, free: int, used: int, now_us: int) -> bool:
    """Evict as many blocks as are lacking to the `free` ones; False, and nothing happens, if that is not possible."""
    if takes > world.limits.total_blocks[instance] - used:
        return False
    if world.settings.ghost_permille > 0 and not has_room(state.ghosts, takes):
        return False
    if world.settings.n_tiers > 0 and not has_room(state.tier_store, most_tier_runs(world, takes)):
        return False
    state.scratch.step[NOW_US], state.scratch.step[INSTANCE] = now_us, instance
    state.cache.runs.keyless_after[instance] += takes - free
    while free < takes:
        free += evict_lowest(world, state, instance, takes - free)
    return True


@kernel
def _only_decodes(world: World, state: State, instance: int) -> bool:
    """Whether the next step serves decodes alone, all of them, and takes nobody in."""
    instances = state.instances
    decoding, running = instances.decode_requests[instance], instances.running_requests[instance]
    return (
        decoding > 0
        and decoding == running
        and instances.left_out_requests[instance] == 0
        and decoding <= world.limits.decodes_at_once[instance]
        and (instances.waiting_head[instance] < 0 or running >= world.limits.max_running_requests[instance])
    )


@kernel
def _is_one_ahead(state: State, instance: int) -> bool:
    """Whether one step is under way at whose end nobody leaves or returns."""
    instances = state.instances
    return (
        instances.steps_under_way[instance] == 1
        and instances.ending_requests[instance] == 0
        and instances.returning_requests[instance] == 0
    )


@kernel
def _account_run(state: State, instance: int, count: int, length_us: int, used: int, block_time: int) -> None:
    """Count the steps of a run: queue and batch were constant, and the blocks in use only became more."""
    instances = state.instances
    taken = used - instances.used_blocks[instance]
    state.cache.runs.keyless_after[instance] -= taken
    instances.used_blocks[instance] = used
    instances.cache_misses[instance] += taken
    instances.peak_blocks[instance] = max(instances.peak_blocks[instance], used)
    instances.block_time[instance] += block_time
    instances.step_clock_us[instance] += length_us
    instances.queue_sum[instance] += count * instances.queued_requests[instance]
    instances.batch_sum[instance] += count * instances.running_requests[instance]


@kernel
def _line_at(world: World, state: State, instance: int, decodes: int, context: int) -> Line:
    """The line on which the price lies: the instance's latest, which may have outlived its batch, or a new one."""
    instances = state.instances
    first_context, last_context = instances.line_first_context[instance], instances.line_last_context[instance]
    if instances.line_requests[instance] != decodes or context < first_context or context > last_context:
        line = decode_line_at(world.answers[TIMES_DECODES])(decodes, context, world.coefficients[instance])
        instances.line_requests[instance] = decodes
        instances.line_first_context[instance] = line.first_context
        instances.line_last_context[instance] = line.last_context
        instances.line_us[instance] = line.time_us
        instances.line_per_token_us[instance] = line.per_token_us
        return line
    return Line(first_context, last_context, instances.line_us[instance], instances.line_per_token_us[instance])


@kernel
def _asked_us(world: World, instance: int, decodes: int, context: int) -> int:
    """What `step_time` says of a step of decodes alone."""
    sums = BatchSums(0, 0, 0, 0, 0, decodes, context)
    return max(np.int64(1), step_time_at(world.answers[TIMES_STEP])(sums, world.coefficients[instance]))
