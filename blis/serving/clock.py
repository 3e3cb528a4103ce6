"""Simulated time as it passes in a server: so many simulated seconds in each real one."""

import time

from blis.foundation.units import US_PER_S


class Clock:
    """Starts at 0 when it is made.

    Parameters
    ----------
    speed : float > 0
        Simulated seconds in a real one.
    """

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self.started_unix_s = time.time()
        self._origin_s = time.monotonic()

    def now_us(self) -> int:
        """Simulated time [µs]."""
        return int((time.monotonic() - self._origin_s) * self.speed * US_PER_S)

    def real_s(self, simulated_us: int) -> float:
        """When that will be, or was, by `time.monotonic`."""
        return self._origin_s + simulated_us / (self.speed * US_PER_S)

    def unix_s(self, simulated_us: int) -> float:
        """When that will be, or was, in seconds since 1970, as clocks on walls have it."""
        return self.started_unix_s + simulated_us / (self.speed * US_PER_S)
