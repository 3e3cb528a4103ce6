"""Random cases of everything at once, to which KV tiers, transfers between instances, or both are added."""

import copy
import random
from typing import Any

import pytest

from blis.foundation.errors import ConfigError
from experiments.fuzz.case import Case
from experiments.fuzz.checks import causality, conservation, determinism, forks
from experiments.fuzz.draw import draw_case
from experiments.fuzz.subject import Subject

CHECKS = (conservation, causality, determinism, forks)


def tiers(draw: random.Random) -> dict[str, Any]:
    """One or two small tiers, quick or very slow, of whatever kind goes together."""
    chain = [
        {
            "read_gb_per_s": draw.choice([0.001, 0.1, 10]),
            "write_gb_per_s": draw.choice([0.001, 0.1, 10]),
            "base_latency_us": draw.choice([0, 10, 5000]),
            "capacity_blocks": draw.choice([1, 3, 10, 100]),
            "eviction": draw.choice(["lru", "arc"]),
        }
        for _ in range(draw.randint(1, 2))
    ]
    if draw.random() < 0.3:
        chain[-1]["shared"] = True
    write = draw.choice(["through", "back"])
    own = {"load": draw.choice(["request", "step"]), "write": write, "kv_bytes_per_token": draw.choice([100, 100_000])}
    exclusive = {"placement": "exclusive"} if write == "back" and draw.random() < 0.5 else {}
    return {"tiers": chain, **own, **exclusive}


def divided(draw: random.Random, cluster: dict[str, Any]) -> dict[str, Any]:
    """Roles for the pools, and transfers between them."""
    pools = [dict(pool) for pool in cluster["instances"]]
    for pool in pools:
        pool["role"] = draw.choice(["prefill", "decode", "both", "both"])
    if len(pools) == 1 or all(pool["role"] != "both" for pool in pools):
        pools[0] |= {"role": "both", "count": max(2, pools[0].get("count", 1))}
    transfer = {
        "bandwidth_gb_per_s": draw.choice([0.001, 1, 100]),
        "base_latency_us": draw.choice([0, 50, 5000]),
        "contention": draw.choice(["none", "fair-share"]),
        "kv_bytes_per_token": draw.choice([100, 100_000]),
    }
    return {
        "instances": pools,
        "disaggregation": {"decode_first": draw.random() < 0.5, "transfer": transfer},
    }


def with_moving_kv(case: Case, draw: random.Random) -> Case:
    """The case with one of both, or both."""
    scenario = copy.deepcopy(dict(case.scenario))
    cluster, policies = dict(scenario["cluster"]), dict(scenario.get("policies") or {})
    has_tiers = draw.random() < 0.7
    if has_tiers:
        cluster["kv_tiers"] = tiers(draw)
        policies["tiering"] = draw.choice(["always", "break-even", {"policy": "minimum-tokens", "minimum_tokens": 3}])
    if not has_tiers or draw.random() < 0.7:
        cluster |= divided(draw, cluster)
        threshold = {"policy": "prefix-threshold", "tokens": 4}
        policies["disaggregation"] = draw.choice(["always", "load-based", "drift-plus-penalty", threshold])
    return Case(scenario | {"cluster": cluster, "policies": policies}, rows=case.rows)


@pytest.mark.parametrize("seed", [21, 22])
def test_laws_hold_wherever_kv_moves(seed: int) -> None:
    tried = 0
    for number in range(60):
        case = with_moving_kv(draw_case(seed, number, "compiled"), random.Random(f"{seed}-{number}"))
        try:
            subject = Subject(case)
        except ConfigError:  # what was drawn does not go together
            continue
        tried += 1
        for check in CHECKS:
            assert list(check.check(subject)) == [], f"seed {seed}, case {number}: {check.__name__}"
    assert tried > 30
