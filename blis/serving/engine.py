"""A simulated deployment that sequences come to: it advances with the time that it is told, and hands out tokens.

It knows no clock of its own and no network: a server drives it in real time, a test as it likes.
"""

import heapq
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from blis.foundation.units import Int32Vector, Int64Vector
from blis.online import UNKNOWN_US, Arrival, OnlineSimulation
from blis.prepare import PreparedRun
from blis.serving.block_numbers import BlockNumbers
from blis.serving.ended import Ended
from blis.serving.statistics import Statistics
from blis.serving.token_times import TokenTimes
from blis.simulate import Cancellation


class Receiver(Protocol):
    """Who gets the tokens of a sequence."""

    def on_tokens(self, n_tokens: int, due_us: int, is_end: bool) -> None:
        """The next tokens are due; with none, or the last of them, the sequence ends."""

    def on_refusal(self, status: int, due_us: int) -> None:
        """It has ended without an answer, see `blis.engine.codes`."""


class _Nobody:
    """Receives what nobody waits for any more."""

    def on_tokens(self, n_tokens: int, due_us: int, is_end: bool) -> None:
        """Let them go."""

    def on_refusal(self, status: int, due_us: int) -> None:
        """Let it go."""


#: In the place of a receiver that has heard of the end: what it holds of its request can be forgotten.
NOBODY = _Nobody()


#: Rows that are kept at least: so many are forgotten at a time that it does not matter what that takes.
_LEAST_ROWS = 4096


@dataclass(slots=True, eq=False)
class Sequence:
    """One prompt and its answer."""

    prompt: Int32Vector
    output: Int32Vector
    finish_reason: str
    receiver: Receiver
    prompt_digest: bytes
    slo_class: int = 0
    tenant: int = 0
    session: int = -1
    turn: int = 0
    model: int = -1
    request: int = -1  #: its number, in the order of their coming
    arrival_us: int = -1
    instance: int = -1  #: that served it, once it has ended
    cached_tokens: int = 0  #: of its prompt, as far as it is known
    told_tokens: int | None = None  #: that it had got when it was cancelled; None: it was not
    labels: dict[str, Any] = field(default_factory=dict)  #: what a record says of it beside


