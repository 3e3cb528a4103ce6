"""Run a scenario, and hold what came of it: the requests, what became of them, and the metrics."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blis.cluster.instances import Cluster
from blis.engine.loop import compiled_loop
from blis.engine.records import Records
from blis.engine.state import TraceLog
from blis.foundation.checks import check_int
from blis.foundation.errors import ConfigError
from blis.metrics.figures import cluster_figures
from blis.metrics.summary import summarise
from blis.outcome import Outcome, outcome
from blis.policies.binding import BoundPolicy
from blis.prepare import prepare
from blis.scenario import Scenario
from blis.simulate import Simulation
from blis.workload.requests import Requests


@dataclass(frozen=True, slots=True)
class Result:
    """One finished run; arrays are those of `blis.outcome`."""

    scenario: Scenario
    seed: int
    simulation: Simulation  #: at its end; what rollouts go back from
    outcome: Outcome
    engine_s: float  #: wall clock of the run itself, loading and reading not included
    #: sampled decisions tried otherwise, see `blis.explaining.counterfactual`; None: not asked for
    rollouts: Records | None = None

    @property
    def requests(self) -> Requests:
        """What arrived."""
        return self.simulation.requests

    @property
    def cluster(self) -> Cluster:
        """What served."""
        return self.simulation.prepared.cluster

    @property
    def policies(self) -> Mapping[str, BoundPolicy]:
        """What decided, by question."""
        return self.simulation.prepared.policies

    @property
    def trace(self) -> TraceLog:
        """What was recorded of decisions and batches.

        Raises
        ------
        ConfigError
            If the run was not traced.
        """
        if self.outcome.trace is None:
            raise ConfigError("trace must be summary or decisions for this; the run has none.")
        return self.outcome.trace

    def metrics(self) -> dict[str, Any]:
        """The metrics of the cluster and of its parts, ready for JSON: the same bytes for the same seed."""
        return {"seed": self.seed, **summarise(self.requests, self.cluster, self.outcome, self.scenario.slo)}

    def figures(self) -> dict[str, float | None]:
        """The cluster's figures alone, quicker than `metrics`."""
        return cluster_figures(self.requests, self.cluster, self.outcome, self.scenario.slo)


def simulate(
    scenario: Scenario,
    seed: int | None = None,
    *,
    requests: Requests | None = None,
    record_routing: bool = False,
    trace: str = "none",
) -> Result:
    """Run a scenario to its end.

    Parameters
    ----------
    scenario : Scenario
    seed : int ≥ 0, optional
        Replaces the scenario's own.
    requests : Requests, optional
        The scenario's requests for this seed, where they have been built before.
    record_routing : bool
        Keep the score and the regret of every routing decision.
    trace : {"none", "summary", "decisions"}
        What to record; it never changes what happens.

    Returns
    -------
    Result

    Raises
    ------
    ConfigError
        If the scenario cannot be built.
    StalledError
        If the run makes no progress.
    """
    seed = scenario.seed if seed is None else check_int("seed", seed, 0)
    prepared = prepare(scenario)
    if requests is None:
        requests = scenario.requests(seed)
    simulation = Simulation(requests, prepared, seed=seed, record_routing=record_routing, trace=trace)
    compiled_loop(simulation.settings)  # made or loaded before the clock starts
    started_s = time.perf_counter()
    simulation.run()
    engine_s = time.perf_counter() - started_s
    return Result(scenario, seed, simulation, outcome(simulation), engine_s)
