"""What recording every decision costs: the headline run with `trace=decisions`, relative to the same run without.

Routing is least-loaded, which looks at the instances in both runs.
"""

from functools import partial

from blis.prepare import bind_run
from blis.simulate import Simulation
from experiments.bench import Measurement, llama_cluster, median_walls_s, peak_rss_mb, poisson_requests

POLICIES = {"routing": "least-loaded"}


def measure() -> Measurement:
    """Time with a trace over time without, both with the making of the simulation."""
    requests, cluster = poisson_requests(10_000, 40.0), llama_cluster(4)

    def run(trace: str) -> None:
        Simulation(requests, bind_run(cluster, POLICIES), trace=trace).run()

    plain_s, traced_s = median_walls_s([partial(run, "none"), partial(run, "decisions")], repeats=15)
    rate = len(requests) / traced_s
    return Measurement("tracing", traced_s, rate, peak_rss_mb(), "ratio < 1.5", traced_s / plain_s, "on / off")
