"""Who is sent when: at the times of the workload, when somebody else has been answered, or as soon as there is room."""

import heapq
from collections.abc import Mapping

import numpy as np

from blis.workload.requests import Requests


class Schedule:
    """Rows of a table of requests that become due as time passes and as others end.

    Parameters
    ----------
    requests : Requests
    is_timed : bool
        Whether arrival times count; if not, a row is due as soon as what it waits for has ended.
    in_order : bool
        Whether a round of a session waits for the round before it, also where the workload does not say so.
    ended_us : mapping
        Row to the time when it ended: rows that an earlier part of the observation has dealt with.
    """

    def __init__(
        self, requests: Requests, is_timed: bool, in_order: bool, ended_us: Mapping[int, int] | None = None
    ) -> None:
        ended_us = ended_us or {}
        self._arrival_us: list[int] = requests.arrival_us.tolist()
        self._think_us: list[int] = requests.think_us.tolist()
        self._after = requests.after.tolist()
        self._is_timed = is_timed
        waits_for = requests.after.copy()
        if in_order:
            before = previous_rounds(requests)
            waits_for = np.where(waits_for >= 0, waits_for, before)
        self._waits_for: list[int] = waits_for.tolist()
        self._heap: list[tuple[int, int]] = []
        self._followers: dict[int, list[int]] = {}
        self._is_left = [True] * len(self._waits_for)
        for row, before_row in enumerate(self._waits_for):
            if row in ended_us:
                self._is_left[row] = False
                continue
            if before_row < 0:
                heapq.heappush(self._heap, (self._own_due_us(row), row))
            elif before_row in ended_us:
                heapq.heappush(self._heap, (self._follower_due_us(row, ended_us[before_row]), row))
            else:
                self._followers.setdefault(before_row, []).append(row)

    def next_due_us(self) -> int | None:
        """When the next row is due; None if none is known to be yet."""
        return self._heap[0][0] if self._heap else None

    def pop(self) -> tuple[int, int]:
        """Time and row of what is due next."""
        due_us, row = heapq.heappop(self._heap)
        self._is_left[row] = False
        return due_us, row

    def is_pending(self, row: int) -> bool:
        """Whether a row has not been popped."""
        return self._is_left[row]

    def ended(self, row: int, now_us: int) -> None:
        """Take note that a row has ended: others may be due at a time that is known now."""
        for follower in self._followers.pop(row, ()):
            heapq.heappush(self._heap, (self._follower_due_us(follower, now_us), follower))

    def left(self) -> list[int]:
        """Rows that were never popped, in order."""
        return [row for row, is_left in enumerate(self._is_left) if is_left]

    def estimate_us(self, row: int) -> int:
        """When the workload thinks that a row comes."""
        return self._own_due_us(row)

    def _own_due_us(self, row: int) -> int:
        return self._arrival_us[row] if self._is_timed else 0

    def _follower_due_us(self, row: int, ended_us: int) -> int:
        if self._after[row] >= 0:
            return ended_us + self._think_us[row]
        return max(self._own_due_us(row), ended_us)


def previous_rounds(requests: Requests) -> np.ndarray:
    """(n,) row of the round before in the same session, -1 for none."""
    last_of: dict[int, int] = {}
    before = np.full(len(requests), -1)
    for row, session in enumerate(requests.session.tolist()):
        if session >= 0:
            before[row] = last_of.get(session, -1)
            last_of[session] = row
    return before
