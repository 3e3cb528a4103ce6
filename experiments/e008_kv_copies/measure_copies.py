"""Measure copies of KV blocks between a GPU and its host, beside steps and alone; needs PyTorch alone.

    python experiments/e008_kv_copies/measure_copies.py [OUT.json]

Blocks of 16 tokens of the shape of Llama 3.1 8B in 16 bits: 32 KiB for the keys or the values of one layer, 2 MiB for
all layers. An engine that keeps each layer's cache by itself moves a block in 64 pieces of 32 KiB, one that keeps
blocks whole in one piece. Host memory is pinned, copies are asynchronous on a stream of their own.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import torch

KIB, MIB = 1 << 10, 1 << 20
REPEATS = 7
#: The matrices of one layer of Llama 3.1 8B: inputs and outputs of a token.
LAYERS, MATRICES = 32, ((4096, 6144), (4096, 4096), (4096, 28672), (14336, 4096))


def seconds(run: Callable[[], None]) -> float:
    """Median time of a run with the wait for it [s]."""
    times = []
    for _ in range(REPEATS + 2):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        run()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - begin)
    return statistics.median(times[2:])


def pieces(host: torch.Tensor, device: torch.Tensor, size: int, count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Pieces of both memories that lie apart, as blocks of a cache in use do."""
    stride = len(host) // count
    order = torch.randperm(count).tolist()
    return [(host[i * stride : i * stride + size], device[j * stride : j * stride + size]) for i, j in enumerate(order)]


