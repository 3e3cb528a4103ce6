"""What a run of the fuzzer has met so far, for people and for machines."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Counts:
    """Cases, failures and features."""

    seed: int
    started_s: float = field(default_factory=time.monotonic)
    cases: int = 0
    refused: int = 0  #: scenarios that were not valid
    features: Counter[str] = field(default_factory=Counter)
    failures: list[dict[str, Any]] = field(default_factory=list)
    stopped: bool = False  #: by an interrupt

    @property
    def seconds(self) -> float:
        """Wall clock so far."""
        return time.monotonic() - self.started_s

    @property
    def cases_per_minute(self) -> float:
        """So far."""
        return 60 * self.cases / max(self.seconds, 1e-9)

    def to_mapping(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "seed": self.seed,
            "cases": self.cases,
            "refused": self.refused,
            "failed": len(self.failures),
            "seconds": round(self.seconds, 1),
            "cases_per_minute": round(self.cases_per_minute, 1),
            "stopped": self.stopped,
            "features": dict(sorted(self.features.items())),
            "failures": self.failures,
        }

    def lines(self) -> list[str]:
        """As people read it: features in columns, then failures."""
        names = sorted(self.features)
        cells = [f"{self.features[name]:>7,} {name}" for name in names]
        width = max((len(cell) for cell in cells), default=0) + 2
        columns = max(1, 120 // max(width, 1))
        rows = -(-len(cells) // columns)
        table = [
            "".join(cells[place].ljust(width) for place in range(row, len(cells), rows)).rstrip() for row in range(rows)
        ]
        told = f"seed {self.seed}: {self.cases:,} cases in {self.seconds:.0f} s, {self.cases_per_minute:.0f} a minute"
        told += f", {len(self.failures)} failed, {self.refused} not valid" + (", stopped early" if self.stopped else "")
        failed = []
        for failure in self.failures:
            failed += [f"failed: {line}" for line in failure["failures"]]
            failed.append(f"  repeat: python -m experiments.fuzz case={failure['file']}")
        return [*table, "", told, *failed]
