"""Make a failing case smaller as long as it fails in the same check: fewer requests, then a plainer scenario."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from experiments.fuzz.case import ROW_DEFAULTS, Case
from experiments.fuzz.draw_policies import PLAINEST

Rows = tuple[dict[str, Any], ...]

#: What may be left out of a cluster or a pool, and what then holds.
PLAIN_CLUSTER = {
    "admission_latency_us": 0, "routing_latency_us": 0, "snapshot_refresh_us": 0, "cache_signal_delay_us": 0,
    "latency": {"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": [100, 10, 5]},
}  # fmt: skip
#: What else of a cluster may be left out, and together with what.
LEAVABLE = (
    ("gateway",), ("autoscaling",), ("failures",), ("kv_tiers",), ("swap",), ("disaggregation",),
    ("request_timeout_s",), ("router_ties",), ("router_index_blocks",),
)  # fmt: skip
#: Keys of a pool that say how its engine forms batches; without them it is as the semantics have it.
BATCH_RULES = ("async_scheduling", "reserve_full_isl", "kv_watermark", "prefix_caching", "speculative")
PLAIN_POOL = {"long_prefill_threshold_tokens": 0, "max_running_requests": 256, "step_token_budget": 2048}
PLAIN_ROW = {
    "output_tokens": 0, "round": 0, "session": -1, "slo_class": "", "tenant": "", "think_us": 0, "after": -1,
    "arrival_us": 0, "image_tokens": 0,
}  # fmt: skip


def shrink(case: Case, fails: Callable[[Case], bool], rows: Rows | None, seconds: float) -> Case:
    """The smallest case found in the time.

    Parameters
    ----------
    case : Case
        One that fails.
    fails : callable
        Whether a case fails in the same way.
    rows : rows or None
        The case's requests one by one, if its workload draws them.
    seconds : float
        Time to spend.
    """
    end_s = time.monotonic() + seconds
    if case.rows is None and rows is not None:
        scenario = {key: value for key, value in case.scenario.items() if key != "workload"}
        written = replace(case, rows=rows, scenario=scenario)
        case = written if fails(written) else case
    shrunk = True
    while shrunk and time.monotonic() < end_s:
        shrunk = False
        for smaller in _smaller(case):
            if time.monotonic() > end_s:
                break
            if fails(smaller):
                case, shrunk = smaller, True
                break
    return case


def _smaller(case: Case) -> Iterator[Case]:
    """Cases that are a little smaller, the boldest first."""
    if case.rows is not None:
        size = len(case.rows) // 2
        while size:
            for first in range(0, len(case.rows), size):
                rows = without(case.rows, first, first + size)
                if rows:
                    yield replace(case, rows=rows)
            size //= 2
    yield from _plainer_scenarios(case)
    for trace in ("none", "summary"):
        if case.trace == "decisions" or (case.trace, trace) == ("summary", "none"):
            yield replace(case, trace=trace)
    if case.rows is not None:
        for place, row in enumerate(case.rows):
            for name, value in PLAIN_ROW.items():
                if row[name] != value and (name != "arrival_us" or place == 0):
                    yield replace(case, rows=(*case.rows[:place], row | {name: value}, *case.rows[place + 1 :]))


def _plainer_scenarios(case: Case) -> Iterator[Case]:
    policies, cluster = case.scenario["policies"], case.scenario["cluster"]
    if "horizon_us" in case.scenario:
        yield replace(case, scenario={key: value for key, value in case.scenario.items() if key != "horizon_us"})
    if case.scenario["semantics"] != "corrected":
        yield case.with_scenario(semantics="corrected")
    for question, name in PLAINEST.items():
        if policies[question] != {"policy": name}:
            yield case.with_scenario(policies={**policies, question: {"policy": name}})
        for parameter in list(policies[question])[1:]:
            fewer = {key: value for key, value in policies[question].items() if key != parameter}
            yield case.with_scenario(policies={**policies, question: fewer})
    for name, value in PLAIN_CLUSTER.items():
        if cluster[name] != value and (name != "latency" or cluster["latency"]["kind"] == "affine"):
            yield case.with_scenario(cluster={**cluster, name: value})
    for names in LEAVABLE:
        if names[0] in cluster:
            yield case.with_scenario(cluster={key: value for key, value in cluster.items() if key not in names})
    pools = cluster["instances"]
    for place, pool in enumerate(pools):
        if len(pools) > 1:
            yield case.with_scenario(cluster={**cluster, "instances": pools[:place] + pools[place + 1 :]})
        plainer = [{**pool, "count": pool["count"] - 1}] if pool["count"] > 1 else []
        plainer += [{**pool, name: value} for name, value in PLAIN_POOL.items() if pool[name] != value]
        plainer += [
            {key: value for key, value in pool.items() if key != name}
            for name in ("latency", "max_model_len_tokens", "lora", "role", *BATCH_RULES)
            if name in pool
        ]
        for one in plainer:
            yield case.with_scenario(cluster={**cluster, "instances": [*pools[:place], one, *pools[place + 1 :]]})


def without(rows: Rows, begin: int, end: int) -> Rows:
    """The rows but those; what referred to them refers to nothing."""
    kept = [place for place in range(len(rows)) if not begin <= place < end]
    place_of = {old: new for new, old in enumerate(kept)}
    left = []
    for old in kept:
        row = dict(rows[old])
        row["after"] = place_of.get(row["after"], -1)
        if row["after"] < 0:
            row["think_us"] = 0
        if row["context_of"] >= 0 and row["context_of"] not in place_of:
            row |= {"context_of": -1, "context_length": 0}
        elif row["context_of"] >= 0:
            row["context_of"] = place_of[row["context_of"]]
        left.append(ROW_DEFAULTS | row)
    return tuple(left)
