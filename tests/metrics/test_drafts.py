"""Drafts are counted, and told only where there are some."""

from typing import Any

import numpy as np
import pytest

from blis.result import Result, simulate
from blis.scenario import Scenario

KEYS = ("drafted_decodes", "draft_tokens", "accepted_tokens", "mean_acceptance_length", "draft_acceptance_rate")
CLUSTER = {"model": "meta-llama/llama-3.1-8b-instruct", "hardware": "H100", "tensor_parallel": 2}


def run(*pools: dict[str, Any], **cluster: Any) -> Result:
    workload = {"kind": "distribution", "num_requests": 40, "rate": 10}
    instances = list(pools) if pools else 1
    return simulate(
        Scenario.from_mapping({"cluster": CLUSTER | cluster | {"instances": instances}, "workload": workload})
    )


def test_without_drafts_nothing_is_said_of_them() -> None:
    metrics = run().metrics()

    assert not [key for key in KEYS if key in metrics or key in metrics["instances"][0]]


def test_drafts_are_counted_by_the_instances_that_make_them() -> None:
    drafts = {"draft_tokens": 3, "accepted_tokens": 1.8}

    metrics = run({"speculative": drafts}, {}).metrics()

    drafting, other = metrics["instances"]
    assert [metrics[key] for key in KEYS] == [drafting[key] for key in KEYS]
    assert not [key for key in KEYS if key in other]
    assert metrics["draft_tokens"] == 3 * metrics["drafted_decodes"]
    assert metrics["mean_acceptance_length"] == 1 + metrics["accepted_tokens"] / metrics["drafted_decodes"]
    assert metrics["draft_acceptance_rate"] == metrics["accepted_tokens"] / metrics["draft_tokens"]
    # 3 / 2 is the most that the deviation of one decode can be.
    assert metrics["mean_acceptance_length"] == pytest.approx(2.8, abs=4 * 1.5 / metrics["drafted_decodes"] ** 0.5)


def test_the_time_per_token_is_that_of_all_tokens_and_an_interval_that_of_a_step() -> None:
    alpha_free = {"latency": {"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": [1000, 0, 0]}, "kv_blocks": 10_000}

    result = run(speculative={"draft_tokens": 3, "accepted_tokens": 3}, **alpha_free)

    # Every step takes a millisecond, and brings four tokens, the last one perhaps fewer.
    metrics, further_tokens = result.metrics(), result.requests.output_tokens - 1
    assert (metrics["itl_p50_ms"], metrics["itl_p99_ms"]) == (1.0, 1.0)
    assert metrics["request_itl_mean_ms"] == pytest.approx(np.mean(np.ceil(further_tokens / 4) / further_tokens))
