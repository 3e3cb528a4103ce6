"""More room for requests in a simulation to which they come; contents, and so results, stay as they are."""

from typing import Any

import numpy as np

from blis.engine.state import State

#: Arrays whose lengths follow from the number of requests, or from the longest sequence.
_BY_REQUESTS: dict[str, tuple[str, ...]] = {
    "batches": ("members", "prefilling", "finish_step", "finish_request", "ending", "returning"),
    "scratch": ("routing_queue", "order", "hits", "tier_hits", "members", "candidates"),
    "learned": ("requests",),
    "gateway": ("requests",),
    "adapters": ("requests",),
    "transfers": ("legs",),
    "swap": ("requests",),
}


def with_rows_of(state: State, larger: State) -> State:
    """The state with the room for requests that a new one for more of them has."""
    parts: dict[str, Any] = {
        name: _within(getattr(larger, name), getattr(state, name))
        for name in ("requests", "drafts", "awaiting", "patience")
    }
    for name, fields in _BY_REQUESTS.items():
        part, room = getattr(state, name), getattr(larger, name)
        parts[name] = part._replace(**{field: _within(getattr(room, field), getattr(part, field)) for field in fields})
    return state._replace(**parts)


def _within(larger: np.ndarray, array: np.ndarray) -> np.ndarray:
    """The contents of an array at the beginning of a larger one."""
    larger[tuple(slice(0, length) for length in array.shape)] = array
    return larger
