"""All metrics of a run in one plain mapping: the cluster's figures, then blocks by instance, class, tenant, model."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from blis.cluster.instances import Cluster
from blis.foundation.slo_targets import SloTargets
from blis.foundation.units import US_PER_S, Int32Vector, Int64Vector
from blis.metrics.cache import cache_figures
from blis.metrics.drafts import draft_figures
from blis.metrics.figures import cluster_block
from blis.metrics.load import load_figures
from blis.metrics.modalities import modality_figures
from blis.metrics.network import network_figures
from blis.metrics.reach import reach_notes
from blis.metrics.served import Served, served_requests, split
from blis.metrics.service import service_figures
from blis.outcome import Outcome
from blis.workload.labels import number_names
from blis.workload.requests import Requests


def summarise(requests: Requests, cluster: Cluster, outcome: Outcome, targets: SloTargets) -> dict[str, Any]:
    """The metrics, in one fixed order of keys, as plain numbers; a figure of an empty set is None."""
    served = served_requests(requests, outcome, targets)
    end_us, has_gateway = outcome.end_us, cluster.gateway is not None
    models = number_names(one.model for one in cluster.instances)
    instance = outcome.requests.instance
    model = np.where(instance >= 0, models.indices[np.maximum(instance, 0)], -1)
    return {
        "instance_id": "cluster",
        "n_instances": len(cluster.instances),
        **cluster_block(requests, cluster, outcome, served),
        **network_figures(requests, outcome.requests),
        **modality_figures(requests),
        "instances": _instance_blocks(served, cluster, outcome),
        "classes": [
            block | {"slo_targets": targets.of(block["slo_class"])._asdict()}
            for block in _groups("slo_class", served, requests.slo_class, requests.slo_classes, end_us, has_gateway)
        ],
        "tenants": _groups("tenant", served, requests.tenant, requests.tenants, end_us, has_gateway),
        "models": _groups("model", served, model, models.names, end_us),
        "notes": [*requests.notes, *reach_notes(requests, cluster, outcome)],
    }


def _groups(
    key: str,
    served: Served,
    labels: Int64Vector | Int32Vector,
    names: Sequence[str],
    end_us: int,
    has_gateway: bool = False,
) -> list[dict[str, Any]]:
    """One block per name, in the order of the table of names."""
    groups = zip(names, split(served, labels, len(names)), strict=True)
    return [{key: name, **service_figures(group, end_us, has_gateway)} for name, group in groups]


def _instance_blocks(served: Served, cluster: Cluster, outcome: Outcome) -> list[dict[str, Any]]:
    """One block per instance, of the requests that were routed to it."""
    instances, end_us = outcome.instances, outcome.end_us
    blocks = []
    for place, group in enumerate(split(served, outcome.requests.instance, len(cluster.instances))):
        one, itself = cluster.instances[place], slice(place, place + 1)
        blocks.append(
            {
                "instance_id": f"instance_{place}",
                "model": one.model,
                "hardware": one.hardware,
                "tensor_parallel": one.tensor_parallel,
                **service_figures(group, end_us),
                "total_input_tokens": int(instances.input_tokens[place]),
                "vllm_estimated_duration_s": end_us / US_PER_S,
                **load_figures(instances, itself, len(group.status), end_us),
                **cache_figures(instances, itself, end_us),
                **draft_figures(cluster, instances, itself),
            }
        )
    return blocks
