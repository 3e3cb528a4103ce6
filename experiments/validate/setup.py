"""The setup that the published findings share, and what is read of its runs.

Llama 3.1 8B on H100 at TP 2, four instances, blocks of 16 tokens, steps priced by three coefficients (`affine`), three
seeds. A finding's figure is the mean over the seeds.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from blis.result import Result, simulate
from blis.scenario import Scenario

SEEDS = (42, 123, 456)
LLAMA: dict[str, Any] = {
    "model": "meta-llama/llama-3.1-8b-instruct",
    "hardware": "H100",
    "tensor_parallel": 2,
    "latency": {"kind": "affine"},
    "step_token_budget": 2048,
}
QWEN: dict[str, Any] = {**LLAMA, "model": "qwen/qwen2.5-7b-instruct", "tensor_parallel": 1}

Mapped = Mapping[str, Any]


def run(workload: Mapped, policies: Mapped | None = None, seed: int = 42, **cluster: Any) -> Result:
    """One simulation; `cluster` changes the shared one."""
    document = {
        "cluster": {"instances": 4, **LLAMA, **cluster},
        "workload": dict(workload),
        "policies": dict(policies or {"routing": {"policy": "least-loaded"}}),
        "seed": seed,
    }
    return simulate(Scenario.from_mapping(document))


def mean_of(read: Callable[[Mapped], float], workload: Mapped, policies: Mapped | None = None, **cluster: Any) -> float:
    """A figure's mean over the seeds."""
    return float(np.mean([read(run(workload, policies, seed, **cluster).metrics()) for seed in SEEDS]))


def figure(name: str) -> Callable[[Mapped], float]:
    """Reads one key of the metrics."""
    return lambda metrics: float(metrics[name])


def of_class(name: str, key: str) -> Callable[[Mapped], float]:
    """Reads one key of a class's metrics."""

    def read(metrics: Mapped) -> float:
        (own,) = (one for one in metrics["classes"] if one["slo_class"] == name)
        return float(own[key])

    return read


def drawn(rate: float, num_requests: int, prompt: float = 512, output: float = 512, **more: Any) -> dict[str, Any]:
    """Clamped normal lengths with half their mean for a spread, Poisson arrivals."""
    lengths = {
        "prompt_tokens_mean": prompt, "prompt_tokens_stdev": prompt / 2, "prompt_tokens_min": min(2, prompt),
        "output_tokens_mean": output, "output_tokens_stdev": output / 2, "output_tokens_min": min(2, output),
    }  # fmt: skip
    return {"kind": "distribution", "rate": rate, "num_requests": num_requests, **lengths, **more}


def constant(rate: float, num_requests: int, prompt: int, output: int, **more: Any) -> dict[str, Any]:
    """Every request alike."""
    same = {"prompt_tokens_stdev": 0, "output_tokens_stdev": 0}
    return {**drawn(rate, num_requests, prompt, output), **same, **more}


def client(
    name: str, share: float, prompt: Any, output: Any, *, slo_class: str = "standard", cv: float = 1.0, **more: Any
) -> dict[str, Any]:
    """A client of a specification; lengths are whole numbers, or mappings {type, params}."""
    return {
        "id": name,
        "tenant_id": name,
        "slo_class": slo_class,
        "rate_fraction": share,
        "arrival": {"process": "poisson"} if cv == 1.0 else {"process": "gamma", "cv": cv},
        "input_distribution": _length(prompt),
        "output_distribution": _length(output),
        **more,
    }


def specified(rate: float, num_requests: int, *clients: Mapped) -> dict[str, Any]:
    """A workload of several clients."""
    return {"kind": "spec", "num_requests": num_requests, "spec": {"aggregate_rate": rate, "clients": list(clients)}}


def weighted(**weights: float) -> dict[str, Any]:
    """Routing by these scorers, whose names have hyphens in the place of underscores."""
    scorers = {name.replace("_", "-"): weight for name, weight in weights.items()}
    return {"routing": {"policy": "weighted", "scorers": scorers}}


def routed(policy: str, **numbers: Any) -> dict[str, Any]:
    """Routing by a policy of its own."""
    return {"routing": {"policy": policy, **numbers}}


def _length(tokens: Any) -> Any:
    return tokens if isinstance(tokens, Mapping) else {"type": "constant", "params": {"value": tokens}}
