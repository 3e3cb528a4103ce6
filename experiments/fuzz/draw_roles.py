"""Invent instances that do a part of the work: that compute prompts or write answers, and that only encode media.

Each has its own stream, as in `experiments.fuzz.draw_fleet`.
"""

from __future__ import annotations

from random import Random
from typing import Any

from blis.foundation.answers import DISAGGREGATION_QUESTIONS, ENCODING_QUESTIONS
from experiments.fuzz.draw_fleet import SHARE
from experiments.fuzz.draw_memory import TOKEN_BYTES, gb_per_s
from experiments.fuzz.draw_policies import draw_policy


def draw_division(random: Random, scenario: dict[str, Any], pace_us: int) -> None:
    """Divide prompts and answers between instances."""
    if random.random() >= SHARE:
        return
    cluster = scenario["cluster"]
    pools = cluster["instances"]
    for pool in pools:
        pool["role"] = random.choice(("prefill", "decode", "both"))
    pools[0]["role"] = random.choice(("decode", "both"))
    pools[-1]["role"] = "both" if len(pools) == 1 else random.choice(("prefill", "both"))
    if sum(pool["count"] for pool in pools) == 1:
        pools[0]["count"] = 2
    cluster["disaggregation"] = {
        "decode_first": random.random() < 0.5,
        "transfer": {
            **_transfer(random, pace_us),
            "overlap": random.choice(("none", "layer-wise")),
            "kv_bytes_per_token": TOKEN_BYTES,
        },
    }
    for question in DISAGGREGATION_QUESTIONS:
        scenario["policies"][question] = draw_policy(random, question)


def draw_encoders(random: Random, scenario: dict[str, Any], rows: list[dict[str, Any]] | None, pace_us: int) -> None:
    """Let prompts have pictures, whose encoding takes time, and mostly put instances up that do nothing else."""
    if random.random() >= SHARE:
        return
    cluster = scenario["cluster"]
    if rows is not None:
        share = random.choice((0.2, 0.7, 1.0))
        for row in rows:
            row["image_tokens"] = random.randint(0, row["input_tokens"]) if random.random() < share else 0
    else:
        _draw_pictures(random, scenario["workload"])
    cluster["encoder"] = {
        "us_per_token": min(1e6, random.choice((0, 0.03, 0.3, 5)) * pace_us),
        "base_us": random.choice((0, 0.7, 4)) * pace_us,
        "embedding_bytes_per_token": TOKEN_BYTES,
        "transfer": _transfer(random, pace_us),
    }
    if random.random() < 0.8:
        limits = {name: cluster["instances"][0][name] for name in ("step_token_budget", "max_running_requests")}
        latency = cluster["instances"][0].get("latency", cluster["latency"])
        count = random.choice((1, 1, 2, 3))
        cluster["instances"].append(
            {"count": count, "role": "encode", "kv_blocks": 1, "long_prefill_threshold_tokens": 0,
             "latency": latency, **limits}
        )  # fmt: skip
    for question in ENCODING_QUESTIONS:
        scenario["policies"][question] = draw_policy(random, question)
    if random.random() < 0.7:
        scenario["policies"]["encoding"] = {"policy": "always-multimodal"}


def _draw_pictures(random: Random, workload: dict[str, Any]) -> None:
    """Of a workload's clients some send pictures beside their text."""
    for client in workload.get("spec", {}).get("clients", ()):
        if "input_distribution" in client and random.random() < 0.6:
            lengths = client.pop("input_distribution")
            client["multimodal"] = {
                "text_distribution": lengths,
                "image_count_distribution": {"type": "constant", "params": {"value": random.randint(0, 2)}},
                "image_distribution": lengths,
            }


def _transfer(random: Random, pace_us: int) -> dict[str, Any]:
    return {
        "bandwidth_gb_per_s": gb_per_s(random.choice((1e-3, 0.05, 1, 10)) * pace_us),
        "base_latency_us": random.choice((0, 1, 3 * pace_us)),
        "contention": random.choice(("none", "fair-share")),
    }
