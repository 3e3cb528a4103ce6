"""What requests are worth in a copy of a run that is left before all of them have ended.

Who has ended counts as in `evolve.practice.worth`. Who has not is taken to go on as until now: with the mean time
between tokens that it has had, or that its instance's latest step took; and who waits, to begin now.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from blis.engine.codes import COMPLETED, GATEWAY_QUEUED, NOT_STARTED
from blis.engine.judging import Judgement, judged
from blis.fitness.ratio import MOST
from blis.foundation.slo_targets import SloTargets
from blis.foundation.units import Float64Vector, Int32Vector, Int64Vector
from blis.simulate import Simulation
from evolve.practice.worth import BY_REQUEST, LEAST_ATTAINMENT, added_logs


class Value:
    """Values requests by the objectives that are means over requests.

    Parameters
    ----------
    slo : SloTargets
        What the classes are promised.
    slo_classes : sequence of str
        Their names.
    weights : mapping of objective to float
        Those of `BY_REQUEST` count; if none is there, `BY_REQUEST` itself does.
    """

    def __init__(self, slo: SloTargets, slo_classes: Sequence[str], weights: Mapping[str, float]) -> None:
        self._bounds_us = slo.bounds_us(tuple(slo_classes))
        self._weights = {name: weight for name, weight in weights.items() if name in BY_REQUEST} or BY_REQUEST
        self._attainment = 1.0

    def expect(self, attainment: float) -> None:
        """Say which share of the promises is kept: one more counts relative to it."""
        self._attainment = max(attainment, LEAST_ATTAINMENT)

    def of(self, copy: Simulation, rows: Int64Vector, slo_class: Int32Vector, now_us: int) -> Float64Vector:
        """(len(rows),) logarithm that each of these requests adds to the value of a run that goes on, larger is better.

        Parameters
        ----------
        copy : Simulation
            Run up to `now_us`.
        rows : int64
            Requests that have arrived.
        slo_class : int32
            Of every request in the copy, index into the names.
        now_us : int
        """
        return added_logs(self._judged(copy, rows, slo_class, now_us), self._weights, self._attainment)

    def whole(self, finished: Simulation, slo_class: Int32Vector) -> float:
        """Logarithm of the value of a run that has ended: a weighted mean, of which that of a search is a multiple."""
        got = self._judged(finished, np.arange(len(slo_class)), slo_class, None)
        used = got.promised_time_used[got.arrived & ~np.isnan(got.promised_time_used)]
        kept = max(float(got.meets_slo[got.arrived].mean()), 1.0 / MOST) if got.arrived.any() else 1.0
        weights = self._weights
        return float(
            weights.get("slo-attainment", 0.0) * math.log(kept)
            - weights.get("lateness", 0.0) * (np.log(got.lateness[got.arrived]).mean() if got.arrived.any() else 0.0)
            - weights.get("promised-time", 0.0) * (np.log(used).mean() if len(used) else 0.0)
        )

    def attainment_of(self, finished: Simulation, slo_class: Int32Vector) -> float:
        """Share of the promises that a run has kept which has ended."""
        got = self._judged(finished, np.arange(len(slo_class)), slo_class, None)
        return float(got.meets_slo[got.arrived].mean()) if got.arrived.any() else 1.0

    def _judged(self, copy: Simulation, rows: Int64Vector, slo_class: Int32Vector, now_us: int | None) -> Judgement:
        """What is said of these requests; without `now_us` who has not completed never will."""
        requests = copy.state.requests.view(np.ndarray)[rows]
        outputs = copy.workload.table.view(np.ndarray)["output_tokens"][rows]
        ttft_us, itl_us, e2e_us = _times(copy, requests, rows, outputs, copy.clock_us if now_us is None else now_us)
        status = requests["status"]
        is_open = (status < COMPLETED) | (status >= GATEWAY_QUEUED)  # one that waits for its KV is beyond them
        return judged(
            status=status if now_us is None else np.where(is_open, COMPLETED, status),
            arrival_us=requests["arrival_us"],
            ttft_us=ttft_us,
            itl_mean_us=itl_us,
            e2e_us=e2e_us,
            output_tokens=outputs,
            slo_class=slo_class[rows],
            bounds_us=self._bounds_us,
            end_us=0,
        )


def has_arrived(copy: Simulation) -> np.ndarray:
    """(n,) bool: whether the request has been routed or refused."""
    requests = copy.state.requests.view(np.ndarray)
    arrived: np.ndarray = (requests["status"] != NOT_STARTED) | (requests["instance"] >= 0)
    return arrived


def _times(
    copy: Simulation, requests: np.ndarray, rows: Int64Vector, outputs: Int64Vector, now_us: int
) -> tuple[Int64Vector, Float64Vector, Int64Vector]:
    """TTFT, mean time between tokens (NaN: there are none) and E2E, expected ones of those who have not ended."""
    limits, instances = copy.prepared.limits.view(np.ndarray), copy.state.instances.view(np.ndarray)
    at = np.maximum(requests["instance"], 0)
    arrival_us, first_us, finished_us = requests["arrival_us"], requests["first_token_us"], requests["finished_us"]
    has_begun, has_ended = first_us >= 0, finished_us >= 0
    gaps = np.maximum(outputs - 1, 0)
    ttft_us = np.where(has_begun, first_us, now_us) - arrival_us
    e2e_us = finished_us - arrival_us
    if not has_ended.all():
        reached_us = np.maximum(instances["busy_until_us"][at], now_us)
        stored = instances["step_number"][at] + requests["decode_base"] + 1
        is_decoding = has_begun & (requests["stored_tokens"] >= requests["text_tokens"])
        so_far = np.where(is_decoding, stored - copy.workload.table.view(np.ndarray)["input_tokens"][rows], 0)
        pace_us = np.where(so_far > 0, (reached_us - first_us) / np.maximum(so_far, 1), instances["step_us"][at])
        expected_us = np.maximum(ttft_us + (pace_us * gaps).astype(np.int64), now_us - arrival_us)
        e2e_us = np.where(has_ended, e2e_us, expected_us + limits["completion_us"][at])
    itl_us = (e2e_us - ttft_us - limits["completion_us"][at]) / np.maximum(gaps, 1)
    return ttft_us, np.where(gaps > 0, itl_us, np.nan), e2e_us
