"""Shared prefixes in a small cache where a policy ranks what is evicted, relative to the order of freeing."""

from typing import Any

from experiments.bench import Measurement, llama_cluster, median_wall_s, peak_rss_mb, poisson_requests, simulate_once

RANKED = ("lfu", "arc", "tiny-lfu")


def measure() -> Measurement:
    """Ratio of the times per request, of the slowest of three."""
    requests = poisson_requests(10_000, 40.0, prefix_groups=40, prefix_share=0.8, prefix_tokens=1024)
    small = llama_cluster(4, kv_blocks=8_000)
    routing = {"policy": "weighted", "scorers": "precise-prefix-cache:3,queue-depth:2,kv-utilization:2"}

    def wall_s(eviction: str) -> float:
        policies: dict[str, Any] = {"routing": routing, "eviction": eviction}
        return median_wall_s(lambda: simulate_once(requests, small, policies))

    times_s = {name: wall_s(name) for name in ("lru", *RANKED)}
    slowest = max(RANKED, key=lambda name: times_s[name])
    wall = times_s[slowest]
    ratio = wall / times_s["lru"]
    return Measurement(
        "eviction", wall, len(requests) / wall, peak_rss_mb(), "no bound", ratio, f"slowest: {slowest}", times_s
    )
