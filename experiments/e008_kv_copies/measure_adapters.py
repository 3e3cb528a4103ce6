"""Measure what LoRA adapters add to a step of the shape of Llama 3.1 8B; needs PyTorch with Triton alone.

    python experiments/e008_kv_copies/measure_adapters.py [OUT.json]

Two kernels per matrix, as serving engines have them: one multiplies tiles of the tokens of one adapter by its narrow
matrix, split along the inputs, the other adds the product with its wide one to the output. The tokens of a step are
shared evenly among the adapters and lie together by adapter. Steps are the matrix products alone (no attention),
replayed as CUDA graphs, with weights of their own in each layer.
"""

import json
import statistics
import sys
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl

LAYERS, MATRICES = 32, ((4096, 6144), (4096, 4096), (4096, 28672), (14336, 4096))
TILE_TOKENS, INPUTS, OUTPUTS, SPLITS = 16, 128, 128, 8
REPEATS = 9


class Tiles(NamedTuple):
    """Tokens of one adapter each: its number, the first token and the one after the last; shape (n_tiles,)."""

    adapter: torch.Tensor
    first: torch.Tensor
    end: torch.Tensor


@triton.jit
def _narrow(
    x,
    down,
    out,
    adapter,
    first,
    end,
    rows,
    rank: tl.constexpr,
    tile_tokens: tl.constexpr,
    inputs_at_once: tl.constexpr,
    parts: tl.constexpr,
):
    tile, part = tl.program_id(0), tl.program_id(1)
    which = tl.load(adapter + tile)
    tokens = tl.load(first + tile) + tl.arange(0, tile_tokens)
    inside = tokens < tl.load(end + tile)
    ranks = tl.arange(0, rank)
    found = tl.zeros((tile_tokens, rank), dtype=tl.float32)
    for start in range(part * inputs_at_once, rows, parts * inputs_at_once):
        inputs = start + tl.arange(0, inputs_at_once)
        a = tl.load(x + tokens[:, None] * rows + inputs[None, :], mask=inside[:, None], other=0.0)
        b = tl.load(down + (which * rank + ranks[None, :]) * rows + inputs[:, None])
        found += tl.dot(a, b)
    tl.atomic_add(out + tokens[:, None] * rank + ranks[None, :], found, mask=inside[:, None])


@triton.jit
def _widen(
    h, up, y, adapter, first, end, n_columns, rank: tl.constexpr, tile_tokens: tl.constexpr, outputs: tl.constexpr
):
    tile, part = tl.program_id(0), tl.program_id(1)
    which = tl.load(adapter + tile)
    tokens = tl.load(first + tile) + tl.arange(0, tile_tokens)
    inside = tokens < tl.load(end + tile)
    ranks = tl.arange(0, rank)
    columns = part * outputs + tl.arange(0, outputs)
    a = tl.load(h + tokens[:, None] * rank + ranks[None, :], mask=inside[:, None], other=0.0).to(tl.bfloat16)
    b = tl.load(up + (which * n_columns + columns[None, :]) * rank + ranks[:, None])
    place = y + tokens[:, None] * n_columns + columns[None, :]
    found = tl.load(place, mask=inside[:, None], other=0.0) + tl.dot(a, b).to(tl.bfloat16)
    tl.store(place, found, mask=inside[:, None])


def tiles(tokens: int, adapters: int) -> Tiles:
    """Cut the tokens of every adapter into tiles."""
    rows = []
    for k in range(adapters):
        first, end = tokens * k // adapters, tokens * (k + 1) // adapters
        rows += [(k, start, end) for start in range(first, end, TILE_TOKENS)]
    return Tiles(*torch.tensor(rows, dtype=torch.int32, device="cuda").t().contiguous())


def matrix(*shape: int) -> torch.Tensor:
    """Random weights in 16 bits."""
    return torch.randn(shape, device="cuda", dtype=torch.bfloat16) * 0.02


