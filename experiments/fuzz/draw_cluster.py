"""Invent clusters at the edge of what is possible: a block or two of memory, batches of one, budgets of one token."""

from __future__ import annotations

from random import Random
from typing import Any

ALPHAS = (
    (0, 0, 0), (0, 0, 0), (10, 0, 0), (3, 1, 2), (2.5, 0.25, 1.75), (0, 2, 7), (0.999999, 0.1, 0.1), (100, 1, 2),
    (10, 0, 0), (0, 0, 0), (0, 0, 0), (0, 1, 0), (1e9, 0, 0), (0, 1e6, 0), (1e6, 1e3, 1e9),
)  # fmt: skip
BETAS = (
    (100, 10, 5), (100, 10, 5), (5, 1, 1), (1, 0, 0), (10.5, 0.7, 3.3), (0, 1, 0), (7, 3, 2), (0, 0, 0), (1, 1, 0),
    (0, 0, 1), (7000, 17.7, 2.8), (1e9, 1e6, 0),
)  # fmt: skip
#: Model, device and GPUs of which the shape is shipped.
SHAPES = (
    ("meta-llama/llama-3.1-8b-instruct", "H100", 1),
    ("meta-llama/llama-3.1-8b-instruct", "A100-80", 2),
    ("mistralai/mixtral-8x7b-v0.1", "H100", 4),
    ("qwen/qwen2.5-7b-instruct", "L40S", 1),
)
DELAYS_US = (0, 0, 0, 0, 1, 5, 40, 700)
AGES_US = (0, 0, 0, 1, 10, 100, 1000, 50_000)


def draw_cluster(random: Random, block_size: int, is_pressed: bool) -> dict[str, Any]:
    """A cluster's mapping without KV blocks, and `pace_us`, about the length of its steps."""
    kind = random.choice(("affine",) * 8 + ("roofline", "trained-physics"))
    cluster: dict[str, Any] = {"block_size_tokens": block_size}
    if kind != "affine":
        model, hardware, tensor_parallel = random.choice(SHAPES)
        cluster |= {"model": model, "hardware": hardware, "tensor_parallel": tensor_parallel}
    latency, pace_us = _latency(random, kind)
    n_pools = random.choice((1, 1, 1, 2) if is_pressed else (1, 1, 1, 2, 3))
    pools = []
    for _ in range(n_pools):
        pool = {"count": random.choice((1, 1, 2) if is_pressed else (1, 1, 2, 3)), **_limits(random, is_pressed)}
        if n_pools > 1 and random.random() < 0.5:
            pool["latency"] = _latency(random, kind)[0]
        pools.append(pool)
    for name in ("admission_latency_us", "routing_latency_us"):
        cluster[name] = random.choice(DELAYS_US)
    for name in ("snapshot_refresh_us", "cache_signal_delay_us"):
        cluster[name] = random.choice(AGES_US)
    if random.random() < 0.3:
        cluster["router_ties"] = random.choice(("random", "lowest-index"))
    if random.random() < 0.3:
        cluster["router_index_blocks"] = random.choice((1, 2, 7, 40))
    return {**cluster, "latency": latency, "instances": pools, "pace_us": pace_us}


def fit_blocks(random: Random, cluster: dict[str, Any], longest_tokens: int, is_pressed: bool) -> None:
    """Give every pool KV blocks: often just enough for the longest request, sometimes too few, or a single one."""
    largest = max(1, -(-longest_tokens // cluster["block_size_tokens"]))
    for pool in cluster["instances"]:
        few = random.choice((1, 2, max(1, largest - random.randint(0, 3)), random.randint(1, largest)))
        enough = random.choice((largest, largest + 1, largest + random.randint(0, 6), 2 * largest + 3))
        pool["kv_blocks"] = random.choice((enough,) * 9 + (few,) if is_pressed else (few, enough, enough, 5000))
        if random.random() < (0.02 if is_pressed else 0.1):
            pool["max_model_len_tokens"] = random.randint(1, longest_tokens + 2)


def draw_batch_rules(random: Random, cluster: dict[str, Any], may_be_ahead: bool) -> None:
    """Let every second pool say how its engine forms batches; two steps under way only where the semantics allow it."""
    for pool in cluster["instances"]:
        if random.random() < 0.5:
            continue
        pool["reserve_full_isl"] = random.choice((None, True, False))
        pool["prefix_caching"] = random.choice((None, True, True, False))
        pool["kv_watermark"] = random.choice((0.0, 0.0, 0.02, 0.1, 0.5, 1.0))
        pool["async_scheduling"] = random.choice((None, True, False)) if may_be_ahead else None


def draw_drafts(random: Random, cluster: dict[str, Any]) -> None:
    """Let every second pool of every third cluster draft, one step at a time."""
    if random.random() < 2 / 3:
        return
    for pool in cluster["instances"]:
        if random.random() < 0.5:
            continue
        width = random.choice((1, 2, 3, 4, 7, 40))
        mean = random.choice((0, width, width * random.random(), width * random.random()))
        pool["speculative"] = {"draft_tokens": width, "accepted_tokens": mean}
        if random.random() < 0.3:
            pool["speculative"]["draft_token_us"] = random.choice((0, 0.7, 12, 1000))
        pool["async_scheduling"] = random.choice((None, False))


def _limits(random: Random, is_pressed: bool) -> dict[str, int]:
    return {
        "max_running_requests": random.choice((3, 4, 5, 6, 8, 64) if is_pressed else (1, 1, 2, 3, 5, 8, 64)),
        "step_token_budget": random.choice((1, 1, 2, 3, 5, 8, 16, 32, 64, 256, 2048)),
        "long_prefill_threshold_tokens": random.choice((0, 0, 0, 1, 2, 3, 7, 16)),
    }


def _latency(random: Random, kind: str) -> tuple[dict[str, Any], int]:
    """Parameters, and about how long a step takes."""
    if kind == "affine":
        beta = random.choice(BETAS)
        pace_us = int(min(1e7, 1 + beta[0] + 3 * beta[1] + beta[2]))
        return {"kind": kind, "alpha_us": list(random.choice(ALPHAS)), "beta_us": list(beta)}, pace_us
    if kind == "roofline":
        shares = {} if random.random() < 0.5 else {"mfu_prefill": random.uniform(0.01, 1), "mfu_decode": 0.3}
        return {"kind": kind, **shares}, 5_000
    if random.random() < 0.5:
        return {"kind": kind}, 5_000
    beta_weights = [random.choice((0, 0.1, 1, 30.0)) for _ in range(random.randint(7, 11))]
    beta_weights[random.randrange(7)] = 1.0
    return {"kind": kind, "alpha_us": list(random.choice(ALPHAS[:8])), "beta": beta_weights}, 2_000
