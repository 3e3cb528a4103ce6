"""Small clusters behind a gateway, on which times can be worked out by hand."""

from typing import Any

import numpy as np

from blis.cluster.gateway import Gateway
from blis.cluster.instances import Cluster, Instance
from blis.cluster.latency import affine
from blis.outcome import Outcome, outcome
from blis.prepare import bind_run
from blis.simulate import Simulation
from blis.workload.labels import number_names
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import Requests
from blis.workload.table import requests_of

BLOCK = 4
#: A step takes a millisecond, whatever is in it, and nothing else takes any time.
STEADY = affine.prepare(affine.Params(alpha_us=(0.0, 0.0, 0.0), beta_us=(1000.0, 0.0, 0.0)), None, None, 1)


def requests(
    arrival_us: list[int], *, output_tokens: int = 5, slo_class: list[str] | None = None,
    tenant: list[str] | None = None, input_tokens: list[int] | None = None,
) -> Requests:  # fmt: skip
    """Requests of 8 tokens that need a step for their prompt and each further token."""
    n = len(arrival_us)
    prompts, outputs = np.array(input_tokens or [8] * n), np.full(n, output_tokens)
    return requests_of(
        arrival_us=np.array(arrival_us),
        input_tokens=prompts,
        output_tokens=outputs,
        keys=keys_of_groups(prompts, outputs, np.full(n, -1), np.zeros(n, np.int64), BLOCK),
        block_size_tokens=BLOCK,
        slo_class=number_names(slo_class or [""] * n),
        tenant=number_names(tenant or ["one"] * n),
    )


def cluster(gateway: Gateway | None, n_instances: int = 1, **changes: Any) -> Cluster:
    instance = Instance(kv_blocks=100, max_running_requests=16, step_token_budget=64, latency=STEADY)
    return Cluster((instance,) * n_instances, "affine", BLOCK, gateway=gateway, **changes)


def simulation(
    arriving: Requests, gateway: Gateway | None, policies: dict[str, Any], n_instances: int = 1, **options: Any
) -> Simulation:
    run = {name: options.pop(name) for name in ("horizon_us",) if name in options}
    shape = {name: options.pop(name) for name in ("snapshot_refresh_us", "routing_latency_us") if name in options}
    return Simulation(arriving, bind_run(cluster(gateway, n_instances, **shape), policies, **run), **options)


def run(arriving: Requests, gateway: Gateway | None, policies: dict[str, Any], **options: Any) -> Outcome:
    return outcome(simulation(arriving, gateway, policies, **options).run())


#: One request at a time on each instance.
ONE_AT_A_TIME: dict[str, Any] = {"saturation": {"policy": "concurrency", "max_concurrency": 1}}
