"""This file compares the engine with the slow simulator where prompts have images."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.cluster.disaggregation import Disaggregation
from blis.cluster.encoder import Encoder
from blis.engine.codes import STATUS_NAMES
from blis.foundation.semantics import semantics as semantics_called
from blis.outcome import outcome
from blis.prepare import bind_run
from blis.simulate import Simulation
from tests.reference import naive_encoders
from tests.reference.agreement import differences
from tests.reference.engine_runner import cluster_of, policies_of, requests_of, targets_of
from tests.reference.random_cases import random_case
from tests.reference.test_transfers_agree import random_pools

ROLES = [
    ["both"],
    ["both", "encode"],
    ["both", "encode", "both", "encode"],
    ["prefill", "decode", "encode"],
    ["encode", "prefill", "prefill", "decode"],
    ["encode", "both", "prefill", "decode", "encode"],
]
#: From so many uncached tokens on a request is divided where none is to be.
NEVER_DIVIDED = 10**7


def random_encoder(random: Random) -> dict[str, Any]:
    """Passes and transfers that take from nothing to many steps."""
    return {
        "base_us": random.choice((0, 0, 7, 300)),
        "token_us": random.choice((0, 0.3, 1, 25)),
        "embedding_bytes": 100.0,
        "bytes_per_us": random.choice((1, 10, 1000)),
        "move_base_us": random.choice((0, 50, 2000)),
        "shares": random.random() < 0.5,
        "apart": random.random() < 0.8,
    }


def engine(case: dict[str, Any], rows: list[dict[str, Any]], semantics: str) -> dict[str, Any]:
    """What the engine makes of a case, as `naive_encoders.simulate` tells it."""
    divided, encoder, made = case["divided"], case["encoder"], cluster_of(case)
    cluster = replace(
        made,
        instances=tuple(
            replace(
                one,
                role=role,
                kv_bytes_per_token=divided["token_bytes"],
                kv_layers=max(1, divided["layers"]),
                encoder_base_us=float(encoder["base_us"]),
                encoder_token_us=float(encoder["token_us"]),
                embedding_token_bytes=encoder["embedding_bytes"],
            )
            for one, role in zip(made.instances, divided["roles"], strict=True)
        ),
        disaggregation=Disaggregation(
            decode_first=divided["decode_first"],
            bandwidth_gb_per_s=divided["bytes_per_us"] / 1000,
            base_latency_us=divided["base_us"],
            contention="fair-share" if divided["shares"] else "none",
            overlap="layer-wise" if divided["layers"] else "none",
        ),
        encoder=Encoder(
            bandwidth_gb_per_s=encoder["bytes_per_us"] / 1000,
            base_latency_us=encoder["move_base_us"],
            contention="fair-share" if encoder["shares"] else "none",
        ),
    )
    policies = policies_of(case) | {
        "disaggregation": {"policy": "prefix-threshold", "tokens": divided["tokens"]},
        "encoding": "always-multimodal" if encoder["apart"] else "never",
        "encode_routing": case["routing"]["policy"],
    }
    run = bind_run(cluster, policies, semantics_called(semantics), None, targets_of(case))
    images = np.array([row["image_tokens"] for row in rows], np.int32)
    requests = replace(requests_of(case, rows), image_tokens=images)
    done = outcome(Simulation(requests, run, seed=case["seed"]).run())
    return _told(done, len(rows))


def _told(done: Any, n: int) -> dict[str, Any]:
    seen, instances, moved, encoded = done.requests, done.instances, done.transfers, done.encoding

    def whole(values: Any) -> list[int | None]:
        return [int(value) if value >= 0 else None for value in values]

    nothing, m = np.full(n, -1), len(instances.steps)
    columns = {
        "instance": whole(seen.instance),
        "ttft_us": whole(seen.ttft_us),
        "e2e_us": whole(seen.e2e_us),
        "scheduling_delay_us": whole(seen.scheduling_delay_us),
        "status": [STATUS_NAMES[one] for one in seen.status],
        "preemptions": seen.preemptions.tolist(),
        "encoder": whole(encoded.encode_instance if encoded else nothing),
        "depth": (encoded.depth if encoded else 0 * nothing).tolist(),
        "sent_us": whole(encoded.sent_us if encoded else nothing),
        "started_us": whole(encoded.started_us if encoded else nothing),
        "encoded_us": whole(encoded.encoded_us if encoded else nothing),
        "arrives_us": whole(encoded.arrives_us if encoded else nothing),
        "kv_arrives_us": whole(moved.arrives_us),
    }
    return {
        "requests": [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)],
        "passes": encoded.passes.tolist() if encoded else [0] * m,
        "tokens": encoded.tokens.tolist() if encoded else [0] * m,
        "depths": [encoded.n_transfers, encoded.depth_sum, encoded.depth_peak] if encoded else [0, 0, 0],
        "end_us": done.end_us,
        "steps": instances.steps.tolist(),
        "hits": instances.cache_hits.tolist(),
        "intervals": np.repeat(done.interval_us, done.interval_tokens).tolist(),
    }


def test_engine_and_slow_simulator_agree_on_images() -> None:
    compared = []

    @settings(derandomize=True, deadline=None, max_examples=300, database=None)
    @given(seed=st.integers(0, 2**32))
    def agree(seed: int) -> None:
        random = Random(seed)
        case, rows = random_case(random, "corrected", 40)
        case["divided"] = random_pools(random) | {"roles": random.choice(ROLES)}
        if len(case["divided"]["roles"]) < 3 or random.random() < 0.3:
            case["divided"]["tokens"] = NEVER_DIVIDED
        case["encoder"] = random_encoder(random)
        case["instances"] = len(case["divided"]["roles"])
        case["routing"] = {"policy": random.choice(("least-loaded", "round-robin"))}
        case["seed"] = seed
        case["async_scheduling"] = False
        for name in ("horizon_us", "pools"):
            case.pop(name, None)
        for row in rows:
            row["image_tokens"] = random.choice((0, random.randint(0, row["input_tokens"]), row["input_tokens"]))

        want = naive_encoders.simulate(case, rows, "corrected")
        got = engine(case, rows, "corrected")

        assert differences(want, got) == []
        compared.append((any(row["encoder"] is not None for row in want["requests"]), sum(want["tokens"]) > 0))

    agree()
    assert sum(apart for apart, _ in compared) > 100
    assert sum(encodes for _, encodes in compared) > 200
