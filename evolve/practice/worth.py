"""What one request adds to the logarithm of a run's value, by the objectives that count every arrival."""

from collections.abc import Mapping

import numpy as np

from blis.engine.columns import request_columns
from blis.engine.judging import Judgement, judged
from blis.foundation.units import Float64Vector, Int64Vector
from blis.simulate import Simulation
from evolve.trials.workloads import Prepared

#: Objectives that are means over requests, so that each request has its part; and what counts if a search has none.
BY_REQUEST = {"lateness": 0.4, "promised-time": 0.3, "slo-attainment": 0.3}

#: The least attainment that one more promise kept is measured against.
LEAST_ATTAINMENT = 0.05


def added_logs(got: Judgement, weights: Mapping[str, float], attainment: float) -> Float64Vector:
    """What each request that was judged adds to the logarithm of a run's value, larger is better.

    Parameters
    ----------
    got : Judgement
    weights : mapping of objective to float
        Of objectives in `BY_REQUEST`; what is left out does not count.
    attainment : float > 0
        Share of the promises that is kept: one more counts relative to it.
    """
    used = np.where(np.isnan(got.promised_time_used), 1.0, got.promised_time_used)
    added: Float64Vector = (
        weights.get("slo-attainment", 0.0) * got.meets_slo / attainment
        - weights.get("lateness", 0.0) * np.log(got.lateness)
        - weights.get("promised-time", 0.0) * np.log(used)
    )
    return added


class Worth:
    """Worth of requests of a workload.

    Parameters
    ----------
    prepared : Prepared
        The workload, and what its classes are promised.
    weights : mapping of objective to float
        Those of `BY_REQUEST` count; if none is there, `BY_REQUEST` itself does.
    finished : Simulation
        The run that happened: one more promise kept counts relative to how many are.
    """

    def __init__(self, prepared: Prepared, weights: Mapping[str, float], finished: Simulation) -> None:
        requests = prepared.requests
        self._bounds_us = prepared.scenario.slo.bounds_us(requests.slo_classes)
        self._weights = {name: weight for name, weight in weights.items() if name in BY_REQUEST} or BY_REQUEST
        is_kept = self._judged(finished, np.arange(len(requests))).meets_slo
        self._attainment = max(float(is_kept.mean()) if len(requests) else 1.0, LEAST_ATTAINMENT)

    def of(self, simulation: Simulation, rows: Int64Vector) -> Float64Vector:
        """(len(rows),) what these requests add, larger is better; who has not completed counts as late as can be."""
        return added_logs(self._judged(simulation, rows), self._weights, self._attainment)

    def _judged(self, simulation: Simulation, rows: Int64Vector) -> Judgement:
        requests, limits = simulation.state.requests, simulation.prepared.limits
        columns = request_columns(requests, simulation.workload.table, limits, simulation.requests.after)
        own = {name: columns[name][rows] for name in ("status", "arrival_us", "ttft_us", "itl_mean_us", "e2e_us")}
        workload = simulation.requests
        return judged(
            **own,
            output_tokens=workload.output_tokens[rows],
            slo_class=workload.slo_class[rows],
            bounds_us=self._bounds_us,
            end_us=0,
        )
