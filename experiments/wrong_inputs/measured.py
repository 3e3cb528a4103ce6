"""Small measured runs that work, in every format that is read, and a learned latency model."""

import csv
import json
import shutil
from pathlib import Path

import yaml

from experiments.recovery.traces import TRUE, write_trace

#: Runs of other tools, as the tests have them.
OTHERS = ("vllm-bench-openai-detailed.json", "guidellm-benchmarks.json", "aiperf-profile_export.jsonl")


def make_measured(folder: Path, root: Path) -> None:
    """Write a trace with chunks, copy the runs of other tools, and write coefficients as a fit leaves them."""
    trace = write_trace(folder / "measured.yaml", 8, 80, noise=0.02, output=12)
    with trace.with_suffix(".csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    lines = []
    for row in rows:
        first_us, last_us, n = (
            int(row[name]) for name in ("first_chunk_time_us", "last_chunk_time_us", "output_tokens")
        )
        times_us = [first_us + (last_us - first_us) * k // max(n - 1, 1) for k in range(n)]
        lines.append(json.dumps({"request_id": int(row["request_id"]), "times_us": times_us, "tokens": [1] * n}))
    trace.with_suffix(".chunks.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name in OTHERS:
        shutil.copy(root / "tests" / "data" / "measured" / name, folder / name)
    learned = {"latency": TRUE, "fit": {"is_finished": True, "warnings": []}}
    (folder / "latency.yaml").write_text(yaml.safe_dump(learned), encoding="utf-8")
