"""Small simulations of all kinds of trouble, for comparing what policies do.

Ties between instances go to the lowest index: a policy and a formula that stands for it do the same where ties are
decided alike.
"""

from functools import cache

import numpy as np

from blis.cluster.instances import Cluster, Instance
from blis.cluster.latency import affine
from blis.foundation.slo_targets import SloTargets
from blis.outcome import Outcome, outcome
from blis.prepare import bind_run
from blis.simulate import Simulation
from blis.workload.labels import Labels
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import Requests
from blis.workload.table import requests_of
from evolve.records import Phenotype

CLASSES = ("", "critical", "standard", "batch", "sheddable", "background")
BLOCK = 4
#: So little that some requests are late.
PROMISED = SloTargets.from_mapping(
    "slo", {"default": {"ttft_ms": 2}, "critical": {"ttft_ms": 0.5}, "batch": {"e2e_ms": 5}}
)


@cache
def scenarios() -> tuple[tuple[Requests, Cluster], ...]:
    """Ample memory, tight memory with preemptions, stale signals, and unlike instances with a slow router."""
    tight = {"kv_blocks": 24, "max_running_requests": 6, "step_token_budget": 32, "long_prefill_threshold_tokens": 16}
    ample = {"kv_blocks": 400, "max_running_requests": 16, "step_token_budget": 64}
    return (
        (_requests(1, 150, 9_000), _cluster([ample] * 4)),
        (_requests(2, 90, 6_000), _cluster([tight] * 3)),
        (_requests(3, 150, 9_000), _cluster([ample] * 5, snapshot_refresh_us=900, cache_signal_delay_us=700)),
        (_requests(4, 120, 9_000), _cluster([ample, tight, tight], routing_latency_us=40, admission_latency_us=15)),
    )


def outcomes(phenotype: Phenotype) -> list[Outcome]:
    """What happens in each scenario."""
    return [
        outcome(Simulation(requests, bind_run(cluster, phenotype.policies, slo=PROMISED)).run())
        for requests, cluster in scenarios()
    ]


def bytes_of(results: list[Outcome]) -> list[bytes]:
    """Everything that requests and instances went through, to the last bit."""
    return [
        b"".join(
            np.ascontiguousarray(getattr(part, name)).tobytes()
            for part in (result.requests, result.instances)
            for name in part.__dataclass_fields__
            if name not in ("routing_score", "routing_regret")
        )
        for result in results
    ]


def simulated(phenotype: Phenotype) -> list[bytes]:
    """What happens in each scenario, as bytes."""
    return bytes_of(outcomes(phenotype))


def _cluster(instances: list[dict[str, int]], **changes: int) -> Cluster:
    latency = affine.prepare(affine.Params(alpha_us=(50.0, 1.5, 7.0), beta_us=(100.0, 10.0, 5.0)), None, None, 1)
    return Cluster(
        tuple(Instance(latency=latency, **one) for one in instances),
        "affine",
        BLOCK,
        router_ties="lowest-index",
        **changes,
    )


def _requests(seed: int, count: int, span_us: int) -> Requests:
    """Bursts of small requests of all classes, most of them with one of five shared prefixes."""
    draw = np.random.default_rng(seed)
    group = draw.integers(-2, 5, count)
    prefix = np.where(group >= 0, draw.integers(4, 40, count), 0)
    prompt = prefix + draw.integers(1, 25, count)
    output = draw.integers(0, 20, count)
    return requests_of(
        arrival_us=np.sort(draw.integers(0, span_us, count)),
        input_tokens=prompt,
        output_tokens=output,
        keys=keys_of_groups(prompt, output, group, prefix, BLOCK),
        block_size_tokens=BLOCK,
        slo_class=Labels(draw.integers(0, len(CLASSES), count).astype(np.int32), CLASSES),
        turn=draw.integers(0, 4, count).astype(np.int32),
        tenant=Labels(draw.integers(0, 3, count).astype(np.int32), ("large", "north", "south")),
    )
