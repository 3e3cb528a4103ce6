"""Large logs to load: a million requests in each format, written row by row so that writing takes no memory."""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from blis.foundation.answers import answer
from blis.workload.plan import workload_plan
from experiments.bench import BLOCK_SIZE_TOKENS, Measurement, peak_rss_mb

REQUESTS = 1_000_000
BOUND = "10 s, 1 GB"


def measure_loading(name: str, kind: str, write: Callable[[Path, int], Path]) -> Measurement:
    """Write a log, and time one reading: a second one would find the memory that the first left."""
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), REQUESTS)
        mapping = {"kind": kind, "path": str(path)}
        start, start_cpu = time.perf_counter(), time.process_time()
        plan = workload_plan(mapping)
        requests = answer("workload", kind).generate(plan.params, 42, BLOCK_SIZE_TOKENS)
        wall_s, cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
    note = f"{len(requests):,} requests, {cpu_s:.1f} s of one core"
    return Measurement(name, wall_s, len(requests) / wall_s, peak_rss_mb(), BOUND, note=note)


def write_azure(folder: Path, n: int) -> Path:
    """The CSV of the Azure logs of 2024, with a zone in each time."""
    path = folder / "azure.csv"
    start = np.datetime64("2024-05-10T00:00:00", "us")
    with path.open("w") as file:
        file.write("TIMESTAMP,ContextTokens,GeneratedTokens\n")
        for row, (prompt, output) in enumerate(_lengths(n)):
            time_text = str(start + np.timedelta64(10_000 * row, "us")).replace("T", " ")
            file.write(f"{time_text}+00:00,{prompt},{output}\n")
    return path


def write_burstgpt(folder: Path, n: int) -> Path:
    """The CSV of BurstGPT, with one failure in a hundred."""
    path = folder / "burstgpt.csv"
    with path.open("w") as file:
        file.write("Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n")
        for row, (prompt, output) in enumerate(_lengths(n)):
            output = 0 if row % 100 == 99 else output
            model = "GPT-4" if row % 7 == 0 else "ChatGPT"
            file.write(f"{row * 0.01:.2f},{model},{prompt},{output},{prompt + output},API log\n")
    return path


def write_mooncake(folder: Path, n: int) -> Path:
    """JSON lines with two hashes each, of which a tenth of the requests share the first."""
    path = folder / "mooncake.jsonl"
    with path.open("w") as file:
        for row in range(n):
            first = row % 50 if row % 10 == 0 else 100 + 2 * row
            record = {
                "timestamp": 10 * row,
                "input_length": 1000,
                "output_length": 100,
                "hash_ids": [first, 101 + 2 * row],
            }
            file.write(json.dumps(record) + "\n")
    return path


def write_trace_csv(folder: Path, n: int) -> Path:
    """Token lists of 24 and 8 ids, of which a tenth of the requests share the first block."""
    path = folder / "tokens.csv"
    with path.open("w") as file:
        file.write("arrival_time,a,b,input_tokens,output_tokens\n")
        for row in range(n):
            first = row % 50 if row % 10 == 0 else row
            prompt = [*range(first, first + 16), row, *range(7)]
            file.write(f'{row * 0.01:.2f},24,8,"{prompt}","{list(range(8))}"\n')
    return path


def write_trace_v2(folder: Path, n: int) -> Path:
    """A header, and the CSV of 22 columns."""
    from blis.workload.logs.trace_v2_records import COLUMNS

    (folder / "trace.yaml").write_text("trace_version: 2\ntime_unit: us\nmode: generated\nwarm_up_requests: 0\n")
    with (folder / "trace.csv").open("w") as file:
        file.write(",".join(COLUMNS) + "\n")
        for row, (prompt, output) in enumerate(_lengths(n)):
            labels = f"client-{row % 30},tenant-{row % 5},batch,,0,,true"
            times = f"{10_000 * row},{10_000 * row},0,0,0"
            file.write(f"{row},{labels},{prompt},{output},{prompt},0,0,0,0.25,{times},ok,\n")
    return folder / "trace.yaml"


def write_servegen(folder: Path, n: int) -> Path:
    """A day of 1,000 clients: 144 windows of 10 minutes, and 4 windows of tables with 300 lengths each."""
    n_clients, n_windows = 1000, 144
    rate = n / (n_clients * n_windows * 600)
    for client in range(n_clients):
        rows = (f"{600 * at},{rate},2.5,Gamma,0.16,{6.25 / rate}\n" for at in range(n_windows))
        (folder / f"chunk-{client}-trace.csv").write_text("".join(rows))
        dataset = {str(21_600 * at): {"input_tokens": _table(client), "output_tokens": _table(at)} for at in range(4)}
        (folder / f"chunk-{client}-dataset.json").write_text(json.dumps(dataset))
    return folder


def _table(start: int) -> str:
    return "{" + ", ".join(f"{start + 10 * k + 1}: {1 / 300}" for k in range(300)) + "}"


def _lengths(n: int) -> Any:
    random = np.random.default_rng(1)
    for _ in range(n // 1000):
        yield from zip(random.integers(1, 8000, 1000).tolist(), random.integers(1, 1000, 1000).tolist(), strict=True)
