"""The headline run with shared prefixes in a small cache and the llm-d scorers, relative to the headline run."""

from experiments.bench import Measurement, llama_cluster, median_wall_s, peak_rss_mb, poisson_requests, simulate_once


def measure() -> Measurement:
    """Ratio of the times per request."""
    plain = poisson_requests(10_000, 40.0)
    shared = poisson_requests(10_000, 40.0, prefix_groups=40, prefix_share=0.8, prefix_tokens=1024)
    policies = {"routing": {"policy": "weighted", "scorers": "precise-prefix-cache:3,queue-depth:2,kv-utilization:2"}}
    plain_s = median_wall_s(lambda: simulate_once(plain, llama_cluster(4)))
    small = llama_cluster(4, kv_blocks=8_000)
    shared_s = median_wall_s(lambda: simulate_once(shared, small, policies))
    run = simulate_once(shared, small, policies).state.instances
    hit_rate = run.cache_hits.sum() / (run.cache_hits.sum() + run.cache_misses.sum())
    note = f"cache hit rate {hit_rate:.2f}, {int(run.preemptions.sum())} preemptions"
    return Measurement("prefix", shared_s, len(shared) / shared_s, peak_rss_mb(), "no bound", shared_s / plain_s, note)
