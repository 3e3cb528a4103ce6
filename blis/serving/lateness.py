"""How much later than the simulation says a server hands out its tokens."""

import math

import numpy as np

_LEAST_S, _GROWTH = 1e-6, 1.02
_N_BINS = 2 + int(math.log(1000.0 / _LEAST_S) / math.log(_GROWTH))


class Lateness:
    """Counts of tokens by lateness, in bins two percent wide: they take the same room however long it counts."""

    def __init__(self) -> None:
        self._counts = np.zeros(_N_BINS, np.int64)
        self._most_s = 0.0

    def add(self, late_s: float, tokens: int = 1) -> None:
        """Count tokens that were handed out so much later than they were due; never early, so at least 0."""
        place = 0 if late_s < _LEAST_S else 1 + int(math.log(late_s / _LEAST_S) / math.log(_GROWTH))
        self._counts[min(place, _N_BINS - 1)] += tokens
        self._most_s = max(self._most_s, late_s)

    def __len__(self) -> int:
        """How many tokens were counted."""
        return int(self._counts.sum())

    def quantile_ms(self, share: float) -> float | None:
        """The lateness that so large a share of the tokens keeps to; None without tokens."""
        n = len(self)
        if n == 0:
            return None
        place = int(np.searchsorted(np.cumsum(self._counts), share * n))
        return 1e3 * min(self._most_s, _LEAST_S * _GROWTH**place)

    def summary(self) -> dict[str, float | None]:
        """Median, 99th percentile and the largest [ms]."""
        return {
            "p50_ms": self.quantile_ms(0.5),
            "p99_ms": self.quantile_ms(0.99),
            "max_ms": 1e3 * self._most_s if len(self) else None,
        }
