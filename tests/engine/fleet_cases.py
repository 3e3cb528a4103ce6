"""Small clusters whose instances come and go."""

from typing import Any

import numpy as np

from blis.prepare import prepare
from blis.result import Result, simulate
from blis.scenario import Scenario
from blis.simulate import Simulation
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import Requests
from blis.workload.table import requests_of

SECOND = 1_000_000
#: A step takes 100 ms whatever is in it, so a request of n output tokens takes n tenths of a second where it is alone.
TENTH = {"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": [100_000, 0, 0]}


def scenario(
    *,
    instances: int = 1,
    autoscaling: dict[str, Any] | None = None,
    failures: list[dict[str, Any]] | None = None,
    policies: dict[str, Any] | None = None,
    **cluster: Any,
) -> Scenario:
    """Instances that serve one request at a time, unless something else is said."""
    fleet = {"autoscaling": autoscaling, "failures": failures}
    plain = {"instances": instances, "latency": TENTH, "kv_blocks": 1000, "max_running_requests": 1}
    horizon_us = cluster.pop("horizon_us", None)
    return Scenario.from_mapping(
        {
            "cluster": plain | {name: value for name, value in fleet.items() if value is not None} | cluster,
            "workload": {"kind": "distribution"},
            "policies": {"routing": "least-loaded"} | (policies or {}),
            "horizon_us": horizon_us,
        }
    )


def requests_at(arrival_s: list[float], output_tokens: int = 5, input_tokens: int = 10) -> Requests:
    """Requests that are alike."""
    n = len(arrival_s)
    prompt, output = np.full(n, input_tokens), np.full(n, output_tokens)
    nobody = np.full(n, -1)
    return requests_of(
        arrival_us=np.array([round(at * SECOND) for at in arrival_s]),
        input_tokens=prompt,
        output_tokens=output,
        keys=keys_of_groups(prompt, output, nobody, np.zeros(n, np.int64), 16),
        block_size_tokens=16,
    )


def run(made: Scenario, requests: Requests, **options: Any) -> Result:
    """A finished run."""
    return simulate(made, 0, requests=requests, **options)


def simulation(made: Scenario, requests: Requests, **options: Any) -> Simulation:
    """A run that has not begun."""
    return Simulation(requests, prepare(made), **options)


def happened(result: Result) -> list[tuple[float, str, int]]:
    """When what happened to which instance; -1 for what is about a pool."""
    from blis.engine.codes import FLEET_EVENT_NAMES

    return [
        (int(one.clock_us) / SECOND, FLEET_EVENT_NAMES[one.kind], int(one.instance))
        for one in result.outcome.fleet_events
    ]
