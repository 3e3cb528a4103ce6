"""A small family: constant requests on servers whose capacity is known."""

from pathlib import Path
from typing import Any

import yaml

#: One request at a time: a prompt of 100 takes one step of 1,000 + 100 · 10 µs, ten more tokens 1,000 + 100 µs each.
SERVICE_US = 2_000 + 10 * 1_100
CAPACITY = 1e6 / SERVICE_US  #: of one server [requests/s]

CLIENT = {
    "id": "people",
    "rate_fraction": 0.75,
    "arrival": {"process": "gamma", "cv": 1.0},
    "prefix_groups": [{"name": "system", "count": 4, "zipf_exponent": 1.0, "tokens": 32}],
    "input_distribution": {"type": "constant", "params": {"value": 68}},
    "output_distribution": {"type": "constant", "params": {"value": 11}},
}
OTHERS = {key: value for key, value in CLIENT.items() if key != "prefix_groups"} | {
    "id": "others",
    "rate_fraction": 0.25,
}
OTHERS["input_distribution"] = {"type": "constant", "params": {"value": 100}}
DOCUMENT: dict[str, Any] = {
    "tension": "none",
    "load": 0.8,
    "num_requests": 120,
    "cluster": {
        "instances": 2,
        "kv_blocks": 1000,
        "max_running_requests": 1,
        "prefix_caching": False,
        "latency": {"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": [1000, 10, 100]},
    },
    "workload": {"kind": "spec", "spec": {"aggregate_rate": 1, "clients": [CLIENT, OTHERS]}},
    "slo": {"default": {"e2e_ms": 60}},
}
RANGES: dict[str, Any] = {
    "load": {"low": 0.5, "high": 1.2, "reason": "ease to overload"},
    "cluster.instances": {"low": 1, "high": 8, "scale": "log", "reason": "replicas"},
    "workload.spec.clients.people.arrival.cv": {"low": 0.5, "high": 3.0, "scale": "log", "reason": "bursts"},
    "workload.spec.clients.people.prefix_groups.system.count": {"low": 1, "high": 9, "reason": "prompts"},
    "slo.default.e2e_ms": {"among": [40, 60, 90], "reason": "promises"},
}


def write_family(folder: Path, name: str = "small", ranges: Any = None, **changes: Any) -> str:
    """A family file with changes; a key set to ... is left out."""
    document = {**DOCUMENT, "ranges": RANGES if ranges is None else ranges, **changes}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in document.items() if value is not ...}))
    return str(path)
