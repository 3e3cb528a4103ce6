"""Policies that are Python callables: the kernel stops, Python decides from the same view, the kernel goes on."""

from typing import TYPE_CHECKING, Any

import numpy as np

from blis.engine._jit import plain
from blis.engine.batch import fill_candidates
from blis.engine.codes import (
    CLOCK_US,
    CURSOR,
    DECISION,
    INSTANCE,
    IS_DECIDED,
    NEXT_ADMISSION,
    NOW_US,
    ROUTING_HEAD,
    VICTIM,
)
from blis.engine.signals import router_view
from blis.engine.views import ADMISSION, PREEMPTION, PRIORITY, ROUTING, SCHEDULING, World
from blis.engine.waiting import queue_view, request_view
from blis.errors import ContractError

if TYPE_CHECKING:
    from blis.simulate import Simulation

_router_view, _queue_view = plain(router_view), plain(queue_view)
_request_view, _fill_candidates = plain(request_view), plain(fill_candidates)


def _world(simulation: "Simulation") -> World:
    """The world without its compiled functions, which helpers of a view never call."""
    no_answers = np.empty(0, np.int64)
    return World(
        simulation.workload,
        simulation.settings,
        simulation.limits,
        no_answers,
        simulation.parameters,
        simulation.memory,
        simulation.coefficients,
    )


def decide_admission(simulation: "Simulation") -> None:
    """Ask the admission policy about the next request."""
    world, state = _world(simulation), simulation.state
    cluster = state.scratch.cluster
    view = _router_view(world, state, int(cluster[CLOCK_US]))
    request = _request_view(world, state.requests, int(cluster[NEXT_ADMISSION]))
    policy = simulation.policies["admission"]
    answer = policy.decide(view, request, simulation.parameters[ADMISSION], simulation.memory[ADMISSION])
    cluster[DECISION] = _whole(policy.name, answer)
    cluster[IS_DECIDED] = 1


def decide_routing(simulation: "Simulation") -> None:
    """Ask the routing policy about the next request."""
    world, state = _world(simulation), simulation.state
    cluster = state.scratch.cluster
    view = _router_view(world, state, int(cluster[CLOCK_US]))
    request = _request_view(world, state.requests, int(state.scratch.routing_queue[cluster[ROUTING_HEAD]]))
    policy = simulation.policies["routing"]
    answer = policy.decide(
        view, request, simulation.parameters[ROUTING], simulation.memory[ROUTING], state.scratch.scores
    )
    cluster[DECISION] = _whole(policy.name, answer)
    cluster[IS_DECIDED] = 1


def decide_order(simulation: "Simulation") -> None:
    """Work out the priority and the place of every request that waits on the instance in the middle of a step."""
    world, state = _world(simulation), simulation.state
    instance, now_us = int(state.scratch.step[INSTANCE]), int(state.scratch.step[NOW_US])
    view = _queue_view(world, state.instances, instance, now_us)
    priority, scheduling = simulation.policies["priority"], simulation.policies["scheduling"]
    request = int(state.instances.waiting_head[instance])
    while request >= 0:
        seen = _request_view(world, state.requests, request)
        value = float(plain(priority.decide)(view, seen, simulation.parameters[PRIORITY], simulation.memory[PRIORITY]))
        state.requests.priority[request] = value
        key = plain(scheduling.decide)(
            view,
            seen._replace(priority=value),
            simulation.parameters[SCHEDULING],
            simulation.memory[SCHEDULING],
        )
        state.requests.queue_key[request] = float(key)
        request = int(state.requests.link[request])


def decide_victim(simulation: "Simulation") -> None:
    """Ask the preemption policy who gives way."""
    world, state = _world(simulation), simulation.state
    step = state.scratch.step
    instance = int(step[INSTANCE])
    view = _fill_candidates(world, state, instance)
    policy = simulation.policies["preemption"]
    choice = _whole(policy.name, policy.decide(view, simulation.parameters[PREEMPTION], simulation.memory[PREEMPTION]))
    count = int(state.instances.running_requests[instance] - step[CURSOR])
    if not 0 <= choice < count:
        raise ContractError(f"preemption {policy.name!r} must choose a position in [0, {count - 1}]; got {choice}.")
    step[VICTIM] = choice


def _whole(name: str, answer: Any) -> int:
    if isinstance(answer, bool) or int(answer) != answer:
        raise ContractError(f"policy {name!r} must return an int; got {answer!r}.")
    return int(answer)
