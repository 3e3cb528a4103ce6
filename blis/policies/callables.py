"""Policies that are Python callables: the kernel stops, Python decides from the same view, the kernel goes on."""

import math
from typing import Any

import numpy as np

from blis.engine._jit import plain
from blis.engine.codes import (
    CLOCK_US,
    DECISION,
    INSTANCE,
    IS_DECIDED,
    NEXT_ADMISSION,
    NOW_US,
    ROUTING_HEAD,
    VICTIM,
)
from blis.engine.preempting import fill_candidates, first_candidate
from blis.engine.signals import router_view
from blis.engine.views import ADMISSION, PREEMPTION, PRIORITY, ROUTING, SCHEDULING, World
from blis.engine.waiting import queue_view, request_view
from blis.foundation.errors import ContractError
from blis.foundation.words import shown
from blis.policies.stop import Stop

_router_view, _queue_view = plain(router_view), plain(queue_view)
_request_view, _fill_candidates = plain(request_view), plain(fill_candidates)
_first_candidate = plain(first_candidate)


def _world(simulation: Stop) -> World:
    """The world without its compiled functions, which helpers of a view never call."""
    no_answers, prepared = np.empty(0, np.int64), simulation.prepared
    return World(
        simulation.workload,
        simulation.settings,
        prepared.limits,
        no_answers,
        prepared.parameters,
        simulation.memory,
        prepared.coefficients,
    )


def decide_admission(simulation: Stop) -> None:
    """Ask the admission policy about the next request."""
    world, state = _world(simulation), simulation.state
    cluster = state.scratch.cluster
    view = _read_only(_router_view(world, state, int(cluster[CLOCK_US])))
    request = _request_view(world, state.requests, int(cluster[NEXT_ADMISSION]))
    cluster[DECISION] = _whole(simulation, "admission", ADMISSION, 0, None, view, request)
    cluster[IS_DECIDED] = 1


def decide_routing(simulation: Stop) -> None:
    """Ask the routing policy about the next request."""
    world, state = _world(simulation), simulation.state
    cluster = state.scratch.cluster
    view = _read_only(_router_view(world, state, int(cluster[CLOCK_US])))
    request = _request_view(world, state.requests, int(state.scratch.routing_queue[cluster[ROUTING_HEAD]]))
    last = simulation.settings.n_instances - 1
    cluster[DECISION] = _whole(simulation, "routing", ROUTING, 0, last, view, request, scores=state.scratch.scores)
    cluster[IS_DECIDED] = 1


def decide_order(simulation: Stop) -> None:
    """Work out the priority and the place of every request that waits on the instance in the middle of a step."""
    world, state = _world(simulation), simulation.state
    instance, now_us = int(state.scratch.step[INSTANCE]), int(state.scratch.step[NOW_US])
    view = _queue_view(world, state.instances, instance, now_us)
    request = int(state.instances.waiting_head[instance])
    while request >= 0:
        seen = _request_view(world, state.requests, request)
        value = _number(simulation, "priority", PRIORITY, view, seen)
        state.requests.priority[request] = value
        ranked = seen._replace(priority=value)
        state.requests.queue_key[request] = _number(simulation, "scheduling", SCHEDULING, view, ranked)
        request = int(state.requests.link[request])


def decide_victim(simulation: Stop) -> None:
    """Ask the preemption policy who gives way; Python priorities of all who may are worked out at this moment."""
    world, state = _world(simulation), simulation.state
    step = state.scratch.step
    instance, first = int(step[INSTANCE]), int(_first_candidate(world, state))
    if simulation.prepared.policies["priority"].is_python:
        seen_queue = _queue_view(world, state.instances, instance, int(step[NOW_US]))
        for member in state.batches.members[instance, first : state.instances.running_requests[instance]].tolist():
            seen = _request_view(world, state.requests, member)
            state.requests.priority[member] = _number(simulation, "priority", PRIORITY, seen_queue, seen)
    view = _read_only(_fill_candidates(world, state, instance))
    last = int(state.instances.running_requests[instance]) - first - 1
    step[VICTIM] = _whole(simulation, "preemption", PREEMPTION, 0, last, view)


def _read_only(view: Any) -> Any:
    """The view with arrays that cannot be written to: they are the simulator's own."""
    fields = []
    for field in view:
        if isinstance(field, np.ndarray):
            field = field.view(np.ndarray)
            field.flags.writeable = False
        fields.append(field)
    return type(view)(*fields)


def _ask(simulation: Stop, question: str, row: int, *seen: Any, scores: Any = None) -> Any:
    """What the policy answers; whatever goes wrong in it is its own fault, and is said to be."""
    policy = simulation.prepared.policies[question]
    arguments = [*seen, simulation.prepared.parameters[row], simulation.memory[row]]
    if scores is not None:
        arguments.append(scores)
    try:
        return plain(policy.decide)(*arguments)
    except Exception as error:
        raise ContractError(
            f"{question} {shown(policy.name)} failed at {simulation.clock_us} µs: {type(error).__name__}: {error}."
        ) from error


def _number(simulation: Stop, question: str, row: int, *seen: Any) -> float:
    answer = _ask(simulation, question, row, *seen)
    is_number = isinstance(answer, int | float | np.integer | np.floating) and not isinstance(answer, bool)
    if not is_number or math.isnan(answer):
        name = simulation.prepared.policies[question].name
        raise ContractError(f"{question} {shown(name)} must return a number; got {shown(answer)}.")
    return float(answer)


def _whole(
    simulation: Stop, question: str, row: int, least: int, most: int | None, *seen: Any, scores: Any = None
) -> int:
    answer = _ask(simulation, question, row, *seen, scores=scores)
    name = simulation.prepared.policies[question].name
    is_whole = isinstance(answer, int | np.integer) and not isinstance(answer, bool)
    if not is_whole or answer < least or (most is not None and answer > most):
        bound = f"≥ {least}" if most is None else f"in [{least}, {most}]"
        raise ContractError(f"{question} {shown(name)} must return an int {bound}; got {shown(answer)}.")
    return int(answer)
