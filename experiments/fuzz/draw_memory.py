"""Invent what lies beneath the KV blocks of the GPUs: tiers, room for the blocks of victims, orders of eviction.

Each has its own stream, as in `experiments.fuzz.draw_fleet`.
"""

from __future__ import annotations

from random import Random
from typing import Any

from blis.foundation.answers import choices
from experiments.fuzz.draw_fleet import SHARE
from experiments.fuzz.draw_policies import draw_policy

_GB_PER_BYTE = 1e-9
_PER_S = 1e6
TOKEN_BYTES = 1000  #: of every token's KV and embedding, so that a few tokens take some µs


def draw_swap(random: Random, scenario: dict[str, Any], pace_us: int) -> None:
    """Let the host keep the blocks of victims."""
    if random.random() >= SHARE:
        return
    scenario["cluster"]["swap"] = {
        "capacity_blocks": random.choice((1, 2, 7, 1000)),
        "copies": random.choice(("step", "beside")),
        "kv_bytes_per_token": TOKEN_BYTES,
        **draw_device(random, pace_us),
    }
    scenario["policies"]["preemption_mode"] = draw_policy(random, "preemption_mode")


def draw_tiers(random: Random, scenario: dict[str, Any], pace_us: int) -> None:
    """Keep blocks beneath the GPUs."""
    if random.random() >= SHARE:
        return
    write = random.choice(("through", "back"))
    count = random.choice((1, 1, 2, 3))
    scenario["cluster"]["kv_tiers"] = {
        "load": random.choice(("request", "step")),
        "write": write,
        "placement": random.choice(("inclusive", "exclusive")) if write == "back" else "inclusive",
        "prompt_only": write == "through" and random.random() < 0.3,
        "kv_bytes_per_token": TOKEN_BYTES,
        "tiers": [
            {
                "capacity_blocks": random.choice((1, 2, 9, 1000)),
                "eviction": random.choice(("lru", "arc")),
                "shared": place == count - 1 and random.random() < 0.4,
                **draw_device(random, pace_us),
            }
            for place in range(count)
        ],
    }
    scenario["policies"]["tiering"] = draw_policy(random, "tiering")
    for question in ("tier_eviction", "tier_writing"):
        if random.random() < 0.5:
            scenario["policies"][question] = draw_policy(random, question)


def draw_eviction(random: Random, scenario: dict[str, Any]) -> None:
    """Let blocks go in another order than that of their last use."""
    if random.random() >= SHARE:
        return
    names = [name for name in choices("eviction") if name != "belady" or "disaggregation" not in scenario["cluster"]]
    name = random.choice(names)
    while True:
        drawn = draw_policy(random, "eviction")
        if drawn["policy"] == name:
            scenario["policies"]["eviction"] = drawn
            return


def draw_device(random: Random, pace_us: int) -> dict[str, Any]:
    """Bandwidths at which a token takes next to nothing, about a step, or many of them."""
    device: dict[str, Any] = {
        name: gb_per_s(random.choice((1e-3, 0.05, 1, 30)) * pace_us) for name in ("read_gb_per_s", "write_gb_per_s")
    }
    device["base_latency_us"] = random.choice((0, 0.5, 3 * pace_us))
    return device


def gb_per_s(token_us: float) -> float:
    """The bandwidth at which a token takes so long."""
    return min(1e6, max(1e-6, TOKEN_BYTES / max(token_us, 1e-6) * _PER_S * _GB_PER_BYTE))
