"""A closed loop is the same run with its arrivals written down, or with a shorter look ahead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from blis.foundation.units import frozen
from blis.outcome import outcome
from blis.workload.requests import Requests
from experiments.fuzz.sameness import differences
from experiments.fuzz.subject import Subject

COLUMNS = (
    "status",
    "instance",
    "ttft_us",
    "e2e_us",
    "scheduling_delay_us",
    "preemptions",
    "cached_blocks",
    "computed_tokens",
)


def check(subject: Subject) -> Iterator[str]:
    """Run the loop with its arrivals known beforehand, and with the shortest look ahead."""
    if subject.stalled or not subject.is_closed:
        return
    subject.asked.add("written_down")
    real = subject.outcome.requests
    requests, order = _written_down(subject.requests, real.arrival_us, subject.scenario.horizon_us)
    again = outcome(subject.start(requests, trace="none").run()).requests
    for name in COLUMNS:
        one, other = getattr(real, name)[order], getattr(again, name)
        if not np.array_equal(one, other):
            row = int((one != other).argmax())
            yield f"with arrivals written down, request {order[row]} has {name} {other[row]} instead of {one[row]}"
    own_limits = replace(subject.prepared.prepared_cluster, limits=subject.prepared.limits.copy())
    prepared = replace(subject.prepared, prepared_cluster=own_limits)
    prepared.limits.least_step_us[:] = 1
    near = subject.start(prepared=prepared)
    near.settings.least_steps = 1
    near.settings.lookahead_us = 0
    for line in differences(subject.outcome, outcome(near.run()), stopped=True):
        yield f"with the shortest look ahead, {line}"


def _written_down(requests: Requests, arrival_us: np.ndarray, horizon_us: int | None) -> tuple[Requests, np.ndarray]:
    """The same requests with known arrival times, and the rows that they had before; the uncalled never come."""
    n = len(requests)
    known_us = np.where(arrival_us >= 0, arrival_us, (horizon_us or 0) + 1)
    order = np.lexsort((np.arange(n), known_us))
    columns = {}
    for name in requests.__dataclass_fields__:
        value = getattr(requests, name)
        if isinstance(value, np.ndarray) and len(value) == n and name not in ("keys", "key_offsets"):
            columns[name] = frozen(value[order], value.dtype.type)
    pieces = [requests.keys[requests.key_offsets[row] : requests.key_offsets[row + 1]] for row in order.tolist()]
    offsets = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])])
    columns |= {
        "arrival_us": frozen(known_us[order], np.int64),
        "after": frozen(np.full(n, -1), np.int64),
        "think_us": frozen(np.zeros(n), np.int64),
        "keys": frozen(np.concatenate(pieces), np.int64),
        "key_offsets": frozen(offsets, np.int64),
    }
    return replace(requests, **columns), order
