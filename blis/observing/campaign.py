"""All requests of a workload, each sent when it is due, until every one has ended or somebody stops it."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from blis.foundation.units import US_PER_S
from blis.observing.clock import Clock
from blis.observing.exchange import Attempt, Failure, Message, attempt, observation_of
from blis.observing.letters import Letters
from blis.observing.observation import ERROR, INTERRUPTED, UNSENT, Observation
from blis.observing.protocol.answers import Answer
from blis.observing.retrying import wait_s
from blis.observing.schedule import Schedule
from blis.observing.settings import RetrySettings

MOST_AHEAD = 256  #: messages that are made before they are due
MOST_AHEAD_BYTES = 2**26
#: Messages are made ahead only where nothing is due for so long [µs].
SLACK_US = 5_000


class Campaign:
    """The sending of one workload.

    Parameters
    ----------
    letters : Letters
    schedule : Schedule
    session : aiohttp.ClientSession
    clock : Clock
    record : callable
        Hears of every request that has ended, at once.
    concurrency : int or None
        At most so many are under way.
    horizon_us : int or None
        What is due later is not sent.
    retries : RetrySettings
    """

    def __init__(
        self,
        letters: Letters,
        schedule: Schedule,
        session: Any,
        clock: Clock,
        record: Callable[[Observation], None],
        concurrency: int | None,
        horizon_us: int | None,
        retries: RetrySettings,
    ) -> None:
        self._letters, self._schedule, self._session, self._clock = letters, schedule, session, clock
        self._record, self._horizon_us, self._retries = record, horizon_us, retries
        self._free_since_us = None if concurrency is None else deque([clock.now_us()] * concurrency)
        self._ahead: dict[int, Message] = {}
        self._ahead_bytes = 0
        self._next_ahead = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._started_us: dict[int, int] = {}  # row -> when it should have been sent
        self._changed = asyncio.Event()
        self._defect: BaseException | None = None
        self.is_stopped = False
        self.observations: dict[int, Observation] = {}  #: by row
        self.n_sent = 0

    @property
    def n_running(self) -> int:
        """Requests under way."""
        return len(self._tasks)

    def stop(self) -> None:
        """Send nothing more, and cut short what is under way."""
        self.is_stopped = True
        for task in self._tasks:
            task.cancel()
        self._changed.set()

    async def run(self) -> None:
        """Send everything; returns when nothing is under way any more."""
        while not self.is_stopped and await self._step():
            pass
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        if self._defect is not None:
            raise self._defect
        due_us = self._started_us | {row: self._schedule.estimate_us(row) for row in self._schedule.left()}
        reason = "interrupted" if self.is_stopped else "due after horizon_s"
        for row in sorted(due_us.keys() - self.observations.keys()):  # a task may be stopped before it has begun
            one = self._blank(row, due_us[row])
            one.status, one.kind, one.message = ERROR, UNSENT, f"not sent: {reason}"
            self.observations[row] = one

    def make_ahead(self) -> bool:
        """Make one message that is not due yet; whether there was one to make, and room for it."""
        if len(self._ahead) >= MOST_AHEAD or self._ahead_bytes >= MOST_AHEAD_BYTES:
            return False
        while self._next_ahead < len(self._letters.requests):
            row = self._next_ahead
            self._next_ahead += 1
            if self._schedule.is_pending(row) and self._letters.prompts.is_fixed(row):
                self._ahead[row] = message = self._letters.message(row)
                self._ahead_bytes += len(message.body)
                return True
        return False

    async def _step(self) -> bool:
        """Send what is due, or wait until something is; whether there is more to do."""
        due_us = self._schedule.next_due_us()
        if due_us is None or (self._horizon_us is not None and due_us > self._horizon_us):
            if not self._tasks:
                return False
            await self._wait(None)
            return True
        if self._free_since_us is not None and not self._free_since_us:
            await self._wait(None)
            return True
        slack_us = due_us - self._clock.now_us()
        if slack_us > SLACK_US and self.make_ahead():
            await asyncio.sleep(0)
        elif slack_us > 0:
            await self._wait(slack_us)
        else:
            due_us, row = self._schedule.pop()
            if self._free_since_us is not None:
                due_us = max(due_us, self._free_since_us.popleft())
            self._start(row, due_us)
            # A round of the loop for what has come in: a burst shall not keep answers waiting.
            await asyncio.sleep(0)
        return True

    async def _wait(self, most_us: int | None) -> None:
        """Wait until a request has ended that matters, or so long."""
        self._changed.clear()
        if most_us is None:
            await self._changed.wait()
            return
        alarm = asyncio.get_running_loop().call_later(most_us / US_PER_S, self._changed.set)
        try:
            await self._changed.wait()
        finally:
            alarm.cancel()

    def _start(self, row: int, arrival_us: int) -> None:
        self.n_sent += 1
        self._started_us[row] = arrival_us
        task = asyncio.get_running_loop().create_task(self._serve(row, arrival_us))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._defect = error
            self.stop()
        if self._free_since_us is not None:
            self._free_since_us.append(self._clock.now_us())
        self._changed.set()

    async def _serve(self, row: int, arrival_us: int) -> None:
        message = self._ahead.pop(row, None)
        if message is None:
            message = self._letters.message(row)
        else:
            self._ahead_bytes -= len(message.body)
        one = self._blank(row, arrival_us)
        keeps_text = self._letters.prompts.needs_answer(row)
        one.send_us = self._clock.now_us()
        tried = await self._tried(message, one, keeps_text)
        observation_of(one, tried, self._clock)
        self.observations[row] = one
        self._record(one)
        if tried.failure is None:
            self._letters.prompts.answered(row, tried.answer)
        self._schedule.ended(row, one.end_us)

    async def _tried(self, message: Message, one: Observation, keeps_text: bool) -> Attempt:
        """The last attempt at a request: the first, unless the server refuses for now and retries are wanted."""
        while True:
            tried = await attempt(self._session, message, self._clock, Answer(keeps_text=keeps_text))
            pause_s = wait_s(self._retries, tried.failure, one.retries)
            if pause_s is None or self.is_stopped:
                return tried
            try:
                await asyncio.sleep(pause_s)
            except asyncio.CancelledError:
                tried.failure = Failure(ERROR, INTERRUPTED, "interrupted (while it waited to be sent again)")
                return tried
            one.retries += 1

    def _blank(self, row: int, arrival_us: int) -> Observation:
        requests = self._letters.requests
        return Observation(
            number=int(requests.number[row]),
            arrival_us=arrival_us,
            asked_prompt_tokens=int(requests.input_tokens[row]),
            asked_output_tokens=int(requests.output_tokens[row]),
            streamed=self._letters.is_streamed(row),
        )
