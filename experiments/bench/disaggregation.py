"""What it costs to divide every request: two instances that prefill and two that decode, by the headline's requests.

Half the rate of the headline run, because the prompts have half as many instances; the time is per request, relative to
a run of the same fleet that cannot divide them.
"""

from dataclasses import replace
from functools import partial

from blis.cluster.disaggregation import Disaggregation
from experiments.bench import (
    Measurement,
    llama_cluster,
    median_walls_s,
    peak_rss_mb,
    poisson_requests,
    simulate_once,
)

COUNT = 10_000
TOKEN_BYTES = 65_536.0  #: KV of a token of Llama-3.1-8B on each of two GPUs
DECIDERS = ("never", "always", "prefix-threshold", "conditional", "load-based", "drift-plus-penalty")


def measure() -> Measurement:
    """Time of the slowest decider over that of the fleet without one."""
    requests, shared = poisson_requests(COUNT, 20.0), llama_cluster(4)
    roles = ("prefill", "prefill", "decode", "decode")
    apart = replace(
        shared,
        instances=tuple(
            replace(one, role=role, kv_bytes_per_token=TOKEN_BYTES, kv_layers=32, pool=place // 2)
            for place, (one, role) in enumerate(zip(shared.instances, roles, strict=True))
        ),
    )
    divided = replace(apart, disaggregation=Disaggregation())
    runs = [partial(simulate_once, requests, divided, {"disaggregation": name}) for name in DECIDERS]
    plain_s, *walls_s = median_walls_s([partial(simulate_once, requests, apart), *runs], repeats=9)
    times_s = dict(zip(DECIDERS, walls_s, strict=True))
    worst = max(times_s, key=times_s.__getitem__)
    wall_s = times_s[worst]
    note = f"slowest of {', '.join(DECIDERS)}: {worst}"
    return Measurement(
        "disaggregation", wall_s, COUNT / wall_s, peak_rss_mb(), "ratio < 3", wall_s / plain_s, note, times_s
    )
