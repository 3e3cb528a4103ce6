"""1,000,000 requests on 64 instances, least-loaded."""

from experiments.bench import Measurement, llama_cluster, median_wall_s, peak_rss_mb, poisson_requests, simulate_once


def measure() -> Measurement:
    """Time of one evaluation."""
    requests, cluster = poisson_requests(1_000_000, 640.0), llama_cluster(64)
    wall_s = median_wall_s(lambda: simulate_once(requests, cluster, {"routing": "least-loaded"}), repeats=3)
    return Measurement("fleet", wall_s, len(requests) / wall_s, peak_rss_mb(), "20 s, 4 GB")
