"""Measured runs whose server is the simulator with coefficients that are known."""

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from blis.result import simulate
from blis.scenario import Scenario
from blis.workload.logs.trace_v2_records import COLUMNS

CLUSTER: dict[str, Any] = {"instances": 1, "kv_blocks": 60000, "hardware": "H100", "tensor_parallel": 1}
ALPHA_US, BETA_US = [2000.0, 4.0, 900.0], [8200.0, 21.0, 31.0]
TRUE = {"kind": "affine", "alpha_us": ALPHA_US, "beta_us": BETA_US}

NAMES = ("request_us", "request_us_per_token", "output_token_us", "step_us", "prompt_token_us", "decode_us")
TRUE_VALUES = dict(zip(NAMES, (*ALPHA_US, *BETA_US), strict=True))
#: Where the fit starts: the published coefficients of Llama 3.1 8B on two H100, rounded.
START = {"kind": "affine", "alpha_us": [1600.0, 3.5, 1800.0], "beta_us": [6900.0, 17.7, 2.8]}

Changed = Callable[[list[dict[str, Any]]], None]


def scenario(latency: Mapping[str, Any]) -> Scenario:
    """The cluster of all traces, with a latency model."""
    return Scenario.from_mapping(
        {"cluster": {**CLUSTER, "latency": dict(latency)}, "workload": {"kind": "distribution"}}
    )


def write_traces(folder: Path, seed: int, noise: float) -> list[Path]:
    """An idle server, one in the middle, one full of decodes and one full of prompts."""
    return [
        write_trace(folder / "idle.yaml", 0.5, 250, seed=10 * seed + 1, noise=noise),
        write_trace(folder / "middle.yaml", 12, 500, seed=10 * seed + 2, noise=noise),
        write_trace(folder / "decodes.yaml", 200, 500, seed=10 * seed + 3, noise=noise, prompt=100, output=200),
        write_trace(folder / "reads.yaml", 60, 300, seed=10 * seed + 4, noise=noise, prompt=1500, output=8),
    ]


def write_trace(
    path: Path,
    rate: float,
    n: int,
    seed: int = 1,
    latency: Mapping[str, Any] = TRUE,
    noise: float = 0.0,
    change: Changed | None = None,
    header: Mapping[str, Any] | None = None,
    prompt: int = 400,
    output: int = 60,
) -> Path:
    """Write the trace of a simulated server as a measured one; `change` may alter its rows."""
    lengths = {"prompt_tokens_mean": prompt, "prompt_tokens_stdev": prompt / 2, "prompt_tokens_max": 4 * prompt}
    lengths |= {"output_tokens_mean": output, "output_tokens_stdev": output / 2, "output_tokens_max": 4 * output}
    workload = {"kind": "distribution", "rate": rate, "num_requests": n, "prompt_tokens_min": 20, **lengths}
    cluster = {**CLUSTER, "latency": dict(latency)}
    scenario = Scenario.from_mapping({"cluster": cluster, "workload": workload, "seed": seed})
    result = simulate(scenario)
    random = np.random.default_rng(seed)
    rows = [_row(result, k, random, noise) for k in range(n)]
    if change is not None:
        change(rows)
    path.write_text(yaml.safe_dump({"trace_version": 2, "time_unit": "us", "mode": "real", **(header or {})}))
    with path.with_suffix(".csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def _row(result: Any, k: int, random: np.random.Generator, noise: float) -> dict[str, Any]:
    requests, done = result.requests, result.outcome.requests
    sent_us, output_tokens = int(requests.arrival_us[k]), int(requests.output_tokens[k])
    first_us = sent_us + int(done.ttft_us[k] * np.exp(noise * random.standard_normal()))
    last_us = first_us + int((done.e2e_us[k] - done.ttft_us[k]) * np.exp(noise * random.standard_normal()))
    row: dict[str, Any] = dict.fromkeys(COLUMNS, 0)
    row |= dict.fromkeys(("client_id", "tenant_id", "slo_class", "session_id", "prefix_group", "error_message"), "")
    row |= {"request_id": k, "streaming": "true", "input_tokens": int(requests.input_tokens[k]), "status": "ok"}
    row |= {"output_tokens": output_tokens, "text_tokens": row["input_tokens"], "num_chunks": output_tokens}
    return row | {
        "arrival_time_us": sent_us,
        "send_time_us": sent_us,
        "first_chunk_time_us": first_us,
        "last_chunk_time_us": last_us,
    }
