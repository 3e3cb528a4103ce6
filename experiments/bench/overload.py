"""Time per request in deep overload, with queues of thousands, relative to the headline run."""

from experiments.bench import Measurement, llama_cluster, median_wall_s, peak_rss_mb, poisson_requests, simulate_once

SCHEDULERS = ("fcfs", "sjf", "priority-fcfs")


def measure() -> Measurement:
    """Ratio of the times per request at ten times the headline's rate."""
    cluster = llama_cluster(4)
    normal, overload = poisson_requests(10_000, 40.0), poisson_requests(10_000, 1_000.0)
    normal_s = median_wall_s(lambda: simulate_once(normal, cluster))
    times = {}
    for name in SCHEDULERS:
        policies = {"scheduling": name, "priority": "slo-class"}
        times[name] = median_wall_s(lambda policies=policies: simulate_once(overload, cluster, policies))
    worst = max(times, key=times.__getitem__)
    peak = int(simulate_once(overload, cluster).state.instances.peak_queue.max())
    note = f"slowest of {', '.join(SCHEDULERS)}: {worst}; longest queue of an instance {peak}"
    ratio = times[worst] / normal_s
    return Measurement("overload", times[worst], len(overload) / times[worst], peak_rss_mb(), "ratio < 5", ratio, note)