class Engine:
    """One simulation with the sequences that are in it.

    Parameters
    ----------
    prepared : PreparedRun
    seed : int ≥ 0
    with_hashes : bool
        Keep what KV events tell of blocks.
    forgets : bool
        Keep nothing of sequences that have ended, where that can be; else all of them, to be recorded.
    """

    def __init__(
        self, prepared: PreparedRun, *, seed: int = 0, with_hashes: bool = False, forgets: bool = False
    ) -> None:
        self.simulation = OnlineSimulation(prepared, seed=seed)
        self.prepared = prepared
        self.blocks = BlockNumbers(prepared.cluster.block_size_tokens, with_hashes=with_hashes)
        self.forgets = forgets and self.simulation.can_forget
        self.served: list[Sequence] = []  #: by row
        self.block_paths: list[Int64Vector] = []  #: by row, numbers of its whole blocks; none if it forgets
        self._with_hashes = with_hashes
        self.statistics = Statistics(self.simulation)
        self._times = TokenTimes(self.simulation)
        self._prompts: dict[bytes, int] = {}
        #: time, order, tokens, ends
        self._due: list[tuple[int, int, list[tuple[Sequence, int]], list[Sequence]]] = []
        self._unwanted: list[Sequence] = []  #: to be taken away as soon as they can be
        self.n_cancelled = 0
        self.cancelled_tokens = 0  #: that they had got
        self._ended = Ended()  #: that have been forgotten
        self._forgets_at = _LEAST_ROWS
        self._n_due = 0
        self._advanced_us = 0
        self.simulation.advance(0)

    @property
    def n_in_flight(self) -> int:
        """Sequences that have not ended."""
        return len(self._times) + sum(len(ends) for *_, ends in self._due)

    def prompts(self) -> Int64Vector:
        """By row the identity of the whole prompt: the earliest request that has the same."""
        return np.array([self._prompts[one.prompt_digest] for one in self.served], np.int64)

    def next_us(self) -> int:
        """When something is due next; never before a time that it has been told."""
        next_us = min(self.simulation.next_event_us(), UNKNOWN_US)
        return min(next_us, self._due[0][0]) if self._due else next_us

    def add(self, sequence: Sequence, now_us: int) -> None:
        """Let a sequence come now."""
        now_us = max(now_us, self._advanced_us)
        self._advance(now_us)
        if self.forgets and len(self.served) >= self._forgets_at:
            self._forget()
        request = self.simulation.n_forgotten + len(self.served)
        size = len(sequence.prompt) + len(sequence.output)
        whole = self.blocks.of(_joined(sequence, size))
        arrival = Arrival(
            input_tokens=len(sequence.prompt),
            output_tokens=len(sequence.output),
            blocks=whole,
            prompt=self._prompts.setdefault(sequence.prompt_digest, request),
            slo_class=sequence.slo_class,
            tenant=sequence.tenant,
            session=sequence.session,
            turn=sequence.turn,
            model=sequence.model,
        )
        sequence.request, sequence.arrival_us = request, now_us
        row = self.simulation.add(now_us, arrival)
        self.served.append(sequence)
        if not self.forgets:
            self.block_paths.append(whole)
        self._times.follow(row)

    def look_up(self, sequence: Sequence) -> None:
        """Let a sequence that has not ended know where it is served, and how much of its prompt was found cached."""
        requests, row = self.simulation.state.requests.view(np.ndarray), self._row(sequence)
        sequence.instance = int(requests["instance"][row])
        cached = max(0, int(requests["cached_blocks"][row])) * self.prepared.cluster.block_size_tokens
        sequence.cached_tokens = min(cached, len(sequence.prompt))

    def ended(self) -> Ended:
        """What can be said of all sequences that have come."""
        ended, simulation = deepcopy(self._ended), self.simulation
        n = len(simulation)
        ended.note(simulation.state.requests.view(np.ndarray)[:n], simulation.table.view(np.ndarray))
        return ended

    def cancel(self, sequence: Sequence, now_us: int) -> None:
        """Take a sequence away now, or as soon as it can be, because nobody waits for it any more."""
        self._advance(max(now_us, self._advanced_us))
        self._unwanted.append(sequence)
        self._cancel_unwanted()

    def run_until(self, now_us: int, behind_us: int = 0) -> None:
        """Hand out what is due by now, in the order of time.

        Who is behind by more than `behind_us` first finds out all that is due, and hands it out together: a receiver
        then gets several tokens at once, which costs little more than one.
        """
        while True:
            due_us = self._due[0][0] if self._due else UNKNOWN_US
            event_us = min(self.simulation.next_event_us(), UNKNOWN_US)
            if min(due_us, event_us) > now_us:
                return
            is_behind = now_us - due_us > behind_us
            if due_us <= now_us and not (is_behind and event_us <= now_us) and (due_us <= event_us or is_behind):
                self._deliver(now_us if is_behind else due_us)
            else:
                self._step(event_us)

    def _advance(self, until_us: int) -> None:
        """Run what happens before a time, step by step; what it hands out waits until it is due."""
        while (event_us := self.simulation.next_event_us()) < until_us:
            self._step(event_us)
        self.simulation.advance(until_us)
        self._advanced_us = max(self._advanced_us, until_us)

    def _step(self, event_us: int) -> None:
        self.simulation.advance(event_us + 1)
        self._advanced_us = max(self._advanced_us, event_us + 1)
        for tokens in self._times.new_tokens():
            self.statistics.note(tokens)
            self._schedule(zip(*(column.tolist() for column in tokens), strict=True))
        for row, status in self._times.refused():
            self.served[row].receiver.on_refusal(status, event_us)
            self.served[row].receiver = NOBODY
        self._cancel_unwanted()

    def _cancel_unwanted(self) -> None:
        unwanted, self._unwanted = self._unwanted, []
        for sequence in unwanted:
            if sequence.receiver is NOBODY:
                continue  # it has ended meanwhile
            row = self._row(sequence)
            instance = int(self.simulation.state.requests.instance[row])
            found = self.simulation.cancel(row, self._advanced_us)
            if found == Cancellation.TOO_EARLY:
                self._unwanted.append(sequence)
            elif found == Cancellation.DONE:
                sequence.told_tokens = self._times.forget(row)
                sequence.receiver = NOBODY
                self.n_cancelled += 1
                self.cancelled_tokens += sequence.told_tokens
                self.statistics.note_end(instance, "abort")

    def _schedule(self, tokens: Iterable[tuple[int, int, int, bool, int]]) -> None:
        by_time: dict[int, tuple[list[tuple[Sequence, int]], list[Sequence]]] = {}
        for row, count, due_us, is_last, end_us in tokens:
            sequence = self.served[row]
            by_time.setdefault(due_us, ([], []))[0].append((sequence, count))
            if is_last:
                by_time.setdefault(end_us, ([], []))[1].append(sequence)
        for due_us, (counts, ends) in by_time.items():
            heapq.heappush(self._due, (due_us, self._n_due, counts, ends))
            self._n_due += 1

    def _deliver(self, until_us: int) -> None:
        """Hand out what is due until then: of each request all its tokens together, as of when the first is due."""
        tokens: dict[Sequence, list[int]] = {}  # when the first is due, how many, whether it ends
        while self._due and self._due[0][0] <= until_us:
            due_us, _, counts, ends = heapq.heappop(self._due)
            for sequence, count in counts:
                tokens.setdefault(sequence, [due_us, 0, 0])[1] += count
            for sequence in ends:
                tokens.setdefault(sequence, [due_us, 0, 0])[2] = 1
        for sequence, (due_us, count, is_end) in tokens.items():
            if is_end:
                self.look_up(sequence)
            sequence.receiver.on_tokens(count, due_us, is_end == 1)
            if is_end:
                sequence.receiver = NOBODY

    def _row(self, sequence: Sequence) -> int:
        return sequence.request - self.simulation.n_forgotten

    def _forget(self) -> None:
        """Forget sequences that have ended, up to the first that has not; what they were is counted."""
        simulation = self.simulation
        before = next((row for row, one in enumerate(self.served) if one.receiver is not NOBODY), len(self.served))
        requests = simulation.state.requests.view(np.ndarray)[:before].copy()
        table = simulation.table.view(np.ndarray)[:before].copy()
        count = simulation.forget(before)
        self._ended.note(requests[:count], table[:count])
        self._times.move_up(count)
        self.statistics.move_up(count)
        del self.served[:count]
        self._prompts = {one.prompt_digest: self._prompts[one.prompt_digest] for one in self.served}
        if not self._with_hashes:
            self.blocks.forget(simulation.blocks_named())
        self._forgets_at = max(_LEAST_ROWS, 2 * len(self.served))


def _joined(sequence: Sequence, size: int) -> Int32Vector:
    whole = np.empty(size, np.int32)
    whole[: len(sequence.prompt)] = sequence.prompt
    whole[len(sequence.prompt) :] = sequence.output
    return whole
