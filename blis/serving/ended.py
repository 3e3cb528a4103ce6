"""What is kept of requests that have ended: counts and times in bins, as much room however many there are."""

import math

import numpy as np

from blis.engine.codes import COMPLETED
from blis.foundation.units import US_PER_S, Float64Vector, Int64Vector

#: Bins are so much wider than the one before: a percentile is known to a thousandth.
_GROWTH = 1.002
_LEAST_US, _MOST_US = 1.0, 1e13
_N_BINS = 2 + int(math.log(_MOST_US / _LEAST_US) / math.log(_GROWTH))
_QUANTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0}


class Times:
    """Durations in bins that grow by a constant factor."""

    def __init__(self) -> None:
        self._counts = np.zeros(_N_BINS, np.int64)
        self._sum_us = 0.0

    def add(self, times_us: Float64Vector) -> None:
        """Count these [µs]."""
        times_us = np.asarray(times_us, np.float64)
        places = np.log(np.clip(times_us, _LEAST_US, _MOST_US) / _LEAST_US) / math.log(_GROWTH)
        np.add.at(self._counts, np.where(times_us < _LEAST_US, 0, 1 + places.astype(np.int64)), 1)
        self._sum_us += float(times_us.sum())

    def figures(self) -> dict[str, float] | None:
        """Mean and percentiles [ms]; None if nothing was counted."""
        n = int(self._counts.sum())
        if n == 0:
            return None
        quantiles = {name: self._value_us((n - 1) * share / 100) * 1e3 / US_PER_S for name, share in _QUANTILES.items()}
        return {"mean": self._sum_us / n * 1e3 / US_PER_S} | quantiles

    def _value_us(self, rank: float) -> float:
        """The duration of this rank, from 0, between those of the whole ranks beside it."""
        ranks = [math.floor(rank), math.ceil(rank)]
        places = np.searchsorted(np.cumsum(self._counts), ranks, side="right")
        values_us = np.where(places == 0, 0.0, _LEAST_US * _GROWTH ** (places - 0.5))
        return float(values_us[0] + (rank - ranks[0]) * (values_us[1] - values_us[0]))


class Ended:
    """Of all requests of an engine."""

    def __init__(self) -> None:
        self.n = 0
        self.completed = 0
        self.input_tokens = 0
        self.output_tokens = 0  #: of those that completed
        self.preemptions = 0
        self.times = {"ttft_ms": Times(), "itl_mean_ms": Times(), "e2e_ms": Times()}

    def note(self, requests: np.ndarray, table: np.ndarray) -> None:
        """Count rows, as the simulation has them."""
        done = requests["status"] == COMPLETED
        outputs: Int64Vector = table["output_tokens"][done]
        arrival_us, first_us, end_us = (
            column[done] for column in (table["arrival_us"], requests["first_token_us"], requests["finished_us"])
        )
        several = outputs > 1
        self.n += len(requests)
        self.completed += int(done.sum())
        self.input_tokens += int(table["input_tokens"].sum())
        self.output_tokens += int(outputs.sum())
        self.preemptions += int(requests["preemptions"].sum())
        self.times["ttft_ms"].add(first_us - arrival_us)
        self.times["itl_mean_ms"].add((end_us - first_us)[several] / (outputs[several] - 1))
        self.times["e2e_ms"].add(end_us - arrival_us)
