"""This file says where two results differ, number by number."""

from __future__ import annotations

from typing import Any

RELATIVE_TOLERANCE = 1e-12


def differences(want: Any, got: Any, path: str = "") -> list[str]:
    """One line per number of the naive simulator that the engine does not have."""
    if isinstance(want, dict):
        return [line for key in want for line in differences(want[key], got[key], f"{path}.{key}")]
    if isinstance(want, list):
        assert len(want) == len(got)
        return [
            line for i, (w, g) in enumerate(zip(want, got, strict=True)) for line in differences(w, g, f"{path}[{i}]")
        ]
    is_same = want == got
    if isinstance(want, float) and isinstance(got, float | int):
        is_same = is_same or (want != want and got != got)
        is_same = is_same or abs(want - got) <= RELATIVE_TOLERANCE * max(1.0, abs(want))
    return [] if is_same else [f"{path}: naive {want!r}, engine {got!r}"]
