"""This file reads recorded reference cases and compares a result with them."""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DOUBLE_COLUMNS = {"regret": 1e-12, "score": 1e-12}
JSON_TOLERANCE = 1e-9


@dataclass(frozen=True)
class RecordedCase:
    """One folder of recorded numbers."""

    name: str
    case: dict[str, Any]
    requests: list[dict[str, Any]]
    expected_rows: list[dict[str, Any]]
    expected: dict[str, Any]

    @property
    def semantics(self) -> str:
        """The preset of the date at which the case was recorded."""
        return "reference-" + self.case["made_by"]["version"][:7]


def find_cases(start: Path = Path(__file__)) -> Path | None:
    """The recorded cases beside some folder above the start, or None."""
    for folder in start.resolve().parents:
        cases = folder / "shared" / "reference" / "cases"
        if cases.is_dir():
            return cases
    return None


def read_case(folder: Path) -> RecordedCase:
    """All files of one case."""
    return RecordedCase(
        name=folder.name,
        case=yaml.safe_load((folder / "case.yaml").read_text()),
        requests=_read_csv(folder / "requests.csv"),
        expected_rows=_read_csv(folder / "expected.csv"),
        expected=json.loads((folder / "expected.json").read_text()),
    )


def differences(recorded: RecordedCase, result: dict[str, Any]) -> list[str]:
    """One line per field that does not agree; empty if the result is the recorded one."""
    found = []
    columns = [name for name in recorded.case["comparable"] if not name.startswith("expected.json")]
    if len(result["requests"]) != len(recorded.expected_rows):
        found.append(f"{len(result['requests'])} rows, recorded {len(recorded.expected_rows)}")
    for want, got in zip(recorded.expected_rows, result["requests"], strict=False):
        found += [
            f"request {want['request']} {column}: {got[column]!r}, recorded {want[column]!r}"
            for column in columns
            if not _agree(want[column], got[column], DOUBLE_COLUMNS.get(column, 0.0))
        ]
    if any(name.startswith("expected.json") for name in recorded.case["comparable"]):
        skipped = set(recorded.case.get("not_comparable") or ())
        found += _json_differences(recorded.expected, result, "", skipped)
    return found


def _read_csv(path: Path) -> list[dict[str, Any]]:
    packed = path.with_name(path.name + ".gz")
    text = path.read_text() if path.exists() else gzip.decompress(packed.read_bytes()).decode()
    rows = csv.DictReader(text.splitlines())
    return [{column: _cell(column, value) for column, value in row.items()} for row in rows]


def _cell(column: str, text: str) -> Any:
    if text == "":
        return None
    if column in ("prefix_group", "slo_class", "tenant", "session", "status"):
        return text
    return float(text) if column in DOUBLE_COLUMNS else int(text)


def _agree(want: Any, got: Any, tolerance: float) -> bool:
    if isinstance(want, int | float) and isinstance(got, int | float):
        return abs(want - got) <= tolerance * max(1.0, abs(want))
    return bool(want == got)


def _json_differences(want: Any, got: Any, path: str, skipped: set[str]) -> list[str]:
    if path in skipped:
        return []
    if isinstance(want, dict):
        found = []
        for key, value in want.items():
            below = f"{path}.{key}" if path else key
            if below in skipped:
                continue
            if not isinstance(got, dict) or key not in got:
                found.append(f"{below}: absent, recorded {value!r}")
            else:
                found += _json_differences(value, got[key], below, skipped)
        return found
    if isinstance(want, list):
        if len(want) != len(got):
            return [f"{path}: {len(got)} entries, recorded {len(want)}"]
        pairs = enumerate(zip(want, got, strict=True))
        return [line for i, (w, g) in pairs for line in _json_differences(w, g, f"{path}[{i}]", skipped)]
    is_whole = isinstance(want, int) and isinstance(got, int)
    if not _agree(want, got, 0.0 if is_whole else JSON_TOLERANCE):
        return [f"{path}: {got!r}, recorded {want!r}"]
    return []
