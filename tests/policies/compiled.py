"""Users' functions that are to be compiled, as a module of theirs would hold them."""

from typing import Any

import numba

from blis.engine.choice import best_instance


@numba.njit
def least_loaded(view: Any, request: Any, params: Any, memory: Any, scores: Any) -> int:
    """The instance with the fewest requests."""
    for instance in view.candidates:
        scores[instance] = -float(view.effective_load[instance])
    return best_instance(scores, view.candidates, view.tie_draw)


@numba.njit
def refuse_every_third(view: Any, request: Any, params: Any, memory: Any) -> int:
    """Count in the memory."""
    memory[0] += 1
    return 1 if memory[0] % 3 == 0 else 0


@numba.njit
def long_first(view: Any, request: Any, params: Any, memory: Any) -> int:
    """More urgent with each token of the prompt: an int, where a number is asked for."""
    return request.input_tokens


@numba.njit
def by_priority(view: Any, request: Any, params: Any, memory: Any) -> float:
    """Most urgent first."""
    return -request.priority


@numba.njit
def oldest(view: Any, params: Any, memory: Any) -> int:
    """The request that was taken first."""
    return 0


@numba.njit
def knows_output(view: Any, request: Any, params: Any, memory: Any, scores: Any) -> int:
    """Reads what nobody may see."""
    return request.output_tokens % 2


@numba.njit
def writes(view: Any, request: Any, params: Any, memory: Any, scores: Any) -> int:
    """Tampers with the run."""
    view.queued_requests[0] = 0
    return 0


@numba.njit
def half(view: Any, request: Any, params: Any, memory: Any, scores: Any) -> float:
    """No instance."""
    return 0.5


@numba.njit
def fails(view: Any, request: Any, params: Any, memory: Any, scores: Any) -> int:
    """Gives up on the fourth request."""
    if request.request == 3:
        raise ValueError("no more")
    return 0


@numba.njit
def outside(view: Any, request: Any, params: Any, memory: Any, scores: Any) -> int:
    """An instance that does not exist."""
    return view.n_instances
