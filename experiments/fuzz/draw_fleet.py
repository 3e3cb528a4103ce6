"""Invent what stands around the instances: a gateway, adapters, instances that come, go and die, or all.

Each has its own stream, so that a case without them is the one that it was before they could be drawn.
"""

from __future__ import annotations

from random import Random
from typing import Any

from blis.foundation.answers import GATEWAY_QUESTIONS
from experiments.fuzz.draw_policies import draw_policy

#: How many of the cases have each part.
SHARE = 0.25
CLASSES = ("critical", "standard", "batch", "sheddable")


def draw_gateway(random: Random, scenario: dict[str, Any], pace_us: int) -> None:
    """Put a queue in front of the router, at times a small or an impatient one."""
    if random.random() >= SHARE:
        return
    evicts = random.random() < 0.5
    scenario["cluster"]["gateway"] = {
        "capacity_requests": random.choice((None, None, 1, 3, 20)),
        "bands": random.choice((None, None, {"critical": 2}, {random.choice(CLASSES): random.randint(1, 5)})),
        "ttl_ms": random.choice((None, None, pace_us * 1e-3, 30 * pace_us * 1e-3)),
        "request_timeout_s": random.choice((None, 300, 50 * pace_us * 1e-6)),
        "tick_us": random.choice((1, 1000, max(1, pace_us // 7))),
        "sweep_ms": max(1e-3, random.choice((1, 10)) * pace_us * 1e-3),
        "displace_least_urgent": random.random() < 0.5,
        "evict_running": evicts,
        "most_evictions": random.choice((1, 2, 9)),
        "eviction_pause_ms": max(1e-3, random.choice((0.3, 10)) * pace_us * 1e-3),
    }
    for question in GATEWAY_QUESTIONS:
        scenario["policies"][question] = draw_policy(random, question)
    if random.random() < 0.5:
        limit = {"policy": "concurrency", "max_concurrency": random.choice((0.5, 1.0, 2.0, 6.0))}
        scenario["policies"]["saturation"] = limit


def draw_adapters(random: Random, scenario: dict[str, Any], rows: list[dict[str, Any]] | None, pace_us: int) -> None:
    """Let requests ask for adapters, and pools have slots for some of them, or none."""
    if random.random() >= SHARE:
        return
    names = [f"adapter-{place}" for place in range(random.choice((1, 2, 3, 7)))]
    if rows is not None:
        for row in rows:
            row["adapter"] = random.choice(("", *names, *names))
    elif scenario["workload"]["kind"] == "distribution":
        scenario["workload"]["adapters"] = {name: random.choice((1, 1, 5)) for name in ("", *names)}
    for pool in scenario["cluster"]["instances"]:
        if random.random() < 0.1:
            continue
        slots = random.choice((1, 1, 2, 3))
        pool["lora"] = {
            "max_loras": slots,
            "max_cpu_loras": random.choice((None, slots + 1, slots + 3)),
            "host_load_ms": random.choice((0, 0.01, 2)) * pace_us * 1e-3,
            "disk_load_ms": random.choice((0, 0.3, 20)) * pace_us * 1e-3,
            "step_us": random.choice((0, 0.7, 50)),
            "adapter_us": random.choice((0, 0.3, 11)),
            "token_us": random.choice((0, 0.1, 2)),
        }


def draw_fleet(random: Random, scenario: dict[str, Any], pace_us: int) -> None:
    """Let instances come and go as a policy says, or die, or both."""
    cluster = scenario["cluster"]
    counts = [pool["count"] for pool in cluster["instances"]]
    most = counts
    tick_s = max(1e-6, random.choice((3, 30, 300)) * pace_us * 1e-6)
    if random.random() < SHARE:
        most = [count + random.choice((0, 1, 2)) for count in counts]
        cluster["autoscaling"] = {
            "minimum": [random.randint(1, count) for count in counts],
            "maximum": most,
            "tick_s": tick_s,
            "reading_age_s": random.choice((0, 0.5, 1.0)) * tick_s,
            "actuation_delay_s": random.choice((0, 0.5, 1.0)) * tick_s,
            "load_s": random.choice((0, 0.5, 4)) * tick_s,
            "drain": random.choice(("finish", "hand-back")),
        }
        scenario["policies"]["scaling"] = draw_policy(random, "scaling")
    if random.random() < SHARE:
        cluster["failures"] = [
            {
                "at_s": random.randint(0, 100) * pace_us * 1e-6,
                "instance": random.randrange(sum(most)),
                "recovers_after_s": random.choice((None, 5 * pace_us * 1e-6, 40 * pace_us * 1e-6)),
                "requests": random.choice(("retry", "retry", "lose")),
            }
            for _ in range(random.choice((1, 1, 3)))
        ]
