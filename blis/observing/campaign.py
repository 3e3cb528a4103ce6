"""All requests of a workload, each sent when it is due, until every one has ended or somebody stops it."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from blis.foundation.units import US_PER_S
from blis.observing.clock import Clock
from blis.observing.exchange import Attempt, Failure, Message, attempt, observation_of
from blis.observing.letters import Letters
from blis.observing.observation import ERROR, INTERRUPTED, OK, UNSENT, Observation
from blis.observing.protocol.answers import Answer
from blis.observing.retrying import wait_s
from blis.observing.schedule import Schedule
from blis.observing.settings import RetrySettings

MOST_AHEAD = 256  #: messages that are made before they are due
MOST_AHEAD_BYTES = 2**26
MOST_AT_ONCE = 16  #: requests that are sent between two looks at what has come in
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
        self._free_since_us = None if concurrency is None else deque([0] * concurrency)
        self._ahead: dict[int, Message] = {}
        self._ahead_bytes = 0
        self._next_ahead = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._started_us: dict[int, int] = {}  # row -> when it should have been sent
        self._alarm: asyncio.Handle | None = None
        self._is_over = asyncio.Event()
        self._defect: BaseException | None = None
        self.is_stopped = False
        self.observations: dict[int, Observation] = {}  #: by row
        self.n_sent = 0
        self.n_ok = 0

    @property
    def n_running(self) -> int:
        """Requests under way."""
        return len(self._tasks)

    def stop(self) -> None:
        """Send nothing more, and cut short what is under way."""
        self.is_stopped = True
        for task in self._tasks:
            task.cancel()
        self._pump()

    async def run(self) -> None:
        """Send everything; returns when nothing is under way any more."""
        start_us = self._clock.now_us()
        if self._free_since_us is not None:
            self._free_since_us = deque(start_us for _ in self._free_since_us)
        self._pump()
        await self._is_over.wait()
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

    def _pump(self) -> None:
        """Send what is due, and be called again when something else is."""
        self._unset_alarm()
        if self.is_stopped:
            self._end_if_idle()
            return
        for _ in range(MOST_AT_ONCE):
            due_us = self._next_due_us()
            if due_us is None:
                self._end_if_idle()
                return
            slack_us = due_us - self._clock.now_us()
            if slack_us > 0:
                self._set_alarm(slack_us)
                return
            self._start()
        self._alarm = asyncio.get_running_loop().call_soon(self._pump)  # what has come in meanwhile goes first

    def _next_due_us(self) -> int | None:
        """When the next request is to be sent; None: not before another one has ended, if at all."""
        due_us = self._schedule.next_due_us()
        if due_us is not None and self._free_since_us is not None:
            due_us = max(due_us, self._free_since_us[0]) if self._free_since_us else None
        return None if due_us is None or (self._horizon_us is not None and due_us > self._horizon_us) else due_us

    def _set_alarm(self, slack_us: int) -> None:
        loop = asyncio.get_running_loop()
        if slack_us > SLACK_US and self.make_ahead():
            self._alarm = loop.call_soon(self._pump)
        else:
            self._alarm = loop.call_later(slack_us / US_PER_S, self._pump)

    def _unset_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _end_if_idle(self) -> None:
        if not self._tasks:
            self._is_over.set()

    def _start(self) -> None:
        due_us, row = self._schedule.pop()
        if self._free_since_us is not None:
            due_us = max(due_us, self._free_since_us.popleft())
        self.n_sent += 1
        self._started_us[row] = due_us
        task = asyncio.get_running_loop().create_task(self._serve(row, due_us))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._defect = error
            self.stop()
        if self._free_since_us is not None:
            self._free_since_us.append(self._clock.now_us())
        self._pump()

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
        self.n_ok += one.status == OK
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