def captured(tokens: int, rank: int, adapters: int, bases: list[list[torch.Tensor]]) -> torch.cuda.CUDAGraph:
    """The matrix products of a step, with adapters on all of them unless there are none."""
    inputs = {rows: matrix(tokens, rows) for rows, _ in MATRICES}
    pairs = [[(matrix(adapters, rank, a), matrix(adapters, b, rank)) for a, b in MATRICES] for _ in range(LAYERS)]
    cut = tiles(tokens, adapters) if adapters else None

    def run() -> None:
        for place, layer in enumerate(bases):
            for module, weights in enumerate(layer):
                rows, columns = weights.shape
                y = inputs[rows] @ weights
                if cut is None:
                    continue
                down, up = pairs[place][module]
                h = torch.zeros(tokens, rank, device="cuda", dtype=torch.float32)
                n_tiles = len(cut.adapter)
                _narrow[(n_tiles, SPLITS)](
                    inputs[rows],
                    down,
                    h,
                    *cut,
                    rows,
                    rank=rank,
                    tile_tokens=TILE_TOKENS,
                    inputs_at_once=INPUTS,
                    parts=SPLITS,
                )
                _widen[(n_tiles, columns // OUTPUTS)](
                    h, up, y, *cut, columns, rank=rank, tile_tokens=TILE_TOKENS, outputs=OUTPUTS
                )

    run()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph


def agrees() -> bool:
    """Whether the kernels compute what they should."""
    tokens, rank, adapters, rows, columns = 50, 16, 3, 4096, 4096
    x, down, up, y = matrix(tokens, rows), matrix(adapters, rank, rows), matrix(adapters, columns, rank), None
    cut = tiles(tokens, adapters)
    y = torch.zeros(tokens, columns, device="cuda", dtype=torch.bfloat16)
    h = torch.zeros(tokens, rank, device="cuda", dtype=torch.float32)
    n_tiles = len(cut.adapter)
    _narrow[(n_tiles, SPLITS)](
        x, down, h, *cut, rows, rank=rank, tile_tokens=TILE_TOKENS, inputs_at_once=INPUTS, parts=SPLITS
    )
    _widen[(n_tiles, columns // OUTPUTS)](h, up, y, *cut, columns, rank=rank, tile_tokens=TILE_TOKENS, outputs=OUTPUTS)
    for k in range(adapters):
        mine = slice(tokens * k // adapters, tokens * (k + 1) // adapters)
        wanted = (x[mine].float() @ down[k].float().t()).bfloat16().float() @ up[k].float().t()
        if not torch.allclose(y[mine].float(), wanted, rtol=0.05, atol=0.02 * wanted.abs().max().item()):
            return False
    return True


def milliseconds(graph: torch.cuda.CUDAGraph) -> float:
    """Median time of a replay [ms]."""
    times = []
    for _ in range(REPEATS + 3):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        graph.replay()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return statistics.median(times[3:])


def main() -> None:
    """Measure, print a line per step, and write everything to OUT.json if it is given."""
    torch.manual_seed(0)
    if not agrees():
        sys.exit("error: the kernels do not compute the products that they should")
    bases = [[matrix(a, b) for a, b in MATRICES] for _ in range(LAYERS)]
    rows: list[dict[str, Any]] = []
    for tokens in (1, 16, 64, 256, 1024, 4096):
        for rank, adapters in ((16, 0), *((r, n) for r in (16, 32, 64) for n in (1, 4, 16, 64))):
            if adapters > tokens:
                continue
            time_ms = milliseconds(captured(tokens, rank, adapters, bases))
            rows.append({"tokens": tokens, "rank": rank, "adapters": adapters, "time_ms": round(time_ms, 4)})
            print(rows[-1], flush=True)
            torch.cuda.empty_cache()
    if len(sys.argv) > 1:
        document = {
            "device": torch.cuda.get_device_name(),
            "torch": torch.__version__,
            "shape": "llama-3.1-8b bfloat16, one GPU",
            "steps": rows,
        }
        with open(sys.argv[1], "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)


if __name__ == "__main__":
    main()
