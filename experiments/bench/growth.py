"""Time per request at 100,000 requests, relative to 10,000."""

from experiments.bench import Measurement, llama_cluster, median_wall_s, peak_rss_mb, poisson_requests, simulate_once


def measure() -> Measurement:
    """Ratio of the times per request."""
    cluster = llama_cluster(4)
    few, many = poisson_requests(10_000, 40.0), poisson_requests(100_000, 40.0)
    few_s = median_wall_s(lambda: simulate_once(few, cluster))
    many_s = median_wall_s(lambda: simulate_once(many, cluster))
    ratio = (many_s / len(many)) / (few_s / len(few))
    return Measurement("growth", many_s, len(many) / many_s, peak_rss_mb(), "ratio < 1.3", ratio)