def copies(host: torch.Tensor, device: torch.Tensor) -> list[dict[str, Any]]:
    """Time of copies in one piece, and of the same bytes in pieces of 32 KiB, 512 KiB and 2 MiB."""
    rows: list[dict[str, Any]] = []
    totals = [4 * KIB, 64 * KIB, 256 * KIB, *(2 * MIB * 4**k for k in range(6))]
    cases = [(total, total) for total in totals]
    cases += [(size, total) for size in (32 * KIB, 512 * KIB, 2 * MIB) for total in (2 * MIB, 32 * MIB, 512 * MIB)]
    for size, total in cases:
        chosen = pieces(host, device, size, total // size)

        def load(chosen: list[tuple[torch.Tensor, torch.Tensor]] = chosen) -> None:
            for source, target in chosen:
                target.copy_(source, non_blocking=True)

        def store(chosen: list[tuple[torch.Tensor, torch.Tensor]] = chosen) -> None:
            for target, source in chosen:
                target.copy_(source, non_blocking=True)

        for direction, run in (("load", load), ("store", store)):
            time_us = seconds(run) * 1e6
            rows.append({"direction": direction, "piece_bytes": size, "bytes": total, "time_us": round(time_us, 2)})
            print(
                direction, size // KIB, "KiB of", total // KIB, "KiB", f"{total / time_us / 1e3:.2f} GB/s", flush=True
            )
    return rows


def by_gathering(
    direction: str, flat: torch.Tensor, staged: torch.Tensor, apart: torch.Tensor, places: torch.Tensor
) -> None:
    """Bring pieces together on the GPU and copy them as one, or the other way round."""
    if direction == "load":
        staged.copy_(flat, non_blocking=True)
        apart.index_copy_(0, places, staged)
    else:
        torch.index_select(apart, 0, places, out=staged)
        flat.copy_(staged, non_blocking=True)


def gathered(host: torch.Tensor, device: torch.Tensor) -> list[dict[str, Any]]:
    """Pieces of 32 KiB brought together on the GPU first and copied as one."""
    rows = []
    for total in (2 * MIB, 32 * MIB, 512 * MIB):
        n = total // (32 * KIB)
        apart = device.view(-1, 32 * KIB)
        places = torch.randperm(len(apart), device="cuda")[:n]
        staged = torch.empty((n, 32 * KIB), dtype=torch.uint8, device="cuda")
        flat = host[:total].view(n, 32 * KIB)

        for direction in ("load", "store"):
            time_us = seconds(partial(by_gathering, direction, flat, staged, apart, places)) * 1e6
            rows.append({"direction": direction, "bytes": total, "time_us": round(time_us, 2)})
            print("gathered", direction, total // KIB, "KiB", f"{total / time_us / 1e3:.2f} GB/s", flush=True)
    return rows


def step_like(tokens: int, layers: list[list[torch.Tensor]]) -> torch.cuda.CUDAGraph:
    """The matrix products of a step of `tokens` tokens, as a graph."""
    inputs = {rows: torch.randn(tokens, rows, device="cuda", dtype=torch.bfloat16) for rows, _ in MATRICES}
    graph = torch.cuda.CUDAGraph()
    for matrix in layers[0]:
        inputs[matrix.shape[0]] @ matrix
    torch.cuda.synchronize()
    with torch.cuda.graph(graph):
        for layer in layers:
            for matrix in layer:
                inputs[matrix.shape[0]] @ matrix
    return graph


def beside(host: torch.Tensor, device: torch.Tensor) -> list[dict[str, Any]]:
    """Steps and copies at the same time: how much longer either takes."""
    rows = []
    layers = [[torch.randn(a, b, device="cuda", dtype=torch.bfloat16) for a, b in MATRICES] for _ in range(LAYERS)]
    half = len(host) // 2
    aside, other = torch.cuda.Stream(), torch.cuda.Stream()
    for tokens in (16, 256, 2048, 8192):
        graph = step_like(tokens, layers)
        n_steps = max(2, int(0.05 / seconds(graph.replay)))
        alone_us = seconds(lambda graph=graph, n=n_steps: [graph.replay() for _ in range(n)] and None) / n_steps * 1e6
        for directions in (("load",), ("store",), ("load", "store")):

            def copy(directions: tuple[str, ...] = directions) -> None:
                with torch.cuda.stream(aside):
                    if "load" in directions:
                        device[:half].copy_(host[:half], non_blocking=True)
                with torch.cuda.stream(other):
                    if "store" in directions:
                        host[half:].copy_(device[half:], non_blocking=True)

            copy_alone_us = seconds(copy) * 1e6
            n = max(2, int(2.0 * copy_alone_us / alone_us))  # steps outlast the copies, and the copies their share
            times, copied = [], []
            for _ in range(3):
                torch.cuda.synchronize()
                marks = [torch.cuda.Event(enable_timing=True) for _ in range(4)]
                marks[0].record(aside)
                marks[2].record(other)
                copy()
                marks[1].record(aside)
                marks[3].record(other)
                ends = [torch.cuda.Event(enable_timing=True) for _ in range(n + 1)]
                ends[0].record()
                for end in ends[1:]:
                    graph.replay()
                    end.record()
                torch.cuda.synchronize()
                took_us = max(marks[0].elapsed_time(marks[1]), marks[2].elapsed_time(marks[3])) * 1e3
                within = [a.elapsed_time(b) * 1e3 for a, b in pairwise(ends)]
                during = [t for k, t in enumerate(within) if sum(within[: k + 1]) < 0.9 * took_us][1:]
                times.append(statistics.median(during or within[:1]))
                copied.append(took_us)
            row = {
                "tokens": tokens,
                "directions": "+".join(directions),
                "step_alone_us": round(alone_us, 1),
                "step_beside_us": round(statistics.median(times), 1),
                "copy_alone_us": round(copy_alone_us, 1),
                "copy_beside_us": round(statistics.median(copied), 1),
                "bytes_each_way": half,
            }
            rows.append(row)
            print(row, flush=True)
    return rows


def main() -> None:
    """Measure, print, and write everything to OUT.json if it is given."""
    torch.manual_seed(0)
    document: dict[str, Any] = {"device": torch.cuda.get_device_name(), "torch": torch.__version__}
    host = torch.empty(2048 * MIB, dtype=torch.uint8, pin_memory=True)
    device = torch.empty(2048 * MIB, dtype=torch.uint8, device="cuda")
    for name, measure in (
        ("copies", lambda: copies(host, device)),
        ("gathered", lambda: gathered(host, device)),
        ("beside", lambda: beside(host, device)),
    ):
        try:
            with torch.no_grad():
                document[name] = measure()
        except RuntimeError as error:
            print(name, "failed:", error, file=sys.stderr, flush=True)
        if len(sys.argv) > 1:
            with open(sys.argv[1], "w", encoding="utf-8") as file:
                json.dump(document, file, indent=1)


if __name__ == "__main__":
    main()
