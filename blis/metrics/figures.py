"""The cluster's figures as one flat mapping: what a search reads of each run, so it is kept fast."""

import numpy as np

from blis.cluster.instances import Cluster
from blis.engine.tallies import counts_by_label
from blis.foundation.slo import UNNAMED
from blis.foundation.slo_targets import SloTargets
from blis.foundation.units import US_PER_S, BoolVector
from blis.metrics.adapters import adapter_figures
from blis.metrics.balance import balance_figures
from blis.metrics.cache import cache_figures
from blis.metrics.cost import cost_figures
from blis.metrics.disaggregation import disaggregation_figures
from blis.metrics.drafts import draft_figures
from blis.metrics.encoding import encoding_figures
from blis.metrics.fairness import fairness_figures
from blis.metrics.fleet import fleet_figures
from blis.metrics.gateway import gateway_figures
from blis.metrics.latency import interval_figures
from blis.metrics.load import load_figures
from blis.metrics.served import Served, served_requests
from blis.metrics.service import service_figures, share
from blis.metrics.states import absent_keys
from blis.metrics.swapping import swap_figures
from blis.metrics.tiers import tier_figures
from blis.outcome import Outcome
from blis.workload.requests import Requests

#: What the unnamed class is called in the name of a figure.
UNNAMED_LABEL = "unnamed"


def cluster_figures(
    requests: Requests, cluster: Cluster, outcome: Outcome, targets: SloTargets
) -> dict[str, float | None]:
    """All figures of the cluster, and the SLO attainment of each class; docs/metrics.md defines them.

    Parameters
    ----------
    requests : Requests
    cluster : Cluster
    outcome : Outcome
        Of a run of these requests on this cluster.
    targets : SloTargets

    Returns
    -------
    dict of str to float or None
        A figure of an empty set is None. Keys depend on the requests' classes alone: `class/<name>/slo_attainment`.
    """
    served = served_requests(requests, outcome, targets)
    return {**cluster_block(requests, cluster, outcome, served), **_class_figures(requests, served)}


def cluster_block(
    requests: Requests, cluster: Cluster, outcome: Outcome, served: Served
) -> dict[str, int | float | None]:
    """The figures of all requests and instances, as `blis.metrics.summary` begins with."""
    end_us, instances, everywhere = outcome.end_us, outcome.instances, slice(None)
    return {
        **service_figures(served, end_us, absent_keys(cluster)),
        **interval_figures(outcome.interval_us, outcome.interval_tokens),
        **fairness_figures(served, requests.tenant, len(requests.tenants)),
        "total_input_tokens": int(instances.input_tokens.sum()),
        "vllm_estimated_duration_s": end_us / US_PER_S,
        "replica_seconds": sum(instances.present_us.tolist()) / US_PER_S,
        **cost_figures(
            cluster.instances,
            instances.present_us,
            int(instances.completed_requests.sum()),
            int(served.meets_slo.sum()),
        ),
        **load_figures(instances, everywhere, len(requests)),
        **balance_figures(instances, _computing(cluster)),
        **cache_figures(instances, everywhere),
        **draft_figures(cluster, instances, everywhere),
        **adapter_figures(outcome.adapters, everywhere),
        **fleet_figures(cluster, outcome),
        **gateway_figures(outcome),
        **tier_figures(cluster, outcome, everywhere),
        **swap_figures(cluster, outcome, everywhere),
        **disaggregation_figures(cluster, outcome),
        **encoding_figures(cluster, requests, outcome),
    }


def _computing(cluster: Cluster) -> BoolVector | None:
    """Which instances are routed requests; None: all are."""
    if not cluster.encodes_apart:
        return None
    return np.array([one.role != "encode" for one in cluster.instances])


def _class_figures(requests: Requests, served: Served) -> dict[str, float | None]:
    # Two classes may share a label, so their numbers are added.
    sums: dict[str, tuple[int, int]] = {}
    counts = counts_by_label(requests.slo_class, served.arrived, served.meets_slo, len(requests.slo_classes))
    for name, n_arrived, n_good in zip(requests.slo_classes, *counts, strict=True):
        label = UNNAMED_LABEL if name == UNNAMED else name
        before = sums.get(label, (0, 0))
        sums[label] = before[0] + n_arrived, before[1] + n_good
    return {f"class/{label}/slo_attainment": share(good, arrived) for label, (arrived, good) in sums.items()}
