"""Invent clients that give up, and such that come again.

Each has its own stream, as in `experiments.fuzz.draw_fleet`.
"""

from __future__ import annotations

from random import Random
from typing import Any

from experiments.fuzz.draw_fleet import SHARE

_MS_PER_US = 1e-3


def draw_patience(random: Random, scenario: dict[str, Any], pace_us: int) -> None:
    """Let clients give up, also where there is no gateway."""
    if random.random() >= SHARE:
        return
    if scenario["cluster"].get("gateway", {}).get("request_timeout_s") is not None:
        del scenario["cluster"]["gateway"]["request_timeout_s"]
    scenario["cluster"]["request_timeout_s"] = max(1e-6, random.choice((0.5, 3, 10, 30, 200)) * pace_us * 1e-6)


def draw_retries(random: Random, scenario: dict[str, Any], pace_us: int) -> None:
    """Let who was refused come again, and at times who gave up; only drawn workloads say that."""
    if "workload" not in scenario or random.random() >= SHARE:
        return
    base_ms = random.choice((0.3, 3, 30)) * pace_us * _MS_PER_US
    scenario["workload"]["retries"] = {
        "attempts": random.choice((1, 2, 5)),
        "base_ms": base_ms,
        "factor": random.choice((1, 2)),
        "max_ms": 4 * base_ms,
        "jitter": random.choice((0, 0.25, 1)),
        "after_timeout": random.random() < 0.6,
    }
