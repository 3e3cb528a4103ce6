"""This file runs a recorded or invented case on the fast engine and returns what the naive simulator returns."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from blis.cluster.catalog import device_from_mapping, model_from_mapping
from blis.cluster.gateway import Gateway
from blis.cluster.instances import Cluster, Instance
from blis.cluster.kv_tiers import KvTiers, TierPlan
from blis.cluster.latency import LatencyModel, affine, roofline
from blis.cluster.lora import LoraCosts
from blis.cluster.speculative import Speculative
from blis.cluster.swap_space import SwapPlan, SwapSpace
from blis.engine.codes import STATUS_NAMES
from blis.foundation.answers import GATEWAY_QUESTIONS
from blis.foundation.semantics import semantics as semantics_called
from blis.foundation.slo import BAND_OF_CLASS, class_index
from blis.foundation.slo_targets import SHIPPED, SloTargets
from blis.outcome import Outcome, outcome
from blis.prepare import bind_run
from blis.simulate import Simulation
from blis.workload import labels, table
from blis.workload.prefixes import keys as prefix_keys
from blis.workload.requests import Requests
from blis.workload.retries import Retries
from tests.reference.naive_metrics import aggregate
from tests.reference.naive_semantics import PRESETS

Case = dict[str, Any]
Rows = list[dict[str, Any]]

POLICY_NAMES = {
    "weighted-cache-load": "weighted-legacy",
    "prefix-affinity-whole-prompt": "prefix-affinity",
}


def simulate(case: Case, rows: Rows, semantics: str) -> dict[str, Any]:
    """Run a case; the result has the form that `naive.simulate` gives it."""
    return result_of(case, rows, outcome(simulation_of(case, rows, semantics).run()), semantics)


def result_of(case: Case, rows: Rows, done: Outcome, semantics: str) -> dict[str, Any]:
    """What came of a case in the form that `naive.simulate` gives it."""
    requests = [_request(case, rows[row], row, done) for row in range(len(rows))]
    instances = [_instance(index, requests, done) for index in range(case["instances"])]
    completed = [request for request in requests if request.status == "completed"]
    if completed:  # the engine pools the intervals of all completed requests
        completed[0].intervals_us = np.repeat(done.interval_us, done.interval_tokens).tolist()
    decisions = done.n_admitted + done.n_rejected + done.n_turned_away
    columns = ("instance", "ttft_us", "e2e_us", "scheduling_delay_us", "status", "preemptions")
    columns += ("cached_blocks", "regret", "score")
    result_rows = [
        {"request": request.row} | {name: getattr(request, name) for name in columns} for request in requests
    ]
    result: dict[str, Any] = {"requests": result_rows}
    return result | aggregate(case, requests, instances, decisions, PRESETS[semantics])


def simulation_of(case: Case, rows: Rows, semantics: str, **options: Any) -> Simulation:
    """The simulation of a case before its first event; options replace what the case says."""
    run: dict[str, Any] = {
        "policies": policies_of(case),
        "semantics": semantics_called(semantics),
        "horizon_us": case.get("horizon_us"),
        "slo": targets_of(case),
    }
    run |= {name: options.pop(name) for name in tuple(options) if name in run}
    own = {"record_routing": case.get("routing_trace") is not None, "seed": case.get("seed", 0)} | options
    return Simulation(requests_of(case, rows), bind_run(cluster_of(case), **run), **own)


def targets_of(case: Case) -> SloTargets:
    """What each class is promised."""
    ttft, itl = case.get("ttft_targets_us"), case.get("itl_targets_us")
    if ttft is None:
        return SHIPPED
    targets = {name or "default": {"ttft_ms": ttft[name] / 1000, "itl_ms": itl[name] / 1000} for name in ttft}
    return SloTargets.from_mapping("slo", targets)


def requests_of(case: Case, rows: Rows) -> Requests:
    """The rows as the engine's requests."""

    def column(name: str, absent: int = 0) -> Any:
        return np.array([absent if row.get(name) is None else row[name] for row in rows], np.int64)

    groups = labels.number_names([row.get("prefix_group") or "" for row in rows], empty_is_none=True)
    keys = prefix_keys.keys_of_groups(
        column("input_tokens"),
        column("output_tokens"),
        groups.indices,
        column("prefix_length"),
        case["block_size_tokens"],
        column("context_of", -1),
        column("context_length"),
    )
    requests = table.requests_of(
        arrival_us=column("arrival_us"),
        input_tokens=column("input_tokens"),
        output_tokens=column("output_tokens"),
        keys=keys,
        block_size_tokens=case["block_size_tokens"],
        slo_class=labels.number_names([row.get("slo_class") or "" for row in rows]),
        tenant=labels.number_names([row.get("tenant") or "" for row in rows]),
        model=labels.number_names([row.get("model") or "" for row in rows], empty_is_none=True),
        adapter=labels.number_names([row.get("adapter") or "" for row in rows], empty_is_none=True),
        session=labels.number_names([_session(row) for row in rows], empty_is_none=True),
        turn=column("round").astype(np.int32),
    )
    own = case.get("retries")
    if own is None:
        return requests
    times = {"base_ms": own["base_us"] / 1000, "max_ms": own["most_us"] / 1000}
    retries = Retries(attempts=own["attempts"], factor=own["factor"], jitter=own["jitter"], **times)
    return replace(requests, retries=retries)


