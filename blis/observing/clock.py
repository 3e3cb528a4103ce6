"""The clock of an observation: whole microseconds since its start, from a clock that never goes back."""

import time


class Clock:
    """Microseconds since the start of a run.

    Parameters
    ----------
    start_us : int
        What it says at the moment when it is made.
    """

    __slots__ = ("_origin_ns",)

    def __init__(self, start_us: int = 0) -> None:
        self.restart(start_us)

    def restart(self, start_us: int) -> None:
        """Say this time now."""
        self._origin_ns = time.monotonic_ns() - start_us * 1000

    def now_us(self) -> int:
        """The time now."""
        return (time.monotonic_ns() - self._origin_ns) // 1000
