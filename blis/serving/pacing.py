"""Keeps a simulated deployment in step with real time."""

import asyncio
import time
from collections.abc import Callable

from blis.foundation.units import US_PER_S
from blis.online import UNKNOWN_US
from blis.serving.clock import Clock
from blis.serving.engine import Engine, Sequence

#: Who is later than this [s] hands out what has become due meanwhile together.
_BEHIND_S = 0.005
#: Longest sleep [s]: an event loop's timers are no better for very late times.
_LONGEST_S = 3600.0


class Pacer:
    """Hands out what an engine has for its sequences, when it is due.

    Parameters
    ----------
    engine : Engine
    clock : Clock
    """

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self.engine = engine
        self.clock = clock
        self._is_wanted = asyncio.Event()
        self._behind_us = int(_BEHIND_S * clock.speed * US_PER_S)
        self.on_turn: list[Callable[[bool], None]] = []  #: called between deliveries, with whether nothing is due
        self.failure: BaseException | None = None

    def add(self, sequence: Sequence) -> None:
        """Let a sequence come now."""
        self.engine.add(sequence, self.clock.now_us())
        self._is_wanted.set()

    def cancel(self, sequence: Sequence) -> None:
        """Take a sequence away: its client has gone."""
        self.engine.cancel(sequence, self.clock.now_us())
        self._is_wanted.set()

    async def run(self) -> None:
        """Work until it is cancelled."""
        try:
            while True:
                self._is_wanted.clear()
                self.engine.run_until(self.clock.now_us(), self._behind_us)
                next_us = self.engine.next_us()
                for turn in self.on_turn:
                    turn(next_us > self.clock.now_us())
                await self._sleep_until(next_us)
        except Exception as error:
            self.failure = error
            raise

    async def _sleep_until(self, next_us: int) -> None:
        left_s = _LONGEST_S
        if next_us < UNKNOWN_US:
            left_s = min(left_s, self.clock.real_s(next_us) - time.monotonic())
        if left_s <= 0:
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(left_s):
                await self._is_wanted.wait()
        except TimeoutError:
            pass
