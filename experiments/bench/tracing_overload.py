"""What recording costs in deep overload, with queues of 2,000: each order of the queue, with blocks and without."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from blis.prepare import bind_run
from blis.simulate import Simulation
from experiments.bench import Measurement, llama_cluster, median_walls_s, peak_rss_mb, poisson_requests

#: Queues in arrival order, in a fixed order, and in one that is upside down, so that every step passes somebody over.
ORDERS = {
    "fcfs": {"scheduling": "fcfs"},
    "sjf": {"scheduling": "sjf"},
    "by class": {"scheduling": "priority-fcfs", "priority": "slo-class"},
    "upside down": {"scheduling": "reverse-priority", "priority": "slo-based"},
}
SCARCE_BLOCKS = 4_000


def measure() -> Measurement:
    """The largest ratio of a run with `trace=decisions` to the same without."""
    requests = poisson_requests(10_000, 1_000.0)
    ratios, times_s = {}, {}
    for name, run in _runs(requests):
        plain_s, traced_s = median_walls_s([partial(run, "none"), partial(run, "decisions")], repeats=9)
        ratios[name], times_s[name] = traced_s / plain_s, traced_s
    worst = max(ratios, key=ratios.__getitem__)
    note = f"largest of {len(ratios)}, on / off: {worst}; smallest {min(ratios.values()):.2f}"
    rate = len(requests) / times_s[worst]
    return Measurement(
        "tracing_overload", times_s[worst], rate, peak_rss_mb(), "ratio < 2", ratios[worst], note, times_s
    )


def _runs(requests: Any) -> Iterator[tuple[str, Callable[[str], None]]]:
    for blocks in (None, SCARCE_BLOCKS):
        cluster = llama_cluster(4) if blocks is None else llama_cluster(4, kv_blocks=blocks)
        for order, policies in ORDERS.items():
            chosen = {"routing": "least-loaded", **policies}

            def run(trace: str, cluster: Any = cluster, chosen: dict[str, str] = chosen) -> None:
                Simulation(requests, bind_run(cluster, chosen), trace=trace).run()

            yield order if blocks is None else f"{order}, blocks scarce", run
