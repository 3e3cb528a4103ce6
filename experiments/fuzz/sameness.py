"""Where two outcomes differ, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from blis.outcome import Outcome

#: What a run holds beside what happened in it.
RECORDINGS = ("routing_score", "routing_regret")
#: Parts of a trace in the order in which the engine came by, which differs where a run is stopped in between.
IN_ORDER_OF_RUNNING = ("samples", "counters", "preemptions")


def differences(one: Outcome, other: Outcome, *, recordings: bool = True, stopped: bool = False) -> Iterator[str]:
    """One line for each array that differs.

    Without `recordings` only what happened is compared; with `stopped`, one of the runs has been stopped in between.
    """
    for part in ("requests", "instances"):
        for name in getattr(one, part).__dataclass_fields__:
            if recordings or name not in RECORDINGS:
                yield from _difference(
                    f"{part}.{name}", getattr(getattr(one, part), name), getattr(getattr(other, part), name)
                )
    for name in ("end_us", "n_admitted", "n_rejected"):
        yield from _difference(name, getattr(one, name), getattr(other, name))
    if not recordings:
        return
    yield from _difference("interval_us", one.interval_us, other.interval_us)
    yield from _difference("interval_tokens", one.interval_tokens, other.interval_tokens)
    if one.trace is not None and other.trace is not None:
        for name, array in one.trace._asdict().items():
            if not (stopped and name in IN_ORDER_OF_RUNNING):
                yield from _difference(f"trace.{name}", array, getattr(other.trace, name))
        if stopped:
            yield from _difference("preemptions", _by_time(one.trace.preemptions), _by_time(other.trace.preemptions))


def _by_time(preemptions: Any) -> Any:
    """An instance's own are in the order of time already."""
    return preemptions[np.lexsort((np.arange(len(preemptions)), preemptions.instance, preemptions.clock_us))]


def _difference(name: str, one: Any, other: Any) -> Iterator[str]:
    one, other = np.asarray(one), np.asarray(other)
    if one.shape != other.shape:
        yield f"{name} has shape {one.shape} and {other.shape}"
    elif one.dtype.names:
        for field in one.dtype.names:
            yield from _difference(f"{name}.{field}", one[field], other[field])
    elif one.tobytes() != other.tobytes() and not np.array_equal(one, other, equal_nan=one.dtype.kind == "f"):
        differs = np.atleast_1d((one != other) & ~((one != one) & (other != other)))
        place = np.argwhere(differs)[0].tolist()
        first, second = np.atleast_1d(one)[tuple(place)], np.atleast_1d(other)[tuple(place)]
        yield f"{name}{place} is {first} and {second} ({int(differs.sum())} of {differs.size} differ)"
