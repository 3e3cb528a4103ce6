"""What KV tiers cost: shared prefixes in a small cache, by write rule and sharing, relative to no tiers at all.

Tiers change what is computed, and so how many steps there are. `never` loads nothing: what remains is what keeping the
tiers costs.
"""

from functools import partial
from typing import Any

from blis.cluster.kv_tiers import KvTiers, TierPlan
from experiments.bench import (
    BLOCK_SIZE_TOKENS,
    Measurement,
    llama_cluster,
    median_walls_s,
    peak_rss_mb,
    poisson_requests,
    simulate_once,
)

COUNT = 10_000
TOKEN_BYTES = 131_072.0
NEAR = {"device": "cpu-pcie5", "capacity_gb": 30}
FAR = {"device": "rdma", "capacity_gb": 100, "shared": True}
KINDS: dict[str, dict[str, Any]] = {
    "through": {"tiers": [NEAR]},
    "back": {"tiers": [NEAR], "write": "back"},
    "exclusive": {"tiers": [NEAR | {"eviction": "arc"}], "write": "back", "placement": "exclusive"},
    "shared": {"tiers": [NEAR, FAR], "write": "back"},
}


def measure() -> Measurement:
    """Time of the slowest kind over that without tiers, where nothing is loaded."""
    requests = poisson_requests(COUNT, 40.0, prefix_groups=40, prefix_share=0.8, prefix_tokens=1024)
    routing = {"policy": "weighted", "scorers": "precise-prefix-cache:3,queue-depth:2,kv-utilization:2"}

    def run(kind: dict[str, Any] | None, tiering: str) -> Any:
        tiers = None
        if kind is not None:
            plan = TierPlan.from_mapping("kv_tiers", kind)
            tiers = KvTiers(plan, (TOKEN_BYTES * BLOCK_SIZE_TOKENS,) * 4, (1,) * 4)
        small = llama_cluster(4, kv_blocks=8_000, kv_tiers=tiers)
        return partial(simulate_once, requests, small, {"routing": routing, "tiering": tiering})

    names = [f"{name}, {tiering}" for name in KINDS for tiering in ("never", "always")]
    runs = [run(KINDS[name], tiering) for name in KINDS for tiering in ("never", "always")]
    without_s, *walls_s = median_walls_s([run(None, "never"), *runs], repeats=5)
    times_s = {"without": without_s, **dict(zip(names, walls_s, strict=True))}
    slowest = max((name for name in names if name.endswith("never")), key=times_s.__getitem__)
    wall_s = times_s[slowest]
    return Measurement(
        "tiers", wall_s, COUNT / wall_s, peak_rss_mb(), "ratio < 3", wall_s / without_s, f"slowest: {slowest}", times_s
    )
