"""All metrics of a run in one plain mapping: the cluster's figures, then a block of the same keys for each instance."""

from typing import Any

import numpy as np

from blis.cluster import Cluster
from blis.metrics.cache import cache_figures
from blis.metrics.conservation import check_conservation, request_counts
from blis.metrics.latency import interval_figures, latency_figures
from blis.metrics.load import load_figures
from blis.metrics.modalities import modality_figures
from blis.metrics.network import network_figures
from blis.metrics.throughput import throughput_figures
from blis.outcome import Outcome
from blis.workload.requests import Requests


def summarise(requests: Requests, cluster: Cluster, outcome: Outcome) -> dict[str, Any]:
    """The metrics, in one fixed order of keys, as plain numbers; a figure of an empty set is None.

    Raises
    ------
    LawBrokenError
        If requests were lost or made.
    """
    check_conservation(outcome, len(requests))
    everyone = np.ones(len(requests), np.bool_)
    figures = {
        "instance_id": "cluster",
        "n_instances": len(cluster.instances),
        **_block(requests, outcome, everyone, slice(None)),
    }
    figures |= interval_figures(outcome.interval_us, outcome.interval_tokens)
    figures |= network_figures(requests, outcome.requests)
    figures |= modality_figures(requests)
    places = range(len(cluster.instances))
    figures["instances"] = [_instance_block(requests, cluster, outcome, place) for place in places]
    figures["notes"] = list(requests.notes)
    return figures


def _instance_block(requests: Requests, cluster: Cluster, outcome: Outcome, place: int) -> dict[str, Any]:
    one = cluster.instances[place]
    return {
        "instance_id": f"instance_{place}",
        "model": one.model,
        "hardware": one.hardware,
        "tensor_parallel": one.tensor_parallel,
        **_block(requests, outcome, outcome.requests.instance == place, slice(place, place + 1)),
    }


def _block(requests: Requests, outcome: Outcome, of: Any, places: slice) -> dict[str, Any]:
    """The figures of the requests `of` and of the instances in `places`."""
    end_us = outcome.end_us
    counts = request_counts(outcome, of)
    input_tokens = int(outcome.instances.input_tokens[places].sum())
    return {
        **counts,
        **throughput_figures(outcome.requests, requests.output_tokens, input_tokens, of, end_us),
        **latency_figures(outcome.requests, of),
        **load_figures(outcome.instances, places, counts["injected_requests"], end_us),
        **cache_figures(outcome.instances, places, end_us),
    }
