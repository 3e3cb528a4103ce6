"""Measure decode and prefill steps of the shape of Llama 3.1 8B on the GPU at hand; needs PyTorch alone.

    python experiments/e003_fidelity/measure_steps.py [OUT.json]

One step is what an engine of this shape computes for a batch: projections, rotary positions, attention of prompt chunks
behind their history and of decodes over their contexts, feed-forward parts, and the output matrix for one token per
request. Weights are random, 16 bit, and different in each layer, so nothing stays in the GPU's cache that would not
stay there in earnest. Each step is replayed as a CUDA graph, so no launch from Python is in its time. Not in it are an
engine's scheduling, its paged addressing, sampling beyond the largest logit, and several GPUs.
"""

import json
import statistics
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import linear, rms_norm, scaled_dot_product_attention, silu

LAYERS, HIDDEN, HEADS, KV_HEADS, HEAD_DIM, INTERMEDIATE, VOCAB = 32, 4096, 32, 8, 128, 14336, 128256
GROUP = HEADS // KV_HEADS
PROCESSORS = torch.cuda.get_device_properties(0).multi_processor_count
#: Keys and values of one layer are drawn from buffers that together exceed every cache.
CACHE_BYTES = 2 << 30
REPEATS = 15

DECODES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
CONTEXTS_TOKENS = (256, 1024, 4096, 16384, 65536)
PROMPTS_TOKENS = (16, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
HISTORIES_TOKENS = (0, 1024, 4096, 16384, 65536)
#: Largest number of stored tokens that one layer is measured with.
MOST_STORED_TOKENS = 2 << 20


class Step(NamedTuple):
    """A batch: one prompt chunk behind its history, and decodes that all have the same context."""

    prefill_tokens: int
    history_tokens: int
    decodes: int
    context_tokens: int


def weights() -> list[dict[str, torch.Tensor]]:
    """The matrices of every layer."""

    def matrix(rows: int, columns: int) -> torch.Tensor:
        return torch.randn(rows, columns, device="cuda", dtype=torch.bfloat16) * 0.02

    return [
        {
            "attend": matrix((HEADS + 2 * KV_HEADS) * HEAD_DIM, HIDDEN),
            "merge": matrix(HIDDEN, HEADS * HEAD_DIM),
            "widen": matrix(2 * INTERMEDIATE, HIDDEN),
            "narrow": matrix(HIDDEN, INTERMEDIATE),
        }
        for _ in range(LAYERS)
    ]


@torch.compile(dynamic=True)
def rotated(heads: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """Rotary positions."""
    first, second = heads.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)


@torch.compile(dynamic=True)
def gated(wide: torch.Tensor) -> torch.Tensor:
    """The activation of the feed-forward part."""
    gate, up = wide.chunk(2, dim=-1)
    return silu(gate) * up


def decode_attention(q: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, parts: int) -> torch.Tensor:
    """Attention of one new token per request, contexts cut into `parts` so that few requests fill the GPU.

    The query heads that share a key head are as many queries of it, so nothing is read twice.
    """
    d, tokens = len(q), keys.shape[2]
    mine = q.reshape(d, KV_HEADS, 1, GROUP, HEAD_DIM).expand(-1, -1, parts, -1, -1).reshape(d, -1, GROUP, HEAD_DIM)
    if parts == 1:
        return scaled_dot_product_attention(mine, keys, values).reshape(d, -1)
    shape = (d, KV_HEADS * parts, tokens // parts, HEAD_DIM)
    out, weight, *_ = torch.ops.aten._scaled_dot_product_flash_attention(mine, keys.view(shape), values.view(shape))
    out = out.view(d, KV_HEADS, parts, GROUP, HEAD_DIM)
    share = weight.view(d, KV_HEADS, parts, GROUP).softmax(2).unsqueeze(-1)
    return (out * share).sum(2).to(q.dtype).reshape(d, -1)


def cuts(step: Step) -> list[int]:
    """Numbers of parts worth trying; of each step the fastest counts, as an engine's kernels are tuned."""
    parts = 1
    while step.decodes * KV_HEADS * parts < 2 * PROCESSORS and step.context_tokens // (2 * parts) >= 256:
        parts *= 2
    return [1] if parts == 1 or not step.decodes else [1, parts]


def stored(requests: int, tokens: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Keys and values of earlier tokens, in as many buffers as the layers need to find them in memory."""
    size = 4 * max(requests * tokens, 1) * KV_HEADS * HEAD_DIM
    count = max(1, min(LAYERS, -(-CACHE_BYTES // size)))
    shape = (requests, KV_HEADS, tokens, HEAD_DIM)
    return [
        (
            torch.randn(shape, device="cuda", dtype=torch.bfloat16),
            torch.randn(shape, device="cuda", dtype=torch.bfloat16),
        )
        for _ in range(count)
    ]


def forward(
    step: Step, layers: list[dict[str, torch.Tensor]], head: torch.Tensor, parts: int
) -> Callable[[], torch.Tensor]:
    """The work of a step, ready to be captured."""
    n = step.prefill_tokens + step.decodes
    x = torch.randn(n, HIDDEN, device="cuda", dtype=torch.bfloat16)
    ones = torch.ones(HIDDEN, device="cuda", dtype=torch.bfloat16)
    angles = torch.randn(n, 1, HEAD_DIM // 2, device="cuda", dtype=torch.bfloat16)
    cosine, sine = angles.cos(), angles.sin()
    prompt_kv = stored(1, step.history_tokens + step.prefill_tokens) if step.prefill_tokens else []
    decode_kv = stored(step.decodes, step.context_tokens) if step.decodes else []
    n_outputs = step.decodes + (1 if step.prefill_tokens else 0)

    def attention(layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        found = []
        p, d = step.prefill_tokens, step.decodes
        if p:
            keys, values = prompt_kv[layer % len(prompt_kv)]
            keys[0, :, step.history_tokens :] = k[:p].transpose(0, 1)
            values[0, :, step.history_tokens :] = v[:p].transpose(0, 1)
            mine = q[:p].transpose(0, 1).unsqueeze(0)
            if step.history_tokens == 0:
                out = scaled_dot_product_attention(mine, keys, values, is_causal=True, enable_gqa=True)
            else:
                bias = causal_lower_right(p, p + step.history_tokens)
                out = scaled_dot_product_attention(mine, keys, values, attn_mask=bias, enable_gqa=True)
            found.append(out[0].transpose(0, 1).reshape(p, -1))
        if d:
            keys, values = decode_kv[layer % len(decode_kv)]
            keys[:, :, -1], values[:, :, -1] = k[p:], v[p:]
            found.append(decode_attention(q[p:], keys, values, parts))
        return found[0] if len(found) == 1 else torch.cat(found)

    def run() -> torch.Tensor:
        y = x
        for place, layer in enumerate(layers):
            qkv = linear(rms_norm(y, (HIDDEN,), ones), layer["attend"]).view(n, HEADS + 2 * KV_HEADS, HEAD_DIM)
            qk = rotated(qkv[:, : HEADS + KV_HEADS], cosine, sine)
            q, k, v = qk[:, :HEADS], qk[:, HEADS:], qkv[:, HEADS + KV_HEADS :]
            y = y + linear(attention(place, q, k, v), layer["merge"])
            y = y + linear(gated(linear(rms_norm(y, (HIDDEN,), ones), layer["widen"])), layer["narrow"])
        return linear(rms_norm(y[-n_outputs:], (HIDDEN,), ones), head).argmax(-1)

    return run


def measured_ms(step: Step, layers: list[dict[str, torch.Tensor]], head: torch.Tensor, parts: int) -> float:
    """Median time of a replay [ms]."""
    run = forward(step, layers, head, parts)
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(2):
            run()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    times = []
    for _ in range(REPEATS + 3):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        graph.replay()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    del graph
    return statistics.median(times[3:])


def steps() -> list[Step]:
    """What is measured: decodes by context, prompts by history, and chunks beside decodes."""
    decodes = [Step(0, 0, d, c) for c in CONTEXTS_TOKENS for d in DECODES if d * c <= MOST_STORED_TOKENS]
    prompts = [Step(p, h, 0, 0) for h in HISTORIES_TOKENS for p in PROMPTS_TOKENS]
    mixed = [Step(p, 0, d, 1024) for p in (256, 1024, 2048) for d in (16, 64, 256)]
    return decodes + prompts + mixed


def main() -> None:
    """Measure, print a line per step, and write everything to OUT.json if it is given."""
    torch.manual_seed(0)
    layers, head = weights(), torch.randn(VOCAB, HIDDEN, device="cuda", dtype=torch.bfloat16) * 0.02
    rows: list[dict[str, Any]] = []
    for step in steps():
        try:
            with torch.no_grad():
                time_ms = min(measured_ms(step, layers, head, parts) for parts in cuts(step))
        except torch.OutOfMemoryError:
            print(f"{step}: does not fit", file=sys.stderr)
            continue
        finally:
            torch.cuda.empty_cache()
        rows.append({**step._asdict(), "time_ms": round(time_ms, 4)})
        print(*step, f"{time_ms:.3f} ms", flush=True)
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
