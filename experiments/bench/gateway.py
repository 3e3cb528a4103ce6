"""What a gateway costs: thousands of requests held in front of the router, by detector, relative to the headline run.

Every detector holds at about the same load; `never` tells what the queue itself costs, as nobody waits in it.
"""

from functools import partial
from typing import Any

from blis.cluster.gateway import Gateway
from blis.engine.codes import GATE_PEAK
from blis.workload.kinds import distribution
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
DETECTORS: dict[str, dict[str, Any]] = {
    "never": {"policy": "never"},
    "concurrency": {"policy": "concurrency", "max_concurrency": 256},
    "utilization": {"policy": "utilization", "queue_depth_threshold": 2},
    "queue-and-kv": {"policy": "queue-and-kv", "queue_depth_threshold": 2},
    "token-headroom": {"policy": "token-headroom", "headroom": 0.9},
}


def measure() -> Measurement:
    """Time of the slowest detector over that of the headline run, of as many requests."""
    headline = partial(simulate_once, poisson_requests(COUNT, 40.0), llama_cluster(4))
    tenants = dict.fromkeys(("critical", "standard", "batch"), 1)
    workload = {"rate": 200.0, "num_requests": COUNT, "slo_classes": tenants}
    arriving = distribution.generate(distribution.Params.from_mapping("workload", workload), 42, BLOCK_SIZE_TOKENS)
    held = llama_cluster(4, gateway=Gateway(request_timeout_us=None))
    runs = [
        partial(
            simulate_once, arriving, held,
            {"saturation": detector, "fairness": "virtual-token-counter", "routing": "least-loaded"},
        )
        for detector in DETECTORS.values()
    ]  # fmt: skip
    headline_s, *walls_s = median_walls_s([headline, *runs], repeats=9)
    times_s = dict(zip(DETECTORS, walls_s, strict=True))
    worst = max(times_s, key=times_s.__getitem__)
    deepest = int(runs[1]().state.gateway.places[GATE_PEAK])
    note = f"slowest of {', '.join(DETECTORS)}: {worst}; up to {deepest} waited"
    wall_s = times_s[worst]
    return Measurement(
        "gateway", wall_s, COUNT / wall_s, peak_rss_mb(), "ratio < 3", wall_s / headline_s, note, times_s
    )
