"""Simulate four routing policies on the same requests and draw their time to first token into routing.png."""

import time
from pathlib import Path

import numpy as np

from blis.cluster.deployment import build_cluster
from blis.cluster.plan import cluster_plan
from blis.outcome import outcome
from blis.prepare import bind_run
from blis.simulate import Simulation
from experiments.bench import poisson_requests

CLUSTER = {
    "instances": 4,
    "model": "meta-llama/llama-3.1-8b-instruct",
    "hardware": "H100",
    "tensor_parallel": 1,
    "latency": {"kind": "silicon"},
    "step_token_budget": 8192,
}

RATE = 24.0  #: requests/s
POLICIES = {
    "round-robin": "round-robin",
    "least-loaded": "least-loaded",
    "llm-d (prefix 3, queue 2, KV 2)": {
        "policy": "weighted", "scorers": "prefix-affinity:3,queue-depth:2,kv-utilization:2"
    },
    "precise prefix 2, queue 1, KV 1": {
        "policy": "weighted", "scorers": "precise-prefix-cache:2,queue-depth:1,kv-utilization:1"
    },
}  # fmt: skip


def main() -> None:
    """Run, print a table, draw."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    requests = poisson_requests(10_000, RATE, prefix_groups=200, prefix_share=0.9, prefix_tokens=4096)
    cluster = build_cluster(cluster_plan(CLUSTER))
    print(f"{cluster.instances[0].kv_blocks} KV blocks of {cluster.block_size_tokens} tokens an instance")
    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    print("policy                              hit rate  TTFT p50  p99 [ms]  simulated in [ms]")
    for name, policy in POLICIES.items():
        Simulation(requests, bind_run(cluster, {"routing": policy})).run()
        start = time.perf_counter()
        result = outcome(Simulation(requests, bind_run(cluster, {"routing": policy})).run())
        wall_ms = (time.perf_counter() - start) * 1e3
        ttft_ms = np.sort(result.requests.ttft_us) / 1e3
        hits, misses = result.instances.cache_hits.sum(), result.instances.cache_misses.sum()
        p50, p99 = np.percentile(ttft_ms, [50, 99])
        print(f"{name:36}{hits / (hits + misses):8.2f}{p50:10.0f}{p99:10.0f}{wall_ms:19.0f}")
        style = "--" if name.startswith("precise") else "-"
        axes.plot(ttft_ms, np.linspace(0, 1, len(ttft_ms)), style, label=name)
    axes.set(xscale="log", xlabel="TTFT [ms]", ylabel="share of requests", ylim=(0, 1))
    axes.set_title(
        f"Four Llama-3.1-8B instances, {RATE:.0f} requests/s, 200 shared prefixes of 4096 tokens", fontsize=10
    )
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(Path(__file__).parent / "routing.png", dpi=130)


if __name__ == "__main__":
    main()
