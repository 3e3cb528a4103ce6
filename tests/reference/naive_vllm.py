"""This file runs scenarios of the oracle's format on the naive simulator."""

from __future__ import annotations

from typing import Any

from tests.reference.naive import Simulator
from tests.reference.naive_semantics import PRESETS


def simulator_of(scenario: dict[str, Any]) -> Simulator:
    """The simulator of a scenario before its first event."""
    given = scenario["params"]
    case: dict[str, Any] = {
        "latency": {"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": given["beta_us"]},
        "instances": 1,
        "kv_blocks_per_instance": given["kv_blocks"],
        "block_size_tokens": given["block_size"],
        "max_running_requests": given["max_num_seqs"],
        "step_token_budget": given["max_num_batched_tokens"],
        "long_prefill_threshold": given["long_prefill_token_threshold"],
        "async_scheduling": given.get("async_scheduling"),
        "reserve_full_isl": given.get("reserve_full_isl"),
        "kv_watermark": given.get("watermark"),
        "prefix_caching": given.get("prefix_caching"),
        "max_model_len": given.get("max_model_len", 0),
        "speculative": {name: given[name] for name in ("draft_tokens", "accepted_tokens")}
        if given.get("draft_tokens")
        else None,
        "scheduler": "fcfs" if given["policy"] == "fcfs" else "priority-fcfs",
        "priority_policy": {"policy": "linear", "age": 0.0, "urgency": 0.0, "round": -1.0},
        "preemption": "newest" if given["policy"] == "fcfs" else "lowest-priority",
        "admission": {"policy": "always-admit"},
        "routing": {"policy": "round-robin", "snapshot_refresh_us": 0, "cache_signal_delay_us": 0},
    }
    rows = [
        {
            "arrival_us": row["arrival_us"],
            "input_tokens": len(row["prompt"]),
            "output_tokens": len(row["output"]),
            "text": row["prompt"] + row["output"],
            "round": row["priority"],
            "number": 10**9 + place,
        }
        for place, row in enumerate(scenario["requests"])
    ]
    return Simulator(case, rows, PRESETS["vllm-0.32"])


def requests_of(scenario: dict[str, Any]) -> list[list[int]]:
    """What became of every request, in the columns of the recordings."""
    run = simulator_of(scenario)
    run.run()
    size = scenario["params"]["block_size"]
    return [
        [one.ttft_us, one.e2e_us, one.scheduling_delay_us, (one.cached_blocks or 0) * size, one.preemptions]
        for one in run.requests
    ]
