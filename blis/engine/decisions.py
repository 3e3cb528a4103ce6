"""What a trace keeps of the cluster's decisions: verdicts, choices, scores, and what the reference model expected."""

import numpy as np

from blis.engine._jit import kernel
from blis.engine.choice import LOWEST_INDEX, best_instance
from blis.engine.codes import (
    DECISION,
    N_ADMITTED,
    N_CANDIDATES,
    N_REJECTED,
    N_ROUTED,
    N_TURNED_AWAY,
    TRACE_DECISIONS,
)
from blis.engine.expectation import cached_prompt_blocks, expected_ttft_us, mean_output_tokens
from blis.engine.state import State
from blis.engine.views import World


@kernel
def record_admission(state: State, request: int, now_us: int) -> None:
    """Keep the verdict on a request, before it is counted."""
    cluster, admissions = state.scratch.cluster, state.trace.admissions
    entry = cluster[N_ADMITTED] + cluster[N_REJECTED] + cluster[N_TURNED_AWAY]
    admissions.request[entry] = request
    admissions.clock_us[entry] = now_us
    admissions.verdict[entry] = cluster[DECISION]


@kernel
def record_scores(world: World, state: State, request: int, target: int) -> None:
    """Keep the chosen instance's score and how far it lies below the best."""
    scores, candidates = state.scratch.scores, state.scratch.eligible[: state.scratch.cluster[N_CANDIDATES]]
    if not world.settings.policy_scores:
        for instance in candidates:
            scores[instance] = -float(state.scratch.effective_load[instance])
    best = scores[best_instance(scores, candidates, LOWEST_INDEX)]
    state.requests.routing_score[request] = scores[target]
    state.requests.routing_regret[request] = max(0.0, best - scores[target])


@kernel
def record_routing(world: World, state: State, request: int, target: int, now_us: int) -> None:
    """Keep a choice, what the policy thought of the others, and what each promised by the reference model."""
    routings, scratch = state.trace.routings, state.scratch
    entry = scratch.cluster[N_ROUTED]
    routings.request[entry] = request
    routings.clock_us[entry] = now_us
    routings.instance[entry] = target
    routings.effective_load[entry] = scratch.effective_load[target]
    least_load, most_cached, rank = scratch.effective_load[target], 0, 0
    quickest, least_us, chosen_us = -1, 0.0, 0.0
    mean_output = mean_output_tokens(world, state)
    if world.settings.trace_level == TRACE_DECISIONS and world.settings.restricts_candidates:
        _leave_out_others(world, state, entry)
    for instance in state.scratch.eligible[: state.scratch.cluster[N_CANDIDATES]]:
        least_load = min(least_load, scratch.effective_load[instance])
        if scratch.scores[instance] > scratch.scores[target]:
            rank += 1
        cached = cached_prompt_blocks(world, state, instance, request)
        most_cached = max(most_cached, cached)
        expected_us = expected_ttft_us(world, state, instance, request, cached, mean_output, now_us)
        if instance == target:
            chosen_us = expected_us
            routings.cached_blocks[entry] = cached
        if quickest < 0 or expected_us < least_us:
            quickest, least_us = instance, expected_us
        if world.settings.trace_level == TRACE_DECISIONS:
            state.trace.scores[entry, instance] = scratch.scores[instance]
            state.trace.expected_ttft_us[entry, instance] = expected_us
            for scorer in range(world.settings.n_scorers):
                state.trace.scorer_scores[entry, scorer, instance] = scratch.scorer_scores[scorer, instance]
    routings.rank[entry] = rank
    routings.least_load[entry] = least_load
    routings.most_cached_blocks[entry] = most_cached
    routings.expected_ttft_us[entry] = chosen_us
    routings.least_ttft_us[entry] = least_us
    routings.quickest[entry] = quickest


@kernel
def _leave_out_others(world: World, state: State, entry: int) -> None:
    """Let nothing be said of instances that are no candidates."""
    for instance in range(world.settings.n_instances):
        state.trace.scores[entry, instance] = np.nan
        state.trace.expected_ttft_us[entry, instance] = np.nan
        for scorer in range(world.settings.n_scorers):
            state.trace.scorer_scores[entry, scorer, instance] = np.nan
