"""All metrics of a run in one mapping: the cluster's figures, then blocks by instance, class, tenant, model, pool."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from blis.cluster.instances import Cluster
from blis.foundation.slo_targets import SloTargets
from blis.foundation.units import US_PER_S, Int32Vector, Int64Vector
from blis.metrics.adapters import adapter_figures
from blis.metrics.cache import cache_figures
from blis.metrics.cost import cost_figures
from blis.metrics.drafts import draft_figures
from blis.metrics.encoding import encoding_notes
from blis.metrics.figures import cluster_block
from blis.metrics.load import load_figures
from blis.metrics.modalities import modality_figures
from blis.metrics.model_notes import model_notes
from blis.metrics.network import network_figures
from blis.metrics.reach import reach_notes
from blis.metrics.served import Served, served_requests, split
from blis.metrics.service import service_figures
from blis.metrics.states import GATEWAY_KEYS, absent_keys
from blis.metrics.swapping import swap_figures
from blis.metrics.tiers import tier_figures
from blis.outcome import Outcome
from blis.workload.labels import number_names
from blis.workload.requests import Requests


def summarise(requests: Requests, cluster: Cluster, outcome: Outcome, targets: SloTargets) -> dict[str, Any]:
    """The metrics, in one fixed order of keys, as plain numbers; a figure of an empty set is None."""
    served = served_requests(requests, outcome, targets)
    end_us, absent = outcome.end_us, absent_keys(cluster)
    absent_there = (*GATEWAY_KEYS, *absent)  # of those that have been routed
    models, model = _models(requests, cluster, outcome.requests.instance)
    return {
        "instance_id": "cluster",
        "n_instances": len(cluster.instances),
        **cluster_block(requests, cluster, outcome, served),
        **network_figures(requests, outcome.requests),
        **modality_figures(requests),
        "instances": _instance_blocks(served, cluster, outcome, absent_there),
        "classes": [
            block | {"slo_targets": targets.of(block["slo_class"])._asdict()}
            for block in _groups("slo_class", served, requests.slo_class, requests.slo_classes, end_us, absent)
        ],
        "tenants": _groups("tenant", served, requests.tenant, requests.tenants, end_us, absent),
        "models": _groups("model", served, model, models, end_us, absent_there),
        "pools": _pool_blocks(served, cluster, outcome, absent_there),
        "notes": [
            *requests.notes,
            *model_notes(requests, cluster),
            *reach_notes(requests, cluster, outcome),
            *encoding_notes(cluster, requests, outcome),
        ],
    }


def _groups(
    key: str,
    served: Served,
    labels: Int64Vector | Int32Vector,
    names: Sequence[str],
    end_us: int,
    absent: Sequence[str],
) -> list[dict[str, Any]]:
    """One block per name, in the order of the table of names."""
    groups = zip(names, split(served, labels, len(names)), strict=True)
    return [{key: name, **service_figures(group, end_us, absent)} for name, group in groups]


def _models(requests: Requests, cluster: Cluster, instance: Int64Vector) -> tuple[tuple[str, ...], Int64Vector]:
    """Names of models, and the place among them of each request's.

    That is what the request asks for, whatever became of it; where it asks for none, what it was sent to, or -1.
    """
    served = number_names(one.model for one in cluster.instances)
    names = number_names([*served.names, *requests.models])
    sent_to = np.where(instance >= 0, served.indices[np.maximum(instance, 0)], -1)
    asked = np.append(names.indices[len(served.names) :], -1)[requests.model]
    return names.names, np.where(asked >= 0, asked, sent_to)


def _pool_blocks(served: Served, cluster: Cluster, outcome: Outcome, absent: Sequence[str]) -> list[dict[str, Any]]:
    """One block per pool of instances that are alike, of the requests that were routed to it."""
    pool_of = np.array([one.pool for one in cluster.instances])
    pool = np.append(pool_of, -1)[outcome.requests.instance]
    present_us = outcome.instances.present_us
    blocks = []
    for place, group in enumerate(split(served, pool, int(pool_of.max()) + 1)):
        members = np.flatnonzero(pool_of == place)
        if not len(members):
            continue
        instances = [cluster.instances[member] for member in members.tolist()]
        n_completed = int(outcome.instances.completed_requests[members].sum())
        blocks.append(
            {
                "pool": place,
                "model": instances[0].model,
                "hardware": instances[0].hardware,
                "tensor_parallel": instances[0].tensor_parallel,
                "n_instances": len(instances),
                **cost_figures(instances, present_us[members], n_completed, int(group.meets_slo.sum())),
                **service_figures(group, outcome.end_us, absent),
                **load_figures(outcome.instances, members, len(group.status)),
            }
        )
    return blocks


def _instance_blocks(served: Served, cluster: Cluster, outcome: Outcome, absent: Sequence[str]) -> list[dict[str, Any]]:
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
                **service_figures(group, end_us, absent),
                "total_input_tokens": int(instances.input_tokens[place]),
                "vllm_estimated_duration_s": end_us / US_PER_S,
                **load_figures(instances, itself, len(group.status)),
                **cache_figures(instances, itself),
                **draft_figures(cluster, instances, itself),
                **adapter_figures(outcome.adapters, itself, outcome.requests.instance == place),
                **tier_figures(cluster, outcome, itself),
                **swap_figures(cluster, outcome, itself),
            }
        )
    return blocks