def _session(row: dict[str, Any]) -> str:
    return "" if row.get("session") in (None, -1) else str(row["session"])


def cluster_of(case: Case) -> Cluster:
    """The instances of a case, all alike but for the models that they serve."""
    one = Instance(
        kv_blocks=case["kv_blocks_per_instance"],
        max_running_requests=case["max_running_requests"],
        step_token_budget=case["step_token_budget"],
        latency=_latency(case["latency"]),
        long_prefill_threshold_tokens=case["long_prefill_threshold"],
        async_scheduling=case.get("async_scheduling"),
        kv_watermark=case.get("kv_watermark", 0.0),
        reserve_full_isl=case.get("reserve_full_isl"),
        prefix_caching=case.get("prefix_caching", True),
        speculative=Speculative(**case["speculative"]) if case.get("speculative") else None,
        max_model_len_tokens=case.get("max_model_len", 0),
    )
    models = case.get("models") or [None] * case["instances"]
    each = [one if model is None else replace(one, served_model_names=(model,)) for model in models]
    return Cluster(
        tuple(replace(one, lora=_lora(case, index)) for index, one in enumerate(each)),
        case["latency"]["kind"],
        case["block_size_tokens"],
        case.get("admission_latency_us", 0),
        case.get("routing_latency_us", 0),
        case["routing"].get("snapshot_refresh_us", 0),
        case["routing"].get("cache_signal_delay_us", 0),
        case.get("router_index_blocks"),
        gateway=_gateway(case),
        kv_tiers=_kv_tiers(case),
        swap=_swap(case),
    )


def _lora(case: Case, index: int) -> LoraCosts:
    """The adapters of an instance."""
    own = case.get("lora")
    if own is None or own["slots"][index] == 0:
        return LoraCosts()
    slots = own["slots"][index]
    costs = own["host_us"], own["disk_us"], own["step_us"], own["adapter_us"], own["token_us"]
    return LoraCosts(slots, slots + own["spare"], *costs)


def _kv_tiers(case: Case) -> KvTiers | None:
    """Tiers, with blocks of 1,000 bytes; writing back takes no time."""
    given = case.get("kv_tiers")
    if given is None:
        return None
    tiers = [
        {
            "capacity_blocks": tier["capacity"],
            "eviction": tier["eviction"],
            "read_gb_per_s": 1 / tier["block_us"],
            "write_gb_per_s": 1 / tier["write_us"] if tier["write_us"] else 1e8,
            "shared": tier["shared"],
        }
        for tier in given["tiers"]
    ]
    rules = {name: given[name] for name in ("load", "write", "placement", "prompt_only")}
    plan = TierPlan.from_mapping("kv_tiers", {"tiers": tiers} | rules)
    return KvTiers(plan, (1000.0,) * case["instances"], (1,) * case["instances"])


def _swap(case: Case) -> SwapSpace | None:
    """The host's memory, for blocks of 1,000 bytes."""
    given = case.get("swap")
    if given is None:
        return None
    rates = {"read_gb_per_s": 1 / given["in_us"], "write_gb_per_s": 1 / given["out_us"]}
    own = {"capacity_blocks": given["blocks"], "base_latency_us": given["base_us"]}
    plan = SwapPlan.from_mapping("swap", rates | own)
    return SwapSpace(plan, (1000.0,) * case["instances"], (1,) * case["instances"])


def _gateway(case: Case) -> Gateway | None:
    """The queue in front of the router."""
    given = case.get("gateway")
    if given is None:
        return None
    bands = {BAND_OF_CLASS[class_index(name)]: most for name, most in given.get("bands", {}).items()}
    return Gateway(
        capacity_requests=given.get("capacity_requests"),
        bands=tuple(sorted(bands.items())),
        ttl_us=given.get("ttl_us"),
        request_timeout_us=given.get("request_timeout_us"),
        tick_us=given["tick_us"],
        sweep_us=given["sweep_us"],
        displaces_least_urgent=given.get("displace_least_urgent", False),
        evicts_running=given.get("evict_running", False),
        most_evictions=given.get("most_evictions", 2),
        eviction_pause_us=given.get("eviction_pause_us", 500_000),
    )


