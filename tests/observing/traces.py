"""What stands in the files of an observation."""

import csv
import json
from pathlib import Path
from typing import Any


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "trace.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def chunks(folder: Path) -> dict[int, dict[str, Any]]:
    lines = (folder / "trace.chunks.jsonl").read_text(encoding="utf-8").splitlines()
    return {line["request_id"]: line for line in map(json.loads, lines)}
