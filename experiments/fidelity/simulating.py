"""One measured run, simulated: a closed loop of users on one instance."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from blis.cluster.instances import Cluster, Instance
from blis.cluster.latency import LatencyModel
from blis.foundation.randomness import stream
from blis.foundation.units import Int64Vector
from blis.prepare import bind_run
from blis.scenario import Policy
from blis.simulate import Simulation
from blis.workload.prefixes.chained_keys import PrefixKeys
from blis.workload.requests import Requests
from blis.workload.table import requests_of
from experiments.fidelity.points import Point
from experiments.fidelity.runs import Run

BLOCK_SIZE_TOKENS = 16
SEED = 1


def requests_of_point(point: Run) -> Requests:
    """Every user's requests, one behind the other."""
    protocol = point.protocol
    users, rounds = point.concurrency, protocol.rounds
    n = users * rounds
    random = stream(SEED, "fidelity", point.id)
    lengths = {}
    for name, nominal in (("input_tokens", point.input_tokens), ("output_tokens", point.output_tokens)):
        least = max(1, int(nominal * protocol.least_share))
        lengths[name] = random.integers(least, nominal + 1, n)
    rows = np.arange(n)
    if not protocol.starts_at_once:
        # Users that began together and write equally much would go in step for ever.
        lengths["output_tokens"][:users] = random.integers(1, point.output_tokens + 1, users)
    return requests_of(
        arrival_us=np.repeat(np.arange(rounds), users).astype(np.int64),
        keys=PrefixKeys(np.zeros(n + 1, np.int64), np.empty(0, np.int64), np.arange(n)),
        block_size_tokens=BLOCK_SIZE_TOKENS,
        after=np.where(rows < users, -1, rows - users),
        **lengths,
    )


def simulate_point(point: Point, kind: str, latency: LatencyModel, kv_blocks: int) -> tuple[float, float]:
    """Mean TTFT and mean time per output token [ms] over all requests that count."""
    budget = point.protocol.step_token_budget * point.widths[2]
    instance = instance_of(point, latency, kv_blocks, budget)
    return simulate_cluster(point, Cluster((instance,), kind, BLOCK_SIZE_TOKENS), {})


def instance_of(server: Point, latency: LatencyModel, kv_blocks: int, step_token_budget: int) -> Instance:
    """A server, or a rank of it, as an instance."""
    protocol = server.protocol
    return Instance(
        kv_blocks=kv_blocks,
        max_running_requests=protocol.max_running_requests,
        step_token_budget=step_token_budget,
        latency=latency,
        async_scheduling=protocol.async_scheduling,
        prefix_caching=False,
    )


def simulate_cluster(run: Run, cluster: Cluster, policies: Mapping[str, Policy]) -> tuple[float, float]:
    """Mean TTFT and mean time per output token [ms] of a closed loop of users, over all requests that count."""
    requests = requests_of_point(run)
    simulation = Simulation(requests, bind_run(cluster, policies), record_steps=False).run()
    counted = slice(0 if run.protocol.starts_at_once else run.concurrency, None)
    return _means_ms(requests.output_tokens[counted], simulation.state.requests[counted])


def _means_ms(output_tokens: Int64Vector, outcome: Any) -> tuple[float, float]:
    ttft_us = outcome.first_token_us - outcome.arrival_us
    decode_us = outcome.finished_us - outcome.first_token_us
    several = output_tokens > 1
    tpot_us = decode_us[several] / (output_tokens[several] - 1)
    return float(ttft_us.mean()) / 1e3, float(tpot_us.mean()) / 1e3
