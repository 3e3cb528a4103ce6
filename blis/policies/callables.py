"""Policies that are Python callables: the kernel stops, Python decides from the same view, the kernel goes on."""

import math
from typing import Any

import numpy as np

from blis.engine.codes import (
    ANSWERED,
    DECISION,
    INSTANCE,
    IS_DECIDED,
    N_CANDIDATES,
    NEXT_ADMISSION,
    NEXT_ROUTING,
    SCALING_STAGE,
    VICTIM,
)
from blis.engine.views import RequestView, RouterView
from blis.foundation.errors import ContractError
from blis.foundation.words import listed, shown
from blis.policies.stop import Stop
from blis.policies.windows import Windows, windows


def decide_admission(simulation: Stop) -> None:
    """Ask the admission policy about the next request."""
    seen = windows(simulation)
    cluster = seen.cluster
    answer = _ask(simulation, seen, "admission", seen.router(), seen.request(cluster[NEXT_ADMISSION]))
    cluster[DECISION] = _whole(simulation, "admission", answer, 0, None)
    cluster[IS_DECIDED] = 1


def seen_at_routing(simulation: Stop) -> tuple[RouterView, RequestView]:
    """What the routing policy sees of the cluster, and of the next request, at the present stop."""
    seen = windows(simulation)
    return seen.router(), seen.request(seen.cluster[NEXT_ROUTING])


def decide_routing(simulation: Stop) -> None:
    """Ask the routing policy about the next request."""
    seen, scratch = windows(simulation), simulation.state.scratch
    cluster = seen.cluster
    request = seen.request(cluster[NEXT_ROUTING])
    answer = _ask(simulation, seen, "routing", seen.router(), request, results=scratch.scores)
    chosen = _whole(simulation, "routing", answer, 0, scratch.scores.shape[0] - 1)
    candidates = scratch.eligible[: cluster[N_CANDIDATES]].tolist()
    if chosen not in candidates:
        name = simulation.prepared.policies["routing"].name
        raise ContractError(
            f"routing {shown(name)} must return one of the view's candidates, {listed(candidates)}; got {chosen}."
        )
    cluster[DECISION] = chosen
    cluster[IS_DECIDED] = 1


def decide_scaling(simulation: Stop) -> None:
    """Ask the scaling policy how many instances each pool should have."""
    seen, fleet = windows(simulation), simulation.state.fleet
    wanted = fleet.wanted.copy()
    _ask(simulation, seen, "scaling", seen.fleet(simulation), results=wanted)
    for pool, number in enumerate(wanted.tolist()):
        fleet.wanted[pool] = _whole(simulation, "scaling", number, 0, None)
    seen.cluster[SCALING_STAGE] = ANSWERED


def decide_order(simulation: Stop) -> None:
    """Work out the priority and the place of every request that waits on the instance in the middle of a step."""
    seen = windows(simulation)
    link = seen.link
    request = int(seen.waiting_head[seen.step[INSTANCE]])
    while request >= 0:
        view, waiting = seen.queue(request), seen.request(request)
        value = _number(simulation, "priority", _ask(simulation, seen, "priority", view, waiting))
        seen.priority[request] = value
        ranked = waiting._replace(priority=value)
        place = _number(simulation, "scheduling", _ask(simulation, seen, "scheduling", view, ranked))
        seen.queue_key[request] = place
        request = int(link[request])


def decide_victim(simulation: Stop) -> None:
    """Ask the preemption policy who gives way; Python priorities of all who may are worked out at this moment."""
    seen, scratch = windows(simulation), simulation.state.scratch
    count = seen.n_candidates()
    if simulation.prepared.policies["priority"].is_python:
        first = seen.first_candidate()
        members = simulation.state.batches.members[seen.step[INSTANCE], first : first + count]
        for place, member in enumerate(members.tolist()):
            answer = _ask(simulation, seen, "priority", seen.queue(member), seen.request(member))
            value = _number(simulation, "priority", answer)
            seen.priority[member] = scratch.candidates[0, place] = value
    answer = _ask(simulation, seen, "preemption", seen.candidates())
    seen.step[VICTIM] = _whole(simulation, "preemption", answer, 0, count - 1)


def _ask(simulation: Stop, seen: Windows, question: str, *views: Any, results: Any = None) -> Any:
    """What the policy answers; whatever goes wrong in it is its own fault, and is said to be."""
    try:
        if results is None:
            return seen.decide[question](*views, *seen.own[question])
        return seen.decide[question](*views, *seen.own[question], results)
    except Exception as error:
        name = simulation.prepared.policies[question].name
        raise ContractError(
            f"{question} {shown(name)} failed at {simulation.clock_us} µs: {type(error).__name__}: {error}."
        ) from error


def _number(simulation: Stop, question: str, answer: Any) -> float:
    is_number = isinstance(answer, int | float | np.integer | np.floating) and not isinstance(answer, bool)
    if not is_number or math.isnan(answer):
        name = simulation.prepared.policies[question].name
        raise ContractError(f"{question} {shown(name)} must return a number; got {shown(answer)}.")
    return float(answer)


def _whole(simulation: Stop, question: str, answer: Any, least: int, most: int | None) -> int:
    is_whole = isinstance(answer, int | np.integer) and not isinstance(answer, bool)
    if not is_whole or answer < least or (most is not None and answer > most):
        name = simulation.prepared.policies[question].name
        bound = f"≥ {least}" if most is None else f"in [{least}, {most}]"
        raise ContractError(f"{question} {shown(name)} must return an int {bound}; got {shown(answer)}.")
    return int(answer)