def policies_of(case: Case) -> dict[str, Any]:
    """The policies of a case by the names that the product gives them."""
    routing, admission = case["routing"], case["admission"]
    chosen = {"policy": POLICY_NAMES.get(routing["policy"], routing["policy"])}
    chosen |= {name: routing[name] for name in _parameters(chosen["policy"]) if name in routing}
    return {
        "admission": admission,
        "routing": chosen,
        "filtering": {"policy": "chain", "filters": case.get("filters", [])},
        "priority": case["priority_policy"],
        "scheduling": case["scheduler"],
        "preemption": case.get("preemption", "newest"),
        "eviction": case.get("eviction", "lru"),
        **{name: case[name] for name in GATEWAY_QUESTIONS if name in case},
        "tiering": _tiering(case),
        "preemption_mode": case["swap"].get("mode", "swap") if case.get("swap") else "recompute",
    }


def _tiering(case: Case) -> dict[str, Any]:
    tokens = case["kv_tiers"]["minimum_blocks"] * case["block_size_tokens"] if case.get("kv_tiers") else 0
    return {"policy": "minimum-tokens", "minimum_tokens": tokens}


def _parameters(policy: str) -> tuple[str, ...]:
    return {
        "weighted": ("scorers", "picker", "best", "temperature"),
        "weighted-legacy": ("cache_weight", "load_weight"),
        "sticky-until-saturated": ("affinity_threshold", "most_extra_tokens", "load"),
        "program": ("formula",),
    }.get(policy, ())


def _latency(latency: dict[str, Any]) -> LatencyModel:
    if latency["kind"] == "affine":
        parameters = affine.Params(alpha_us=tuple(latency["alpha_us"]), beta_us=tuple(latency["beta_us"]))
        return affine.prepare(parameters, None, None, 1)
    shape, rates = dict(latency["model"]), latency["hardware"]
    size = shape.pop("bytes_per_param")
    model = model_from_mapping("model", shape | {"name": "case", "activation_bytes": size, "weight_bytes": size})
    device = device_from_mapping(
        "hardware",
        {
            "name": rates.get("name", "case"),
            "peak_tflops_16bit": rates["tflops_fp16"],
            "peak_tflops_8bit": rates["tflops_fp8"],
            "peak_bandwidth_tb_per_s": rates["bandwidth_tb_s"],
            "mfu_prefill": rates["mfu_prefill"],
            "mfu_decode": rates["mfu_decode"],
            "memory_gib": 80,
        },
    )
    return roofline.prepare(roofline.Params(), model, device, latency["tensor_parallel"])


def _request(case: Case, row: dict[str, Any], index: int, done: Outcome) -> SimpleNamespace:
    """What became of a request, under the names that the naive simulator uses."""
    seen = done.requests

    def whole(values: Any) -> int | None:
        return int(values[index]) if values[index] >= 0 else None

    def double(values: Any) -> float | None:
        return float(values[index]) if values[index] == values[index] else None

    has_scores = case["routing"]["policy"] in ("weighted", "weighted-cache-load", "program", "sticky-until-saturated")
    return SimpleNamespace(
        row=index,
        arrival_us=int(seen.arrival_us[index]),
        slo_class=row.get("slo_class") or "",
        output=range(row["output_tokens"]),
        prompt=range(row["input_tokens"]),
        intervals_us=[],
        itl_mean_us=double(seen.itl_mean_us),
        computed_tokens=int(seen.computed_tokens[index]),
        instance=whole(seen.instance),
        ttft_us=whole(seen.ttft_us),
        e2e_us=whole(seen.e2e_us),
        scheduling_delay_us=whole(seen.scheduling_delay_us),
        status=STATUS_NAMES[seen.status[index]],
        preemptions=int(seen.preemptions[index]),
        cached_blocks=whole(seen.cached_blocks),
        regret=double(seen.routing_regret),
        score=double(seen.routing_score) if has_scores else None,
    )


def _instance(index: int, requests: list[SimpleNamespace], done: Outcome) -> SimpleNamespace:
    """What an instance has done, under the names that the naive simulator uses."""
    own = done.instances
    return SimpleNamespace(
        index=index,
        completed=[r for r in requests if r.instance == index and r.status == "completed"],
        n_waiting=int(own.queued_requests[index]),
        batch=range(own.running_requests[index]),
        dropped=int(own.dropped_requests[index]),
        preemptions=int(own.preemptions[index]),
        pool=SimpleNamespace(hits=int(own.cache_hits[index]), misses=int(own.cache_misses[index])),
        peak_blocks=int(own.peak_blocks[index]),
        steps=int(own.steps[index]),
        sum_queue=int(own.queue_sum[index]),
        sum_batch=int(own.batch_sum[index]),
        allocation_failures=int(own.allocation_failures[index]),
        end_us=int(own.end_us[index]),
        input_tokens=int(own.input_tokens[index]),
        drafts=SimpleNamespace(
            decodes=int(own.drafted_decodes[index]),
            verified=int(own.draft_tokens[index]),
            accepted=int(own.accepted_tokens[index]),
        ),
    )
