"""The headline under prices of measured kernels; the ratio is to the same requests under three coefficients."""

from functools import partial

import numpy as np

from blis.cluster.catalog import read_device, read_model
from blis.cluster.instances import Cluster, Instance
from blis.cluster.latency import silicon
from experiments.bench import (
    BLOCK_SIZE_TOKENS,
    KV_BLOCKS,
    Measurement,
    llama_cluster,
    median_walls_s,
    peak_rss_mb,
    poisson_requests,
    simulate_once,
)


def measure() -> Measurement:
    """Time of one evaluation."""
    requests, affine, measured = poisson_requests(10_000, 40.0), llama_cluster(4), measured_cluster(4)
    affine_s, wall_s = median_walls_s(
        [partial(simulate_once, requests, cluster) for cluster in (affine, measured)], repeats=15
    )
    steps = [
        int(np.sum(simulate_once(requests, cluster).state.instances.step_number)) for cluster in (affine, measured)
    ]
    note = f"{steps[1] / steps[0]:.2f} times as many steps; {wall_s / steps[1] * 1e9:.0f} ns each"
    return Measurement(
        "silicon", wall_s, len(requests) / wall_s, peak_rss_mb(), "ratio <= 1.3", wall_s / affine_s, note
    )


def measured_cluster(n_instances: int) -> Cluster:
    """The headline's cluster, Llama-3.1-8B on H100 at TP 2, with measured prices."""
    model, device = read_model("meta-llama/llama-3.1-8b-instruct"), read_device("H100")
    instance = Instance(
        kv_blocks=KV_BLOCKS,
        max_running_requests=256,
        step_token_budget=2048,
        latency=silicon.prepare(silicon.Params(), model, device, 2),
    )
    return Cluster((instance,) * n_instances, "silicon", BLOCK_SIZE_TOKENS)
