"""How requests were divided between the instances that compute prompts and those that decode, and how KV moved."""

import numpy as np

from blis.cluster.instances import Cluster
from blis.engine.codes import COMPLETED
from blis.foundation.roles import BITS, DECODE, PREFILL
from blis.foundation.units import Int64Vector
from blis.metrics.percentiles import figures_ms
from blis.outcome import Outcome

#: Roles in the order of their figures.
_ROLES = ("prefill", "decode", "both")


def disaggregation_figures(cluster: Cluster, outcome: Outcome) -> dict[str, int | float | None]:
    """Figures of divided requests; nothing where they never are.

    The share is of requests whose KV was sent, over those that an instance has taken; imbalance is that of the rates at
    which instances that compute prompts, and instances that decode, finish their part: 1 if they are equal, None if one
    side has finished nothing.
    """
    moved = outcome.transfers
    if moved is None:
        return {}
    sent = moved.started_us >= 0
    taken, completed = outcome.requests.scheduling_delay_us >= 0, outcome.requests.status == COMPLETED
    waits_us = (moved.started_us - moved.prefilled_us)[sent]
    figures: dict[str, int | float | None] = {
        "divided_requests": int(sent.sum()),
        "divided_share": float(sent.sum() / taken.sum()) if taken.any() else None,
        "transfers": moved.n_transfers,
        "transfer_returned_requests": moved.n_returns,
        "transferred_blocks": int(moved.sent_blocks[sent].sum()),
        "transfer_depth_mean": moved.depth_sum / moved.n_transfers if moved.n_transfers else None,
        "transfer_depth_peak": moved.depth_peak,
        **figures_ms("transfer", (moved.arrives_us - moved.started_us)[sent]),
        **figures_ms("transfer_wait", waits_us),
        **figures_ms("divided_ttft", outcome.requests.ttft_us[sent & completed & (outcome.requests.ttft_us >= 0)]),
        **figures_ms("undivided_ttft", outcome.requests.ttft_us[~sent & completed & (outcome.requests.ttft_us >= 0)]),
        "pool_imbalance": _imbalance(cluster, outcome),
    }
    for role in _ROLES:
        members = np.array([place for place, one in enumerate(cluster.instances) if one.role == role], np.int64)
        if len(members):
            figures[f"{role}_utilization"] = _utilization(outcome, members)
    return figures


def _utilization(outcome: Outcome, members: Int64Vector) -> float | None:
    """Share of the time for which they could serve that they spent in steps."""
    serving_us = int(outcome.instances.serving_us[members].sum())
    return int(outcome.instances.busy_us[members].sum()) / serving_us if serving_us else None


def _imbalance(cluster: Cluster, outcome: Outcome) -> float | None:
    """The larger of prompts computed, and of requests decoded, per instance that can, over the smaller."""
    roles = np.array([BITS[one.role] for one in cluster.instances])
    instances = outcome.instances
    computes = roles & (PREFILL | DECODE) > 0
    prefilled = float(
        (instances.handed_over_requests + instances.completed_requests - instances.received_requests)[computes].sum()
    )
    decoded = float(instances.completed_requests.sum())
    rates = prefilled / max(1, int((roles & PREFILL > 0).sum())), decoded / max(1, int((roles & DECODE > 0).sum()))
    return max(rates) / min(rates) if min(rates) > 0 else None
