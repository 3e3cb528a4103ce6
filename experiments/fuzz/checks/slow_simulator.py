"""A second simulator, slow and written independently, does the same with every request.

It knows no answers but those of `KNOWN`. What the reference of February did when memory was lacking is not
reproduced, so there is nothing to compare. A latency model that it has no formula of is priced by the engine's: then
the batches are compared, not their price.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from blis.cluster.gateway import Gateway
from blis.cluster.instances import Cluster
from blis.engine.batch_sums import BatchSums
from blis.foundation.answers import GATEWAY_QUESTIONS, QUESTIONS, answer
from blis.foundation.slo import BAND_OF_CLASS, CLASSES
from blis.policies.binding import BoundPolicy, fields
from blis.policies.bundle import complete_policy
from experiments.fuzz.subject import Subject, rows_of
from tests.reference import engine_runner, naive
from tests.reference.agreement import differences
from tests.reference.naive_scorers import STATELESS
from tests.reference.naive_semantics import PRESETS

MOST_REQUESTS = 60
MOST_TOKENS = 6_000
MOST_LINES = 4

#: Names that the recorded cases use for the product's.
NAMES = {"weighted-legacy": "weighted-cache-load", "prefix-affinity": "prefix-affinity-whole-prompt"}
KNOWN = {
    "admission": {"always-admit", "reject-all", "token-bucket", "tier-shed", "saturation-shed", "probabilistic"},
    "filtering": {
        "none",
        "chain",
        "by-role",
        "kv-threshold",
        "queue-threshold",
        "session-affinity",
        "utilization",
        "prefix-cache-affinity",
        "slo-headroom",
        "lora-affinity",
    },
    "routing": {
        "round-robin",
        "least-loaded",
        "always-busiest",
        "prefix-affinity",
        "weighted",
        "weighted-legacy",
        "program",
        "sticky-until-saturated",
    },
    "priority": {"constant", "slo-based", "inverted-slo", "slo-class", "linear", "program", "edf", "slack"},
    "scheduling": {"fcfs", "sjf", "priority-fcfs", "reverse-priority", "predicted-sjf", "vtc", "las", "mlfq"},
    "preemption": {"newest", "lowest-priority"},
    "eviction": {"lru"},
    "saturation": {"never", "utilization", "concurrency", "queue-and-kv", "token-headroom"},
    "fairness": {"strict", "round-robin"},
    "queue_order": {"fcfs", "slo-deadline", "predicted-sjf"},
    "ceiling": {"static", "priority-holdback", "soft-reflective"},
    "scoring": {*STATELESS, "prefix-affinity", "no-hit-lru"},
}


def check(subject: Subject) -> Iterator[str]:
    """Run both, and compare every number."""
    if not _is_comparable(subject):
        return
    subject.asked.add("slow_simulator")
    case, rows = _case_of(subject), list(subject.case.rows or rows_of(subject.requests))
    want = naive.simulate(case, rows, subject.scenario.semantics)
    got = engine_runner.result_of(case, rows, subject.outcome, subject.scenario.semantics)
    yield from differences(want, got)[:MOST_LINES]


def _is_comparable(subject: Subject) -> bool:
    requests, policies = subject.requests, subject.policies
    if subject.stalled or len(requests) > MOST_REQUESTS:
        return False
    if int(requests.input_tokens.sum() + requests.output_tokens.sum()) > MOST_TOKENS:
        return False
    cluster = subject.cluster
    if cluster.fleet is not None:
        return False  # its plan would have to be known
    if cluster.request_timeout_us is not None and cluster.gateway is None:
        return False
    if any(part is not None for part in (cluster.kv_tiers, cluster.swap, cluster.disaggregation, cluster.encoder)):
        return False
    if subject.requests.retries is not None or _has_mixed_slots(cluster):
        return False
    if cluster.gateway is not None and cluster.gateway.evicts_running and _looks_for_prompts(subject):
        return False
    asked = [question for question in KNOWN if question in QUESTIONS]
    if cluster.gateway is None:
        asked = [question for question in asked if question not in GATEWAY_QUESTIONS]
    if any(policies[question].name not in KNOWN[question] for question in asked):
        return False
    if not set(policies["routing"].scorers) <= KNOWN["scoring"]:
        return False
    if not all(map(_is_sure, policies["filtering"].filters)):
        return False
    semantics = PRESETS[subject.scenario.semantics]
    has_blind_start = not semantics.first_snapshot_is_real and subject.cluster.snapshot_refresh_us > 0
    if policies["routing"].name == "program" and has_blind_start:
        return False  # what a program reads of instances that were never read is nowhere defined
    return semantics.same_time_by_kind or not subject.outcome.requests.preemptions.any()


def _has_mixed_slots(cluster: Cluster) -> bool:
    """Whether instances that have slots differ in what a load costs, or in how many adapters lie beside the slots."""
    having = [one.lora for one in cluster.instances if one.lora.max_loras]
    return len({(one.max_cpu_loras - one.max_loras, *one[2:]) for one in having}) > 1


def _looks_for_prompts(subject: Subject) -> bool:
    """Whether a policy may see what a request that comes again has left of its own prompt, which is seen only here."""
    looked_for = {"cached_blocks", "affinity_blocks", "sent_prompts", "expected_latency"}
    return any(subject.policies[name].needs & looked_for for name in ("admission", "filtering", "routing"))


def _is_sure(one: BoundPolicy) -> bool:
    """Whether a filter draws nothing."""
    explores = {
        "prefix-cache-affinity": ("exploration_probability", (0.0,)),
        "slo-headroom": ("exploration_probability", (0.0, 1.0)),
        "lora-affinity": ("affinity_threshold", (0.0, 1.0)),
    }
    if one.name not in explores:
        return True
    name, sure = explores[one.name]
    return one.parameters[list(fields(answer("filtering", one.name))).index(name)] in sure


def _filters_of(filtering: dict[str, Any]) -> list[dict[str, Any]]:
    """The filters that are asked, with all parameters; all instances have both roles."""
    listed = filtering["filters"] if filtering["policy"] == "chain" else [filtering]
    complete = [complete_policy("filtering", one) for one in listed]
    return [one for one in complete if one["policy"] not in ("none", "by-role")]


def _case_of(subject: Subject) -> dict[str, Any]:
    """The scenario in the form of a recorded case."""
    chosen = subject.case.scenario.get("policies", {})
    policies = {name: complete_policy(name, chosen.get(name, subject.policies[name].name)) for name in QUESTIONS}
    routing = policies["routing"]
    cluster = subject.cluster
    return {
        "instances": len(cluster.instances),
        "block_size_tokens": cluster.block_size_tokens,
        "pools": [
            {
                "kv_blocks_per_instance": one.kv_blocks,
                "max_running_requests": one.max_running_requests,
                "step_token_budget": one.step_token_budget,
                "long_prefill_threshold": one.long_prefill_threshold_tokens,
                "max_model_len": one.max_model_len_tokens,
                "async_scheduling": one.async_scheduling,
                "kv_watermark": one.kv_watermark,
                "reserve_full_isl": one.reserve_full_isl,
                "prefix_caching": one.prefix_caching,
                "speculative": asdict(one.speculative) if one.speculative else None,
                "latency": _latency_of(cluster.latency, one.latency),
            }
            for one in cluster.instances
        ],
        "kv_blocks_per_instance": 0,
        "scheduler": policies["scheduling"],
        "ttft_targets_us": dict(zip(CLASSES, subject.scenario.slo.ttft_targets_us(), strict=True)),
        "itl_targets_us": dict(zip(CLASSES, subject.scenario.slo.itl_targets_us(), strict=True)),
        "priority_policy": policies["priority"],
        "preemption": policies["preemption"]["policy"],
        "admission": policies["admission"],
        "filters": _filters_of(policies["filtering"]),
        "routing": routing
        | {
            "policy": NAMES.get(routing["policy"], routing["policy"]),
            "snapshot_refresh_us": cluster.snapshot_refresh_us,
            "cache_signal_delay_us": cluster.cache_signal_delay_us,
        },
        "admission_latency_us": cluster.admission_latency_us,
        "routing_latency_us": cluster.routing_latency_us,
        "horizon_us": subject.scenario.horizon_us,
        "routing_trace": {},
        "seed": subject.scenario.seed,
        "router_ties": cluster.router_ties,
        "router_index_blocks": cluster.router_index_blocks,
        "fitness_weights": None,
        **_lora_of(cluster),
        **({} if cluster.gateway is None else _gateway_of(cluster.gateway, policies)),
    }


def _lora_of(cluster: Cluster) -> dict[str, Any]:
    """Slots of each instance, and what loads and steps cost."""
    having = [one.lora for one in cluster.instances if one.lora.max_loras]
    if not having:
        return {}
    one = having[0]
    costs = ("host_load_us", "disk_load_us", "step_us", "adapter_us", "token_us")
    return {
        "lora": {
            "slots": [own.lora.max_loras for own in cluster.instances],
            "spare": one.max_cpu_loras - one.max_loras,
            **{name.replace("_load", ""): getattr(one, f"lora_{name}") for name in costs},
        }
    }


def _gateway_of(gateway: Gateway, policies: dict[str, Any]) -> dict[str, Any]:
    """The queue in front of the router, and what decides there."""
    name_of_band = {band: name for name, band in zip(CLASSES, BAND_OF_CLASS, strict=True)}
    return {
        "gateway": {
            "capacity_requests": gateway.capacity_requests,
            "bands": {name_of_band[band]: most for band, most in gateway.bands},
            "ttl_us": gateway.ttl_us,
            "request_timeout_us": gateway.request_timeout_us,
            "tick_us": gateway.tick_us,
            "sweep_us": gateway.sweep_us,
            "displace_least_urgent": gateway.displaces_least_urgent,
            "evict_running": gateway.evicts_running,
            "most_evictions": gateway.most_evictions,
            "eviction_pause_us": gateway.eviction_pause_us,
        },
        **{question: policies[question] for question in GATEWAY_QUESTIONS},
    }


def _latency_of(kind: str, model: Any) -> dict[str, Any]:
    if kind == "affine":
        alpha = [model.queueing_us, model.queueing_us_per_token, model.output_token_us]
        return {"kind": kind, "alpha_us": alpha, "beta_us": model.coefficients.tolist()}
    step_time = answer("latency", kind).step_time
    return {
        "kind": "priced",
        "price": lambda **sums: int(step_time(BatchSums(**sums), model.coefficients)),
        "queueing_us": model.queueing_us,
        "queueing_us_per_token": model.queueing_us_per_token,
        "output_token_us": model.output_token_us,
        "completion_us": model.completion_us,
    }
