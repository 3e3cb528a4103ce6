"""One measured run of divided serving, simulated: every request's prompt in one pool, its answer in another.

Where attention is dealt out to ranks, each rank is an instance: engines give it a queue and a scheduler of its own, so
a lone prompt is computed by one of them, while the others wait.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from blis.cluster.disaggregation import Disaggregation
from blis.cluster.instances import Cluster
from blis.cluster.latency import LatencyModel
from blis.cluster.latency.silicon import RANKS
from experiments.fidelity.divided_points import DividedPoint
from experiments.fidelity.memory import kv_bytes_of
from experiments.fidelity.simulating import BLOCK_SIZE_TOKENS, instance_of, simulate_cluster

#: GB/s of one GPU's way out, nominal. DGX H100, H200 and B200: one 400 Gb/s ConnectX-7 a GPU; DGX B300: 800 Gb/s
#: ConnectX-8; GB200 and GB300 NVL72: NVLink 5 to all 72 GPUs, 1.8 TB/s both ways together (NVIDIA's data sheets).
_LINKS_GB_PER_S = {
    "h100_sxm": 50.0,
    "h200_sxm": 50.0,
    "b200_sxm": 50.0,
    "b300_sxm": 100.0,
    "gb200": 900.0,
    "gb300": 900.0,
}
#: What a request takes to get from one server to the other beside its KV: a second request, its answer, where the KV
#: lies. One number for all, the best of a grid of 10 ms for the median error of TTFT on the public half (0.56 without,
#: 0.35 with it; anything from 150 to 200 ms does as well).
HANDING_OVER_US = 180_000.0
#: What Dynamo's front end does where a recipe asks for nothing else.
_POLICIES = {"routing": "round-robin", "disaggregation": "always"}


def simulate_divided(
    point: DividedPoint, kind: str, latencies: Sequence[LatencyModel], kv_blocks: Sequence[int], tables: Path
) -> tuple[float, float]:
    """Mean TTFT and mean time per output token [ms] over all requests that count.

    Parameters
    ----------
    point : DividedPoint
    kind : str                            latency model
    latencies, kv_blocks : sequence       of an instance of each pool, as in `point.servers`
    tables : Path                         where configurations of models are kept
    """
    instances = []
    pools = zip(point.servers, ("prefill", "decode"), (point.n_prefill, point.n_decode), strict=True)
    for (server, role, count), latency, blocks in zip(pools, latencies, kv_blocks, strict=True):
        ranks = server.widths[2]
        one = instance_of(server, _of_rank(latency, kind), blocks // ranks, server.protocol.step_token_budget)
        instances += [replace(one, role=role, kv_bytes_per_token=kv_bytes_of(server, tables))] * (count * ranks)
    # Every GPU has a way of its own, so transfers do not share.
    moving = Disaggregation(
        bandwidth_gb_per_s=_LINKS_GB_PER_S[point.system], base_latency_us=HANDING_OVER_US, contention="none"
    )
    return simulate_cluster(point, Cluster(tuple(instances), kind, BLOCK_SIZE_TOKENS, disaggregation=moving), _POLICIES)


def _of_rank(latency: LatencyModel, kind: str) -> LatencyModel:
    """Prices of what one rank of attention serves, the others being as busy: all its batch, not a share of it."""
    if kind != "silicon":
        return latency
    coefficients = latency.coefficients.copy()
    coefficients[RANKS] = 1.0
    return replace(latency, coefficients=coefficients)
