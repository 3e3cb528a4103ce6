"""This file says what each SLO class is promised."""

from __future__ import annotations

from typing import Any

NEVER_US = 10**15
#: When a first token is due after the arrival, if a case does not say otherwise [µs].
TTFT_US = {
    "": 2_000_000, "critical": 450_000, "realtime": 450_000, "standard": 2_000_000, "interactive": 2_000_000,
    "batch": 60_000_000, "sheddable": 60_000_000, "background": 300_000_000,
}  # fmt: skip
#: Mean time between a request's tokens [µs].
ITL_US = {
    "": 200_000, "critical": 40_000, "realtime": 40_000, "standard": 200_000, "interactive": 200_000,
    "batch": NEVER_US, "sheddable": NEVER_US, "background": NEVER_US,
}  # fmt: skip


def targets_of(case: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Of each class: when its first token is due, and the mean time between its tokens."""
    ttft, itl = case.get("ttft_targets_us") or TTFT_US, case.get("itl_targets_us") or ITL_US
    return {name: (ttft[name], itl[name]) for name in TTFT_US}
