"""Two steps under way at a time: a step is composed when the one before it begins, and its tokens are known at its end.

So whoever gets the last token from a step keeps its slot and its blocks until the step has ended, which is two
compositions later; a block that a decode fills gets its key one step later, when its last token is known; and a victim
that a step under way still serves cannot be taken again before that step has ended.
"""

from blis.engine._jit import kernel
from blis.engine.aside import bring_back
from blis.engine.codes import NEVER_US, NOW_US, RUNNING
from blis.engine.handing_over import end_stay, is_prefill_leg
from blis.engine.members import decode_position, fill_known
from blis.engine.sent_prompts import hear_of_step
from blis.engine.state import State
from blis.engine.step_end import note_event, sort_members
from blis.engine.views import World
from blis.engine.waiting import enqueue


@kernel
def end_steps(world: World, state: State, instance: int, now_us: int) -> bool:
    """End the step that ends now, if there is one; return whether there is anybody left to compose a step for."""
    instances = state.instances
    under_way = instances.steps_under_way[instance]
    if under_way == 2 or (under_way == 1 and instances.busy_until_us[instance] <= now_us):
        note_event(state, instance, now_us)
        state.scratch.step[NOW_US] = now_us
        instances.steps_under_way[instance] = under_way - 1
        if world.settings.needs_prompts:
            hear_of_step(state, instance)
        _learn_tokens(world, state, instance, instances.step_number[instance] - under_way + 1)
    if instances.running_requests[instance] > 0 or instances.queued_requests[instance] > 0:
        return True
    instances.next_step_us[instance] = NEVER_US
    if instances.steps_under_way[instance] > 0:
        instances.next_step_us[instance] = instances.busy_until_us[instance]
    return False


@kernel
def wait_for_step(state: State, instance: int) -> None:
    """The composition found nobody to serve: it counts for nothing, and is tried again when the step under way ends."""
    instances = state.instances
    instances.step_number[instance] -= 1
    instances.next_step_us[instance] = instances.busy_until_us[instance]


@kernel
def _learn_tokens(world: World, state: State, instance: int, number: int) -> None:
    """The tokens of the step of that number are known: blocks get keys, and who is done leaves, in batch order."""
    instances, requests, table = state.instances, state.requests, world.workload.table
    count = _list_ending(state, instance, number, _list_unkeyed(state, instance, number))
    sort_members(state, count)
    for place in range(count):
        request = state.scratch.members[place]
        if requests.leaves_us[request] < 0:
            fill_known(world, state, instance, request, decode_position(state, instance, request) + 1)
            continue
        stored = table.input_tokens[request] + max(table.output_tokens[request], 1) - 1
        if is_prefill_leg(world, state, request):
            stored = table.input_tokens[request]
        if requests.status[request] == RUNNING:
            fill_known(world, state, instance, request, stored)
        end_stay(world, state, instance, request, stored)
    if world.settings.has_adapters and instances.returning_requests[instance] > 0:
        bring_back(world, state, instance)  # nobody that was set aside stands before those that return
    for place in range(instances.returning_requests[instance]):
        enqueue(world, state, instance, state.batches.returning[instance, place], True)
    instances.returning_requests[instance] = 0


@kernel
def _list_unkeyed(state: State, instance: int, number: int) -> int:
    """List the members for which the step of that number may have filled a block that has no key yet.

    A step composed since then has given the others theirs.
    """
    instances, requests, members = state.instances, state.requests, state.scratch.members
    count = 0
    if number < instances.step_number[instance]:
        if instances.left_out_requests[instance] > 0:
            for place in range(instances.running_requests[instance]):
                request = state.batches.members[instance, place]
                if requests.left_out_us[request] > 0:
                    members[count] = request
                    count += 1
        return count
    if instances.fills_are_due[instance]:
        instances.fills_are_due[instance] = 0
        request = state.batches.fill_head[instance, number % state.batches.fill_head.shape[1]]
        while request >= 0:
            members[count] = request
            count += 1
            request = requests.fill_next[request]
    return count


@kernel
def _list_ending(state: State, instance: int, number: int, count: int) -> int:
    """Add those that have their last token now, also if they have given way meanwhile; return the new number."""
    instances, requests, ending = state.instances, state.requests, state.batches.ending[instance]
    kept = 0
    for place in range(instances.ending_requests[instance]):
        request = ending[place]
        if requests.finish_step[request] > number:
            ending[kept] = request
            kept += 1
        else:
            state.scratch.members[count] = request
            count += 1
    instances.ending_requests[instance] = kept
    return count
