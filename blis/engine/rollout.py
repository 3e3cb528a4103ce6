"""What if: at chosen decisions the simulation is forked, the other choice is made, and both futures are compared.

A base run goes from one sampled decision to the next. At each, for every alternative, a branch is made equal to the
base, decides otherwise, and runs, with the same policies and the same arrivals, until the request has left and a
horizon longer. What really happened is known from the finished run.

Where no decision depends on what instances do, the choice changes nothing but the two that it is between: only these
are run, and the others did what they really did.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np

from blis.engine._jit import compiled, entry_point, kernel
from blis.engine.branch import FIRST_ROW, has_same_shape, rejoin
from blis.engine.codes import (
    AT_ADMISSION,
    AT_ROUTING,
    CLOCK_US,
    DECISION,
    DONE,
    FIRST_LIVE,
    IS_DECIDED,
    LEFT,
    N_CANDIDATES,
    NEVER_US,
    NEXT_ADMISSION,
    NEXT_ROUTING,
    SECOND_LIVE,
    STOP_AT_ADMISSION,
    STOP_AT_ROUTING,
    WATCHED,
)
from blis.engine.effects import (
    compare,
    has_local_effects,
    is_routed_alike,
    left_us,
    since_arrival,
)
from blis.engine.expectation import cached_prompt_blocks, expected_ttft_us, mean_output_tokens
from blis.engine.loop import run_at, sample_arguments
from blis.engine.records import Records, records
from blis.engine.reference import by_reference, value_of
from blis.engine.setting_fields import has_known_settings
from blis.engine.state import State, Workload
from blis.engine.views import World

ROUTING_DECISION, ADMISSION_DECISION = range(2)

#: Returned beside the loop's own reasons: arrays of one of the two have grown, so the other's must as well.
NEEDS_ROOM = 100

_PLAN_FIELDS = {
    "kind": (np.int64, 0),  # ROUTING_DECISION or ADMISSION_DECISION
    "place": (np.int64, 0),  # rank of the routing, or the request that is admitted or not
    "forced": (np.int64, -1),  # the one alternative to be tried; -1: the most promising ones
}

_ROLLOUT_FIELDS = {
    "kind": (np.int64, 0),
    "request": (np.int64, -1),
    "clock_us": (np.int64, 0),  # of the decision
    "chosen": (np.int64, 0),  # what the policy decided
    "alternative": (np.int64, 0),  # what was tried instead
    "until_us": (np.int64, 0),  # up to when both futures were compared
    "ttft_us": (np.int64, -1),  # from the arrival, in the other future; -1: no first token in it
    "e2e_us": (np.int64, -1),
    "real_ttft_us": (np.int64, -1),  # what happened
    "real_e2e_us": (np.int64, -1),
    "others_begun": (np.int64, 0),  # other requests whose first token comes after the decision, in both futures by then
    "others_ttft_us": (np.int64, 0),  # sum of their changes of TTFT, other future minus real one
    "others_completed": (np.int64, 0),  # other requests completed after the decision, in both
    "others_e2e_us": (np.int64, 0),  # sum of their changes of E2E
    "others_gained": (np.int64, 0),  # other requests completed by then in the other future only
    "others_lost": (np.int64, 0),  # in the real one only
}

# Places of `cursor`.
_PHASE, AT_DECISION, _AT_ALTERNATIVE, _N_ALTERNATIVES, N_ROLLOUTS, IS_BRANCH, IS_CANCELLED, _RUNS_ALL, _FIRST = range(9)
_SINCE = slice(_FIRST, _FIRST + 2)
_TO_DECISION, _BRANCHING, _UNTIL_LEFT, _UNTIL_HORIZON = range(4)


def new_plan(kinds: Any, places: Any, forced: Any = -1) -> Records:
    """The decisions to be tried otherwise, in the order of time."""
    plan = records(_PLAN_FIELDS, len(kinds))
    plan.kind, plan.place, plan.forced = kinds, places, forced
    return plan


def new_rollouts(length: int) -> Records:
    """Room for the outcomes of so many alternatives."""
    return records(_ROLLOUT_FIELDS, length)


def new_cursor() -> Any:
    """Where `compiled_rollouts` begins; it also holds what it needs to go on after a stop."""
    return np.zeros(_FIRST + 2, np.int64)


@kernel
def _ask_to_stop(base: State, plan: Records, decision: int) -> None:
    cluster = base.scratch.cluster
    if plan.kind[decision] == ADMISSION_DECISION:
        cluster[STOP_AT_ADMISSION] = plan.place[decision]
    else:
        cluster[STOP_AT_ROUTING] = plan.place[decision]


@kernel
def _is_stopped(cluster: Any) -> bool:
    """Whether the run stands at the decision that it was asked to stop at, and the policy has decided."""
    return cluster[IS_DECIDED] == 1 and cluster[STOP_AT_ROUTING] < 0 and cluster[STOP_AT_ADMISSION] < 0


@kernel
def _decided_request(base: State, kind: int) -> int:
    cluster = base.scratch.cluster
    if kind == ADMISSION_DECISION:
        return cluster[NEXT_ADMISSION]
    return cluster[NEXT_ROUTING]


@kernel
def _list_alternatives(world: World, base: State, plan: Records, decision: int, alternatives: Any, most: int) -> int:
    """Write what else could be decided, the most promising first; return how many that is."""
    cluster = base.scratch.cluster
    chosen = cluster[DECISION]
    if plan.forced[decision] >= 0:
        alternatives[0] = plan.forced[decision]
        return 1
    if plan.kind[decision] == ADMISSION_DECISION:
        alternatives[0] = 0 if chosen != 0 else 1
        return 1
    request = _decided_request(base, ROUTING_DECISION)
    scores = base.scratch.scores  # the decision has been made: they are no longer needed
    mean_output = mean_output_tokens(world, base)
    for instance in base.scratch.eligible[: base.scratch.cluster[N_CANDIDATES]]:
        cached = cached_prompt_blocks(world, base, instance, request)
        scores[instance] = expected_ttft_us(world, base, instance, request, cached, mean_output, cluster[CLOCK_US])
    count = 0
    for instance in base.scratch.eligible[: base.scratch.cluster[N_CANDIDATES]]:
        if instance == chosen:
            continue
        place = min(count, most)
        while place > 0 and scores[instance] < scores[alternatives[place - 1]]:
            if place < most:
                alternatives[place] = alternatives[place - 1]
            place -= 1
        if place < most:
            alternatives[place] = instance
            count = min(count + 1, most)
    return count


@kernel
def _note_latencies(branch: State, facts: Records, rollout: Records, request: int) -> None:
    """What became of the request in the other future, and what really did."""
    rollout.ttft_us = since_arrival(branch.requests, request, branch.requests.first_token_us[request])
    rollout.e2e_us = since_arrival(branch.requests, request, branch.requests.finished_us[request])
    rollout.real_ttft_us = since_arrival(facts, request, facts.first_token_us[request])
    rollout.real_e2e_us = since_arrival(facts, request, facts.finished_us[request])


@kernel
def _rollouts(
    world: World,
    memory: Any,
    base: State,
    branch: State,
    facts: Records,
    plan: Records,
    rollouts: Records,
    alternatives: Any,
    cursor: Any,
    horizon_us: int,
    loop: Any,
) -> int:
    branched = by_reference(
        World(
            value_of(world.workload), world.settings, world.limits, world.answers, world.parameters, memory,
            world.coefficients,
        )
    )  # fmt: skip
    cluster, since = base.scratch.cluster, cursor[_SINCE]
    while cursor[AT_DECISION] < plan.shape[0]:
        decision = cursor[AT_DECISION]
        kind = plan.kind[decision]
        if cursor[_PHASE] == _TO_DECISION:
            if not _is_stopped(cluster):
                if cluster[IS_DECIDED] == 0 and cluster[STOP_AT_ROUTING] < 0 and cluster[STOP_AT_ADMISSION] < 0:
                    _ask_to_stop(base, plan, decision)
                cursor[IS_BRANCH] = 0
                status = run_at(loop, world, base, NEVER_US)
                if status not in (AT_ADMISSION, AT_ROUTING) or not _is_stopped(cluster):
                    return status
            cursor[_N_ALTERNATIVES] = _list_alternatives(
                world, base, plan, decision, alternatives, alternatives.shape[0]
            )
            cursor[_AT_ALTERNATIVE] = 0
            cursor[_PHASE] = _BRANCHING
        if cursor[IS_CANCELLED] != 0:
            return DONE
        if cursor[_AT_ALTERNATIVE] == cursor[_N_ALTERNATIVES]:
            cursor[AT_DECISION] += 1
            cursor[_PHASE] = _TO_DECISION
            if cursor[AT_DECISION] < plan.shape[0]:
                _ask_to_stop(base, plan, cursor[AT_DECISION])
            continue
        rollout = rollouts[cursor[N_ROLLOUTS]]
        request = _decided_request(base, kind)
        cursor[IS_BRANCH] = 1
        if cursor[_PHASE] == _BRANCHING:
            if not has_same_shape(world, base, branch):
                return NEEDS_ROOM
            rejoin(world, memory, base, branch, since)
            rollout.kind, rollout.request, rollout.clock_us = kind, request, cluster[CLOCK_US]
            rollout.chosen = cluster[DECISION]
            rollout.alternative = alternatives[cursor[_AT_ALTERNATIVE]]
            branch.scratch.cluster[DECISION] = rollout.alternative
            branch.scratch.cluster[WATCHED] = request
            if kind == ROUTING_DECISION and has_local_effects(world) and cursor[_RUNS_ALL] == 0:
                branch.scratch.cluster[FIRST_LIVE] = rollout.chosen + 1
                branch.scratch.cluster[SECOND_LIVE] = rollout.alternative + 1
            cursor[_PHASE] = _UNTIL_LEFT
        if cursor[_PHASE] == _UNTIL_LEFT:
            status = run_at(loop, branched, branch, NEVER_US)
            if status != DONE and status != LEFT:
                return status
            branch.scratch.cluster[WATCHED] = -1
            real_us = left_us(facts, request, rollout.clock_us)
            rollout.until_us = max(left_us(branch.requests, request, rollout.clock_us), real_us) + horizon_us
            cursor[_PHASE] = _UNTIL_HORIZON
        status = run_at(loop, branched, branch, rollout.until_us + 1)
        if status != DONE:
            return status
        if branch.scratch.cluster[FIRST_LIVE] > 0 and not is_routed_alike(branch, facts, since[FIRST_ROW], request):
            cursor[_RUNS_ALL] = 1  # a router that remembers where it sent requests: begin anew, with all instances
            cursor[_PHASE] = _BRANCHING
            continue
        compare(world, branch, facts, rollout, since[FIRST_ROW], rollout.until_us)
        _note_latencies(branch, facts, rollout, request)
        cursor[N_ROLLOUTS] += 1
        cursor[_AT_ALTERNATIVE] += 1
        cursor[_PHASE] = _BRANCHING
    return DONE


def _rollouts_kernel(
    workload: Workload,
    settings: Records,
    limits: Records,
    answers: Any,
    parameters: np.ndarray,
    memory: np.ndarray,
    coefficients: np.ndarray,
    base: State,
    branch_memory: np.ndarray,
    branch: State,
    facts: Records,
    plan: Records,
    rollouts: Records,
    alternatives: Any,
    cursor: Any,
    horizon_us: int,
    loop: Any,
) -> int:
    """Try the planned decisions otherwise, from where `cursor` stands; return DONE, or why it stopped.

    `cursor[IS_BRANCH]` tells which of the two simulations a stop belongs to, `loop` is `loop.loop_address` of both.
    """
    world = by_reference(World(workload, settings, limits, answers, parameters, memory, coefficients))
    return _rollouts(
        world, branch_memory, by_reference(base), by_reference(branch), facts, plan, rollouts, alternatives, cursor,
        horizon_us, loop,
    )  # fmt: skip


def compiled_rollouts(settings: Records) -> Callable[..., int]:
    """The rollouts as machine code, for runs with such settings; their arguments are those of `_rollouts_kernel`."""
    return _compiled_rollouts(has_known_settings(settings))


def compile_rollouts() -> None:
    """Compile those for either kind of run, or load them, before a clock starts."""
    for is_plain in (True, False):
        _compiled_rollouts(is_plain)


@cache
def _compiled_rollouts(is_plain: bool) -> Callable[..., int]:
    workload, settings, limits, addresses, matrix, _, coefficients, state, _ = sample_arguments(is_plain)
    vector = np.zeros(1, np.int64)
    sample = (
        workload, settings, limits, addresses, matrix, matrix, coefficients, state, matrix, state, state.requests,
        new_plan([0], [0]), new_rollouts(1), vector, new_cursor(), 0, 0,
    )  # fmt: skip
    return entry_point(compiled(numba.types.int64(*map(numba.typeof, sample)), _rollouts_kernel))
