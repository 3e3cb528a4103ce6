"""This file compares the engine with the slow simulator where prefill and decode are divided."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.cluster.disaggregation import Disaggregation
from blis.engine.codes import STATUS_NAMES
from blis.foundation.semantics import semantics as semantics_called
from blis.outcome import outcome
from blis.prepare import bind_run
from blis.simulate import Simulation
from tests.reference import naive_transfers
from tests.reference.agreement import differences
from tests.reference.engine_runner import cluster_of, policies_of, requests_of, targets_of
from tests.reference.random_cases import random_case, random_eviction, random_tiers

ROLES = [
    ["prefill", "decode"],
    ["both", "both"],
    ["prefill", "prefill", "decode"],
    ["prefill", "decode", "both"],
    ["both"] * 3,
]


def random_pools(random: Random) -> dict[str, Any]:
    """Roles, and transfers that take from a step to many."""
    return {
        "roles": random.choice(ROLES),
        "decode_first": random.random() < 0.7,
        "tokens": random.choice((1, 1, 8, 40)),
        "token_bytes": 1000.0,
        "bytes_per_us": random.choice((10, 100, 1000)),
        "base_us": random.choice((0, 50, 2000)),
        "shares": random.random() < 0.5,
        "layers": random.choice((0, 0, 1, 4)),  # that are sent one by one while the next is computed; 0: none are
    }


def engine(case: dict[str, Any], rows: list[dict[str, Any]], semantics: str) -> dict[str, Any]:
    """What the engine makes of a case, as `naive_transfers.simulate` tells it."""
    divided, made = case["divided"], cluster_of(case)
    cluster = replace(
        made,
        instances=tuple(
            replace(one, role=role, kv_bytes_per_token=divided["token_bytes"], kv_layers=max(1, divided["layers"]))
            for one, role in zip(made.instances, divided["roles"], strict=True)
        ),
        disaggregation=Disaggregation(
            decode_first=divided["decode_first"],
            bandwidth_gb_per_s=divided["bytes_per_us"] / 1000,
            base_latency_us=divided["base_us"],
            contention="fair-share" if divided["shares"] else "none",
            overlap="layer-wise" if divided["layers"] else "none",
        ),
    )
    decider = {"policy": "prefix-threshold", "tokens": divided["tokens"]}
    run = bind_run(
        cluster, policies_of(case) | {"disaggregation": decider}, semantics_called(semantics), None, targets_of(case)
    )
    done = outcome(Simulation(requests_of(case, rows), run, seed=case["seed"]).run())
    seen, instances, moved = done.requests, done.instances, done.transfers
    assert moved is not None

    def whole(values: Any) -> list[int | None]:
        return [int(value) if value >= 0 else None for value in values]

    columns = {
        "instance": whole(seen.instance),
        "ttft_us": whole(seen.ttft_us),
        "e2e_us": whole(seen.e2e_us),
        "scheduling_delay_us": whole(seen.scheduling_delay_us),
        "status": [STATUS_NAMES[one] for one in seen.status],
        "preemptions": seen.preemptions.tolist(),
        "started_us": whole(moved.started_us),
        "arrives_us": whole(moved.arrives_us),
        "depth": moved.depth.tolist(),
        "sent_blocks": whole(moved.sent_blocks),
    }
    return {
        "requests": [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)],
        "returns": moved.n_returns,
        "depth_peak": moved.depth_peak,
        "end_us": done.end_us,
        "steps": instances.steps.tolist(),
        "hits": instances.cache_hits.tolist(),
        "misses": instances.cache_misses.tolist(),
        "intervals": np.repeat(done.interval_us, done.interval_tokens).tolist(),
    }


def random_tiers_of_pools(random: Random, case: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Tiers beneath pools."""
    drawn = random_tiers(random, case, rows)
    drawn["kv_tiers"]["load"] = random.choice(("step", "request"))
    return drawn


@pytest.mark.parametrize("semantics", ["corrected", "vllm-0.32"])
@pytest.mark.parametrize("has_tiers", [False, True])
@pytest.mark.parametrize("ranks_blocks", [False, True])
def test_engine_and_slow_simulator_agree_on_divided_requests(
    semantics: str, has_tiers: bool, ranks_blocks: bool
) -> None:
    compared = []

    @settings(derandomize=True, deadline=None, max_examples=150, database=None)
    @given(seed=st.integers(0, 2**32))
    def agree(seed: int) -> None:
        random = Random(seed)
        case, rows = random_case(random, semantics, 40)
        case["divided"] = random_pools(random)
        case["instances"] = len(case["divided"]["roles"])
        case["routing"] = {"policy": random.choice(("least-loaded", "round-robin"))}
        case["seed"] = seed
        if has_tiers:
            case |= random_tiers_of_pools(random, case, rows)
        if ranks_blocks:
            case |= random_eviction(random, rows)
        for name in ("horizon_us", "pools"):
            case.pop(name, None)

        want = naive_transfers.simulate(case, rows, semantics)
        got = engine(case, rows, semantics)

        assert differences(want, got) == []
        compared.append(any(row["started_us"] for row in want["requests"]))

    agree()
    assert sum(compared) > 50
