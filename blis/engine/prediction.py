"""What latency the router expects of an instance for a request: the reference model on what a router can know.

`blis.engine.expectation` looks into the instance; this looks at reports, which may be old, and at the router's own
record of what it sent there, which never is:

    expected TTFT = until a step begins that can take the request: half of the last step in the mean, one more where
                    steps are composed ahead, or the queueing delay if that is longer
                  + waiting for room, where a request slot or blocks are lacking
                  + steps that compute the prompts sent there before and its own uncached tokens, at the full budget
                  + the fixed time of an output token

    expected ITL  = a step of the reported decodes and this one, over the tokens that each writes in it
                  + the fixed time of an output token

The price of a step is the instance's own: what a predictor that has learnt it by heart would say. Reported are the
decodes, their context, the blocks in use and the last step's length; requests and prompts there, what is cached of
this one, and how long outputs are in the mean, the router has seen itself.
"""

from blis.engine._jit import kernel
from blis.engine.batch_sums import BatchSums
from blis.engine.codes import N_CANDIDATES
from blis.engine.expectation import mean_output_tokens, prefill_us
from blis.engine.sent_prompts import NOW, TOKENS
from blis.engine.state import State
from blis.engine.views import TIMES_STEP, RequestView, RouterView, World, step_time_at
from blis.foundation.slo_targets import NO_TARGET_US


@kernel
def expect_latencies(world: World, state: State, request: int) -> None:
    """Work out both for every candidate; the request's `affinity_blocks` have been counted."""
    mean_output = mean_output_tokens(world, state)
    for instance in state.scratch.eligible[: state.scratch.cluster[N_CANDIDATES]]:
        state.scratch.expected_ttft_us[instance] = _ttft_us(world, state, instance, request, mean_output)
        state.scratch.expected_itl_us[instance] = _itl_us(world, state, instance, request)


@kernel
def _ttft_us(world: World, state: State, instance: int, request: int, mean_output: float) -> float:
    limits, signals, size = world.limits, state.signals, world.settings.block_size_tokens
    prompt = world.workload.table.input_tokens[request]
    # The last token is computed in any case.
    cached = min(state.scratch.affinity_blocks[instance], (prompt - 1) // size) * size
    tokens = state.prompts[instance, NOW, TOKENS] + prompt - cached
    start_us = limits.queueing_us[instance] + limits.queueing_us_per_token[instance] * prompt
    if state.instances.in_flight_requests[instance] > 0:
        start_us = max(start_us, (0.5 + limits.async_scheduling[instance]) * signals.step_us[instance])
    decodes, context = signals.decode_requests[instance], signals.decode_context_tokens[instance]
    return (
        start_us
        + _room_us(world, state, instance, tokens, mean_output)
        + prefill_us(world, instance, tokens, cached, decodes, context)
        + limits.output_token_us[instance]
    )


@kernel
def _room_us(world: World, state: State, instance: int, tokens: int, mean_output: float) -> float:
    """Time until completions have made room for so many tokens and one request more; 0 where there is room."""
    in_flight, limits = state.instances.in_flight_requests[instance], world.limits
    if in_flight == 0:
        return 0.0
    running = min(in_flight, limits.max_running_requests[instance])
    used = state.signals.used_blocks[instance]
    lacking = -(-tokens // world.settings.block_size_tokens) + used - limits.total_blocks[instance]
    ends = max(float(in_flight + 1 - limits.max_running_requests[instance]), lacking * running / max(1, used))
    if ends <= 0.0:
        return 0.0
    return ends * max(1, state.signals.step_us[instance]) * mean_output / running


@kernel
def _itl_us(world: World, state: State, instance: int, request: int) -> float:
    limits, drafts = world.limits, world.limits.draft_tokens[instance]
    decodes = (state.signals.decode_requests[instance] + 1) * (1 + drafts)
    context = state.signals.decode_context_tokens[instance] + world.workload.table.input_tokens[request]
    sums = BatchSums(0, 0, 0, 0, 0, decodes, context)
    step_us = max(1.0, float(step_time_at(world.answers[TIMES_STEP])(sums, world.coefficients[instance])))
    written, accepted = 1.0, 1.0
    for _ in range(drafts):
        accepted *= limits.acceptance_rate[instance]
        written += accepted
    return step_us / written + limits.output_token_us[instance]


@kernel
def headroom_us(view: RouterView, request: RequestView, instance: int) -> tuple[float, float]:
    """What would be left of the request's targets for its first token and for the mean time between tokens.

    Without a first target that is left of 0; a class without a second is not streamed to anybody: nothing is lacking.
    """
    ttft_us = float(request.ttft_target_us) if request.ttft_target_us < NO_TARGET_US else 0.0
    itl_us = 0.0
    if request.itl_target_us < NO_TARGET_US:
        itl_us = float(request.itl_target_us) - view.expected_itl_us[instance]
    return ttft_us - view.expected_ttft_us[instance], itl_us
