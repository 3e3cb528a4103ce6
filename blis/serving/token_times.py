"""When each request gets each of its tokens, read off a simulation while it runs.

A step happens in the simulation when it is composed; the tokens that it hands out are those of its end, which lies in
the future of the simulated clock then. So a token is known before it is due, and nothing that comes later changes it.
"""

from typing import NamedTuple

import numpy as np

from blis.engine.codes import (
    COMPLETED,
    DROPPED,
    GATEWAY_DISPLACED,
    GATEWAY_EVICTED,
    GATEWAY_EXPIRED,
    GATEWAY_REJECTED,
    LOST,
    REJECTED,
    RUNNING,
    STATUS_NAMES,
    TIMED_OUT,
    UNROUTABLE,
)
from blis.foundation.units import Int64Vector
from blis.online import OnlineSimulation

#: Ends without an answer.
REFUSALS = (REJECTED, GATEWAY_REJECTED, GATEWAY_EXPIRED, GATEWAY_DISPLACED, GATEWAY_EVICTED, TIMED_OUT)
FAILURES = (DROPPED, UNROUTABLE, LOST)
#: By status, whether it is one of these.
_HAS_FAILED = np.isin(np.arange(len(STATUS_NAMES)), [*REFUSALS, *FAILURES])


class Tokens(NamedTuple):
    """Tokens of one step, or of several, in the order of requests."""

    requests: Int64Vector  #: (k,) rows
    counts: Int64Vector  #: (k,) tokens that each gets, ≥ 1
    times_us: Int64Vector  #: (k,) when they are due
    is_last: np.ndarray  #: bool (k,) whether the output ends with them
    ends_us: Int64Vector  #: (k,) when the request has ended, if it ends; it may be later than its last token


class TokenTimes:
    """Follows the requests of a simulation that have not got all of their tokens yet."""

    def __init__(self, simulation: OnlineSimulation) -> None:
        self._simulation = simulation
        self._rows: Int64Vector = np.zeros(0, np.int64)  #: in flight, in the order of their coming
        self._written: Int64Vector = np.zeros(0, np.int64)  #: tokens of each that have been told
        self._step_number = simulation.state.instances.step_number.copy()

    def __len__(self) -> int:
        """How many requests are in flight."""
        return len(self._rows)

    def follow(self, request: int) -> None:
        """Tell of this request, which has just come, too."""
        self._rows = np.append(self._rows, request)
        self._written = np.append(self._written, 0)

    def forget(self, request: int) -> int:
        """Tell nothing more of this request, which has been taken away; how many of its tokens have been told."""
        is_other = self._rows != request
        told = int(self._written[~is_other].sum())
        self._keep(is_other)
        return told

    def move_up(self, count: int) -> None:
        """The simulation has forgotten its first requests; none of them is followed any more."""
        self._rows = self._rows - count

    def refused(self) -> list[tuple[int, int]]:
        """Requests that have ended without an answer since this was last asked, each with the code of its end."""
        status = self._simulation.state.requests.view(np.ndarray)["status"][self._rows]
        ended = _HAS_FAILED[status]
        if not ended.any():
            return []
        told = list(zip(self._rows[ended].tolist(), status[ended].tolist(), strict=True))
        self._keep(~ended)
        return told

    def new_tokens(self) -> list[Tokens]:
        """Tokens that have become known since this was last asked, in the order of their steps.

        To be asked after each time at which a step is composed: tokens of two steps of one instance can be told apart
        only if these are its two latest.
        """
        state = self._simulation.state
        numbers = state.instances.step_number
        steps = numbers - self._step_number
        if not steps.any():
            return []
        self._step_number = numbers.copy()
        requests, rows = state.requests.view(np.ndarray)[self._rows], self._rows
        written = self._written_now(requests, numbers)
        gained = written - self._written
        has_new = gained > 0
        if not has_new.any():
            return []
        outputs = self._simulation.table.view(np.ndarray)["output_tokens"][rows[has_new]]
        tokens = self._timed(requests[has_new], rows[has_new], self._written[has_new], written[has_new], outputs, steps)
        self._written = written
        is_over = (requests["leaves_us"] >= 0) & (written >= self._simulation.table.output_tokens[rows])
        if is_over.any():
            self._keep(~is_over)
        return tokens

    def _keep(self, kept: np.ndarray) -> None:
        self._rows, self._written = self._rows[kept], self._written[kept]

    def _written_now(self, requests: np.ndarray, numbers: Int64Vector) -> Int64Vector:
        """Tokens that each request has been handed out, those of steps under way included."""
        table = self._simulation.table.view(np.ndarray)
        inputs, outputs = table["input_tokens"][self._rows], table["output_tokens"][self._rows]
        text, status = requests["text_tokens"], requests["status"]
        # What it had when it last gave way is part of its text; before its first token it has none.
        written = text - inputs
        decodes = (status == RUNNING) & (requests["stored_tokens"] >= text) & (requests["first_token_us"] >= 0)
        number = numbers[requests["instance"]]
        written = np.where(decodes, number + requests["decode_base"] + 2 - inputs, written)
        is_done = (requests["leaves_us"] >= 0) | (status == COMPLETED)
        latest: Int64Vector = np.where(is_done, outputs, np.minimum(written, outputs))
        return latest

    def _timed(
        self,
        requests: np.ndarray,
        rows: Int64Vector,
        before: Int64Vector,
        written: Int64Vector,
        outputs: Int64Vector,
        steps: Int64Vector,
    ) -> list[Tokens]:
        state, limits = self._simulation.state, self._simulation.limits
        instance = requests["instance"]
        first_us = requests["first_token_us"]
        end_us = state.instances.busy_until_us[instance]
        arrivals = written - 1
        if len(state.drafts):
            arrivals = arrivals - state.drafts.accepted_tokens[rows]
        # As the engine has it, see `blis.engine.members.announce`.
        times_us = first_us + end_us - requests["clock_mark_us"] + arrivals * limits.output_token_us[instance]
        is_last = (requests["leaves_us"] >= 0) & (written >= outputs)
        ends_us = np.where(is_last, requests["leaves_us"], -1)
        times_us = np.where(is_last, requests["leaves_us"] - limits.completion_us[instance], times_us)
        is_first = before == 0
        times_us = np.where(is_first & (written == 1), first_us, times_us)
        tokens = Tokens(rows, written - before, times_us, is_last, ends_us)
        two = (tokens.counts == 2) & (steps[instance] == 2)
        if not two.any():
            return [tokens]
        # Two steps were composed at once: the first ended one step earlier.
        before_us = times_us - state.instances.step_us[instance] - limits.output_token_us[instance]
        earlier_us = np.where(is_first, first_us, before_us)
        one = np.ones(int(two.sum()), np.int64)
        first = Tokens(rows[two], one, earlier_us[two], np.zeros(len(one), bool), ends_us[two])
        return [first, tokens._replace(counts=np.where(two, 1, tokens.counts))]
