"""Recorded conversations whose prompts are thousands of tokens long, in small KV blocks and in large ones.

What a run pays for its KV blocks should not depend on their size: the ratio is 16-token blocks over 512-token blocks.
"""

from dataclasses import replace

from blis.cluster.instances import Cluster
from blis.workload.kinds import mooncake
from blis.workload.requests import Requests
from experiments.bench import Measurement, llama_cluster, median_walls_s, peak_rss_mb, simulate_once

BLOCK_SIZES_TOKENS = (16, 64, 512)
STORED_TOKENS = 1_000_000  #: of each of the four instances: about a third of what the excerpt's prompts need
POLICIES = {"routing": {"policy": "weighted", "scorers": "precise-prefix-cache:3,queue-depth:2,kv-utilization:2"}}


def measure() -> Measurement:
    """Ratio of the times of the shipped excerpt of Mooncake's conversations, routed by what is cached."""
    runs = [(requests_of(size), cluster_of(size)) for size in BLOCK_SIZES_TOKENS]
    times_s = median_walls_s([lambda run=run: simulate_once(*run, POLICIES) for run in runs])  # type: ignore[misc]
    instances = simulate_once(*runs[0], POLICIES).state.instances
    hits, misses = int(instances.cache_hits.sum()), int(instances.cache_misses.sum())
    times = {f"{size}_token_blocks": time_s for size, time_s in zip(BLOCK_SIZES_TOKENS, times_s, strict=True)}
    note = f"{hits + misses:,} blocks of 16 tokens, {hits / (hits + misses):.0%} of them found; 64 over 512: "
    note += f"{times_s[1] / times_s[2]:.2f}"
    ratio, per_s = times_s[0] / times_s[2], len(runs[0][0]) / times_s[0]
    return Measurement("blocks", times_s[0], per_s, peak_rss_mb(), "ratio ≤ 2.5", ratio, note, times)


def requests_of(block_size_tokens: int) -> Requests:
    """The shipped excerpt, its prompts in blocks of this size."""
    return mooncake.generate(mooncake.Params.from_mapping("workload", {}), 42, block_size_tokens)


def cluster_of(block_size_tokens: int) -> Cluster:
    """Four instances with the same memory whatever the size of its blocks."""
    cluster = llama_cluster(4, kv_blocks=STORED_TOKENS // block_size_tokens)
    return replace(cluster, block_size_tokens=block_size_tokens)
