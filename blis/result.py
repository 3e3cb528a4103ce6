"""Run a scenario, and hold what came of it: the requests, what became of them, and the metrics."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from blis.cluster.deployment import build_cluster
from blis.cluster.instances import Cluster
from blis.engine.loop import compiled_loop
from blis.engine.state import Records, TraceLog
from blis.explaining.counterfactual.sampling import Sampling
from blis.foundation.answers import answer
from blis.foundation.checks import check_int
from blis.foundation.errors import ConfigError
from blis.foundation.semantics import semantics
from blis.outcome import Outcome, outcome
from blis.policies.binding import BoundPolicy
from blis.scenario import Scenario
from blis.simulate import Simulation, bind_all
from blis.workload.requests import Requests


@dataclass(frozen=True, slots=True)
class Result:
    """One finished run; arrays are those of `blis.outcome`."""

    scenario: Scenario
    seed: int
    requests: Requests
    cluster: Cluster
    outcome: Outcome
    policies: Mapping[str, BoundPolicy]
    engine_s: float  #: wall clock of the run itself, loading and reading not included
    rollouts: Records | None = (
        None  #: sampled decisions tried otherwise, see `blis.engine.rollout`; None: not asked for
    )

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
        from blis.metrics.summary import summarise

        return {"seed": self.seed, **summarise(self.requests, self.cluster, self.outcome, self.scenario.slo)}

    def figures(self) -> dict[str, float | None]:
        """The cluster's figures alone, quicker than `metrics`; of a traced run also anomalies and regret."""
        from blis.explaining.explanation import trace_figures
        from blis.metrics.figures import cluster_figures

        figures = cluster_figures(self.requests, self.cluster, self.outcome, self.scenario.slo)
        return figures if self.outcome.trace is None else {**figures, **trace_figures(self)}


def build_requests(scenario: Scenario, seed: int) -> Requests:
    """The requests of a scenario: a function of its workload and the seed, whatever the policies."""
    generate = answer("workload", scenario.workload.kind).generate
    requests: Requests = generate(scenario.workload.params, seed, scenario.cluster.block_size_tokens)
    return requests


def simulate(
    scenario: Scenario,
    seed: int | None = None,
    *,
    requests: Requests | None = None,
    record_routing: bool = False,
    trace: str = "none",
    counterfactual: Sampling | None = None,
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
    counterfactual : Sampling, optional
        Also try sampled decisions otherwise; a run without a trace gets `trace="summary"`.

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
    cluster = build_cluster(scenario.cluster)
    policies = bind_all(scenario.policies)
    if requests is None:
        requests = build_requests(scenario, seed)
    start = partial(
        Simulation, requests, cluster, policies, semantics=semantics(scenario.semantics), horizon_us=scenario.horizon_us
    )
    if counterfactual is not None and trace == "none":
        trace = "summary"
    simulation = start(record_routing=record_routing, trace=trace)
    compiled_loop()  # made or loaded before the clock starts
    started_s = time.perf_counter()
    simulation.run()
    engine_s = time.perf_counter() - started_s
    tried = None
    if counterfactual is not None:
        from blis.explaining.counterfactual.rollout import rollouts

        tried = rollouts(partial(start, record_steps=False, record_routing=True), simulation, counterfactual, seed)
    return Result(scenario, seed, requests, cluster, outcome(simulation), policies, engine_s, tried)
