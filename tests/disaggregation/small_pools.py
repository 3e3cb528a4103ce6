"""Small fleets with prefill and decode apart, on which times can be worked out by hand."""

from typing import Any

import numpy as np

from blis.cluster.disaggregation import Disaggregation
from blis.cluster.instances import Cluster, Instance
from blis.cluster.latency import affine
from blis.outcome import Outcome, outcome
from blis.prepare import bind_run
from blis.simulate import Simulation
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import Requests
from blis.workload.table import requests_of

BLOCK = 16
#: A step takes a millisecond, whatever is in it, and nothing else takes any time.
STEADY = affine.prepare(affine.Params(alpha_us=(0.0, 0.0, 0.0), beta_us=(1000.0, 0.0, 0.0)), None, None, 1)
#: KV of a token of Llama 3.1 8B: 2 x 32 layers x 8 heads x 128 elements x 2 bytes.
TOKEN_BYTES = 131_072.0
ALWAYS: dict[str, Any] = {"disaggregation": "always", "routing": "least-loaded"}


def requests(
    arrival_us: list[int],
    *,
    output_tokens: int | list[int] = 5,
    input_tokens: int | list[int] = 1000,
    group: list[int] | None = None,
    shared_tokens: int = 0,
    **more: Any,
) -> Requests:
    """Requests; those of a group share the beginning of their prompts. `more`: other columns, for all or each."""
    n = len(arrival_us)
    prompts, outputs = np.broadcast_to(input_tokens, n).copy(), np.broadcast_to(output_tokens, n).copy()
    groups = np.full(n, -1) if group is None else np.array(group)
    return requests_of(
        arrival_us=np.array(arrival_us),
        input_tokens=prompts,
        output_tokens=outputs,
        keys=keys_of_groups(prompts, outputs, groups, np.full(n, shared_tokens), BLOCK),
        block_size_tokens=BLOCK,
        **{name: np.broadcast_to(values, n).copy() for name, values in more.items()},
    )


def instance(role: str = "both", **changes: Any) -> Instance:
    plain: dict[str, Any] = {
        "kv_blocks": 1000, "max_running_requests": 16, "step_token_budget": 2048, "latency": STEADY, "role": role,
        "kv_bytes_per_token": TOKEN_BYTES, "kv_layers": 32,
    }  # fmt: skip
    return Instance(**(plain | changes))


def cluster(*instances: Instance, divided: Disaggregation | None = None, **changes: Any) -> Cluster:
    pools = tuple(
        Instance(**{name: getattr(one, name) for name in one.__slots__} | {"pool": place})
        for place, one in enumerate(instances)
    )
    return Cluster(pools, "affine", BLOCK, disaggregation=divided, router_ties="lowest-index", **changes)


def simulation(arriving: Requests, made: Cluster, policies: dict[str, Any] | None = None, **options: Any) -> Simulation:
    run = {name: options.pop(name) for name in ("horizon_us", "semantics") if name in options}
    return Simulation(arriving, bind_run(made, policies or ALWAYS, **run), **options)


def run(arriving: Requests, made: Cluster, policies: dict[str, Any] | None = None, **options: Any) -> Outcome:
    return outcome(simulation(arriving, made, policies, **options).run())
