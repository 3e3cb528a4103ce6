"""Runs of steps in which a constant batch only decodes: the loop that most steps of most runs go through."""

import numpy as np

from blis.engine._jit import kernel
from blis.engine.batch_sums import BatchSums
from blis.engine.codes import NO_TRACE
from blis.engine.observation import sample_decodes
from blis.engine.state import State
from blis.engine.step_end import account_step, note_event
from blis.engine.views import TIMES_STEP, World, step_time_at


@kernel
def run_decodes(world: World, state: State, instance: int, until_us: int) -> int:
    """Run steps in which a constant batch only decodes, as long as they start before `until_us`; return their number.

    Each costs O(1). The run ends before a step in which a request completes, a keyed block fills or is
    evicted, or blocks are lacking. Where two steps may be under way, one is: the run composes the next ones.
    """
    instances = state.instances
    decoding = instances.decode_requests[instance]
    running = instances.running_requests[instance]
    count = 0
    if (
        decoding == 0
        or decoding != running
        or instances.left_out_requests[instance] > 0
        or decoding > world.limits.decodes_at_once[instance]
        or (instances.waiting_head[instance] >= 0 and running < world.limits.max_running_requests[instance])
    ):
        return count
    size = world.settings.block_size_tokens
    last = state.batches.finish_step[instance, 0]
    number = instances.step_number[instance] + 1
    phase = number % size
    now_us = instances.next_step_us[instance]
    is_ahead = world.limits.async_scheduling[instance] != 0
    if is_ahead and (
        instances.steps_under_way[instance] != 1
        or instances.ending_requests[instance] > 0
        or instances.returning_requests[instance] > 0
    ):
        return count
    begin_us = instances.busy_until_us[instance] if is_ahead else now_us
    first_us = begin_us
    # A block gets its key in the step that fills it, or in the one behind.
    fill = number - 1 if is_ahead else number
    fill_phase = fill % size
    while now_us < until_us and number < last and state.log.counters[0] + 2 <= state.log.entries.shape[0]:
        takes = state.batches.crossing[instance, phase]
        if takes > state.cache.nodes.run[instance] or state.batches.fill_head[instance, fill_phase] >= 0:
            break
        state.cache.nodes.run[instance] -= takes
        instances.used_blocks[instance] += takes
        instances.cache_misses[instance] += takes
        context = instances.decode_context_tokens[instance]
        step_us = step_time_at(world.answers[TIMES_STEP])(
            BatchSums(0, 0, 0, 0, 0, decoding, context), world.coefficients[instance]
        )
        step_us = max(np.int64(1), step_us)
        account_step(world, state, instance, step_us, decoding)
        instances.decode_context_tokens[instance] = context + decoding
        note_event(state, instance, now_us)
        instances.step_fixed[instance] = 2 * now_us
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
        if world.settings.trace_level != NO_TRACE:
            sample_decodes(state, instance, first_us, count, begin_us - first_us)
        instances.step_number[instance] = number - 1
        instances.next_step_us[instance] = now_us
        instances.busy_until_us[instance] = begin_us
        if is_ahead:
            instances.steps_under_way[instance] = 2
            instances.fills_are_due[instance] = 1
    return count
