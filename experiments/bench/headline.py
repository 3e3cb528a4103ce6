"""10,000 requests of 512/512 tokens at 40 requests/s on four instances, with all prefix-cache bookkeeping."""

from experiments.bench import Measurement, llama_cluster, median_wall_s, peak_rss_mb, poisson_requests, simulate_once


def measure() -> Measurement:
    """Time of one evaluation."""
    requests, cluster = poisson_requests(10_000, 40.0), llama_cluster(4)
    wall_s = median_wall_s(lambda: simulate_once(requests, cluster), repeats=15)
    return Measurement("headline", wall_s, len(requests) / wall_s, peak_rss_mb(), "25 ms, 400 MB")
