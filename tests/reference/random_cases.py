"""This file invents small cases that are full of coincidences: full caches, shared prefixes, equal times."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from tests.reference.naive_request import NAMED_CLASSES

SCORERS = (
    "queue-depth", "kv-utilization", "load-balance", "precise-prefix-cache", "prefix-affinity", "no-hit-lru",
    "active-requests", "running-requests", "load-aware", "vllm-dp",
)  # fmt: skip
KEPT_SCORERS = ("token-load", "session-affinity", "predicted-latency", "latency-slack")
FORMULAS = (
    "expected_ttft_us neg",
    "expected_ttft_us expected_itl_us 20 mul add neg",
    "ttft_slack_us least ttft_slack_us sub expected_itl_us mul",
    "sent_tokens sent_urgent_requests 7 mul add sent_requests sub neg",
    "is_session_home 3 mul headroom_share add",
    "running_context_tokens since_routed_us sub age_us add",
    "queued_requests most queued_requests sub queued_requests most queued_requests least sub div affinity_share add",
)
PRIORITY_FORMULAS = (
    "uncached_tokens ttft_target_us mul neg",
    "ttft_slack_us itl_target_us 3 mul min neg",
    "input_tokens expected_output_tokens add tenant_tokens 0.5 mul add neg",
    "ttft_slack_us uncached_tokens 5 mul less age_us uncached_tokens neg if",
)
CLASSES = ("", "critical", "standard", "batch")
BETAS = ((100, 10, 5), (5, 1, 1), (1, 0, 0), (10.5, 0.7, 3.3), (0, 1, 0), (7, 3, 2))
ALPHAS = ((0, 0, 0), (0, 0, 0), (10, 0, 0), (3, 1, 2), (2.5, 0.25, 1.75), (0, 2, 7))
MODEL = {
    "layers": 4, "hidden": 256, "heads": 8, "kv_heads": 2, "intermediate": 512, "vocab": 1000, "experts": 0,
    "experts_per_token": 0, "bytes_per_param": 2, "activation": "silu",
}  # fmt: skip
HARDWARE = {
    "name": "toy", "tflops_fp16": 0.01, "tflops_fp8": 0, "bandwidth_tb_s": 0.001, "mfu_prefill": 0.5,
    "mfu_decode": 0.3,
}  # fmt: skip


def random_case(random: Random, semantics: str, most_requests: int = 40) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A case and its rows; runs that could go on for ever have a horizon."""
    block_size = random.choice((1, 1, 2, 3, 4, 4, 5, 8, 16, 32))
    is_calm = semantics == "reference-2026-02"
    case = _case(random, block_size)
    rows = _rows(random, block_size, random.randint(1, most_requests))
    largest = max(-(-(row["input_tokens"] + row["output_tokens"]) // block_size) for row in rows)
    if is_calm:
        case["kv_blocks_per_instance"] = sum(
            -(-(row["input_tokens"] + row["output_tokens"] + 1) // block_size) for row in rows
        )
        case["step_token_budget"] = max(case["step_token_budget"], case["max_running_requests"] + 1)
    else:
        low = largest if random.random() < 0.7 else max(1, largest - random.randint(0, 3))
        case["kv_blocks_per_instance"] = random.choice(
            (low, low + 1, low + random.randint(0, 6), 2 * low + random.randint(0, 9), 6 * low, 500)
        )
    is_reference = semantics.startswith("reference")
    is_endless = is_reference and largest > case["kv_blocks_per_instance"]
    if is_endless or random.random() < 0.25:
        case["horizon_us"] = random.randint(0, 8000) if random.random() < 0.7 else rows[-1]["arrival_us"]
    if not is_reference:
        case |= _batch_rules(random)
    return case, rows


def random_tiers(random: Random, case: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Tiers beneath GPUs that often hold little more than one request; the last one all instances may share."""
    largest = max(-(-(row["input_tokens"] + row["output_tokens"]) // case["block_size_tokens"]) for row in rows)
    n_blocks: int = case["kv_blocks_per_instance"]
    tiers = [_tier(random, largest) for _ in range(random.choice((1, 1, 2, 2, 3)))]
    tiers[-1]["shared"] = random.random() < 0.5
    write, placement = random.choice((("through", "inclusive"), ("back", "inclusive"), ("back", "exclusive")))
    if write == "through":
        tiers = [tier | {"write_us": random.choice((0, 1, 3, 25, 400))} for tier in tiers]
    return {
        "kv_tiers": {
            "tiers": tiers,
            "minimum_blocks": random.choice((0, 1, 1, 3)),
            "load": "step",
            "write": write,
            "placement": placement,
            "prompt_only": write == "through" and random.random() < 0.3,
        },
        "kv_blocks_per_instance": min(n_blocks, largest + random.randint(0, 5)) if random.random() < 0.6 else n_blocks,
    }


def _tier(random: Random, largest_blocks: int) -> dict[str, Any]:
    """A tier that is full at once, soon or never."""
    return {
        "block_us": random.choice((1, 2, 4, 25)),
        "write_us": 0,
        "capacity": random.choice((1, 2, 5, largest_blocks, 2 * largest_blocks + random.randint(0, 9), 2**30)),
        "eviction": random.choice(("lru", "lru", "arc")),
        "shared": False,
    }


def random_apart(random: Random, case: dict[str, Any]) -> dict[str, Any]:
    """Tiers from which requests load by themselves, and routers whose count of requests leaves those out."""
    return {
        "kv_tiers": case["kv_tiers"] | {"load": "request"},
        "routing": {"policy": random.choice(("least-loaded", "round-robin"))},
    }


#: When victims keep their blocks: by how many tokens they hold, or by what copying takes beside computing.
SWAP_MODES: tuple[dict[str, Any], ...] = (
    {"policy": "swap"},
    {"policy": "minimum-tokens", "minimum_tokens": 5},
    {"policy": "minimum-tokens", "minimum_tokens": 12},
    *({"policy": "break-even", "worth": worth} for worth in (0.1, 0.4, 0.7, 1.0, 1.5, 2.5, 4.0)),
)


def random_swap(random: Random) -> dict[str, Any]:
    """Host's memory for victims, from hardly any to enough, to which copies are quick or slow."""
    own = {"blocks": random.choice((1, 4, 10, 1000)), "base_us": random.choice((0, 20, 100))}
    own |= {name: random.choice((1, 7, 90)) for name in ("out_us", "in_us")}
    return {"swap": own | {"mode": random.choice(SWAP_MODES)}}


def random_drafts(random: Random, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Speculative decoding, and limits that drafts run into."""
    width = random.randint(1, 7)
    longest = max(row["input_tokens"] + max(row["output_tokens"], 1) for row in rows)
    return {
        "speculative": {
            "draft_tokens": width,
            "accepted_tokens": random.choice((0.0, width, width * random.random(), width * random.random())),
            "draft_token_us": random.choice((0.0, 0.0, 1.0, 2.7)),
        },
        "async_scheduling": random.choice((None, False)),
        "max_model_len": random.choice((0, 0, longest, longest + random.randint(0, 9), max(2, longest - 3))),
    }


def random_orders(random: Random, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Policies that look at deadlines, at what was served and at how full the cluster is; tenants for them."""
    for row in rows:
        row["tenant"] = random.choice(("", "front", "front", "back"))
    weights = {"input_weight": random.choice((0.0, 1.0, 0.3)), "output_weight": random.choice((0.0, 2.0, 0.7))}
    ageing = {"ageing_tokens_per_s": random.choice((0.0, 100.0, 1e4, 1e6))}
    prefill = {"prefill_us_per_token": random.choice((0.0, 1.0, 29.6))}
    full = {"queue_depth_threshold": random.choice((0.5, 5.0)), "kv_cache_util_threshold": random.choice((0.1, 0.8))}
    return {
        "scheduler": random.choice((
            "priority-fcfs",
            "reverse-priority",
            {"policy": "predicted-sjf"} | weights | ageing,
            {"policy": "vtc"} | weights,
            {"policy": "las"} | weights | ageing,
            {"policy": "mlfq", "quantum_ms": 0.02, "starvation_ms": random.choice((0.0, 0.3, 3000.0))} | prefill,
        )),
        "priority_policy": random.choice((
            {"policy": "edf", "critical": random.choice((0.0, 1.0, 20.0))},
            {"policy": "slack", "gives_up": random.randint(0, 1), "target_scale": random.choice((0.5, 1.0))} | prefill,
            {"policy": "program", "formula": random.choice(PRIORITY_FORMULAS)},
        )),
        "admission": random.choice((
            {"policy": "always-admit"},
            {"policy": "always-admit"},
            {"policy": "saturation-shed", "minimum_urgency": random.choice((0.0, 3.5))} | full,
            {"policy": "probabilistic", "k": random.choice((1.0, 300.0)), "minimum_urgency": 3.5} | full,
        )),
        "ttft_targets_us": {name: random.choice((20, 300, 3000, 10**6)) for name in (*NAMED_CLASSES, "")},
        "itl_targets_us": {name: random.choice((2, 30, 300, 10**6)) for name in (*NAMED_CLASSES, "")},
    }  # fmt: skip


def random_eviction(random: Random, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """An order in which free blocks go, memory for about two requests, and sessions among the rows."""
    for row in rows:
        row["session"] = random.choice((-1, 0, 1))
    return {
        "eviction": random.choice((
            "lru",
            "fifo",
            {"policy": "lfu", "ageing": random.choice((0.0, 1.0, 0.3))},
            {"policy": "ttl", "ttl_s": random.choice((0.0, 0.001)), "session_ttl_s": random.choice((0.0, 0.0005))},
            {"policy": "priority", "s_per_urgency": random.choice((0.0, 0.0001, 10.0))},
        )),
        "prefix_caching": True,
    }  # fmt: skip


def random_routing(random: Random, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Routers that keep something of their own, draw, or run a formula; and sessions among the rows."""
    for row in rows:
        row["session"] = random.choice((-1, -1, 0, 1, 2))
    kind = random.choice(("weighted", "weighted", "program", "sticky-until-saturated"))
    routing: dict[str, Any] = {"policy": kind}
    if kind == "weighted":
        names = random.sample((*SCORERS, *KEPT_SCORERS), random.randint(0, 3))
        names += random.sample(sorted({*KEPT_SCORERS} - {*names}), 1)
        routing["scorers"] = [{"name": name, "weight": random.choice((1, 2, 0.5, 3.7))} for name in names]
        routing["picker"] = random.choice(("largest", "largest", "weighted-random", "random-of-best", "softmax"))
        routing |= {"best": random.choice((0, 1, 2, 3, 9)), "temperature": random.choice((0.0, 0.1, 1.0, 30.0))}
    elif kind == "program":
        routing["formula"] = random.choice(FORMULAS)
    else:
        routing |= {
            "affinity_threshold": random.choice((0.0, 0.3, 0.8, 1.0)),
            "most_extra_tokens": random.choice((0.0, 1.0, 30.0, 286_720.0)),
            "load": random.choice(("tokens", "requests")),
        }
    routing["snapshot_refresh_us"] = random.choice((0, 0, 0, 1, 10, 100, 1000))
    routing["cache_signal_delay_us"] = random.choice((0, 0, 0, 1, 10, 100, 1000))
    return {
        "routing": routing,
        "router_index_blocks": random.choice((None, None, 3, 20)),
        "instances": random.choice((1, 2, 2, 3, 4)),
        "admission": {"policy": "always-admit"},
    }


def random_fleet(random: Random, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Several models, of which requests ask for one or for any, and filters before the router."""
    n_instances = random.choice((2, 3, 4, 5))
    models = [random.choice(("a", "a", "b", "c")) for _ in range(n_instances)]
    for row in rows:
        row["model"] = random.choice((None, *models)) if random.random() < 0.9 else None
    return {
        "instances": n_instances,
        "models": models,
        "filters": [random.choice(_FILTERS)(random) for _ in range(random.choice((0, 0, 1, 1, 2, 3)))],
        "admission": random.choice((
            {"policy": "always-admit"},
            {"policy": "tier-shed", "threshold_requests": random.choice((0, 2, 5)), "minimum_urgency": 3.5},
            {"policy": "saturation-shed", "minimum_urgency": 3.5, "queue_depth_threshold": 0.5},
        )),
    }  # fmt: skip


def random_adapters(random: Random, rows: list[dict[str, Any]], n_instances: int) -> dict[str, Any]:
    """Adapters that are more than there are slots, on instances of which some may have none."""
    names = [f"adapter-{number}" for number in range(random.choice((1, 2, 3, 6)))]
    for row in rows:
        row["adapter"] = random.choice((None, *names, *names))
    return {
        "lora": {
            "slots": [random.choice((1, 1, 2, 3, 0) if n_instances > 1 else (1, 2, 3)) for _ in range(n_instances)],
            "spare": random.choice((0, 0, 1, 3)),
            "host_us": random.choice((0, 5, 300)),
            "disk_us": random.choice((0, 20, 2000)),
            "step_us": random.choice((0.0, 3.0, 7.5)),
            "adapter_us": random.choice((0.0, 1.0, 2.3)),
            "token_us": random.choice((0.0, 0.4, 2.0)),
        }
    }


def random_adapter_routing(random: Random) -> dict[str, Any]:
    """A router and filters that look at adapters."""
    names = random.sample(("queue-depth", "load-balance", "token-load"), random.randint(0, 2))
    threshold = random.choice((0.0, 1.0, 1.0))
    return {
        "routing": {
            "policy": "weighted",
            "scorers": [{"name": name, "weight": random.choice((1, 2, 0.5))} for name in (*names, "lora-affinity")],
            "snapshot_refresh_us": random.choice((0, 0, 1, 10, 100, 1000)),
            "cache_signal_delay_us": 0,
        },
        "filters": [{"policy": "lora-affinity", "affinity_threshold": threshold}] if random.random() < 0.5 else [],
    }


def random_evictions(random: Random, case: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A gateway that takes running requests away for more urgent ones: half of the rows may be shed.

    No scorer looks for prompts: the engine's do not see what a request that comes again has left of its own.
    """
    for row in rows:
        row["slo_class"] = random.choice(("", "critical", "batch", "batch", "sheddable"))
    own = {
        "evict_running": True,
        "most_evictions": random.choice((1, 2, 5)),
        "eviction_pause_us": random.choice((1, 20, 300)),
    }
    blind = [{"name": name, "weight": 1} for name in ("queue-depth", "kv-utilization", "running-requests")]
    return {
        "routing": random.choice((
            {"policy": "least-loaded"},
            {"policy": "round-robin"},
            {"policy": "weighted", "scorers": blind, "snapshot_refresh_us": random.choice((0, 10, 1000))},
        )),
        "gateway": case["gateway"] | own,
        "saturation": {
            "policy": "concurrency", "mode": "requests", "max_concurrency": random.choice((0.5, 1.0, 2.0)),
        },
        "ceiling": {"policy": "static", "threshold": random.choice((0.4, 1.0))},
    }  # fmt: skip


def random_gateway(random: Random, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A queue in front of the router that holds back, lets go and is too small; clients that come again."""
    for row in rows:
        row["tenant"] = random.choice(("", "front", "front", "back"))
    tick_us = random.choice((1, 3, 10, 50, 200))
    gateway = {
        "capacity_requests": random.choice((None, None, 1, 2, 5)),
        "bands": random.choice(({}, {}, {"critical": 2, "batch": 1}, {"standard": 3})),
        "ttl_us": random.choice((None, None, 50, 500, 5000)),
        "request_timeout_us": random.choice((None, 100, 1000, 10**6)),
        "tick_us": tick_us,
        "sweep_us": random.choice((1, 7, 100, 1000)),
        "displace_least_urgent": random.random() < 0.5,
    }
    queue, share = random.choice((0.5, 1.0, 3.0)), random.choice((0.2, 0.5, 0.9))
    retries = {
        "attempts": random.randint(1, 3),
        "base_us": random.choice((1, 40, 1000)),
        "factor": random.choice((1.0, 2.0)),
        "most_us": random.choice((1000, 3000)),
        "jitter": random.choice((0.0, 0.25, 1.0)),
    }
    return {
        "gateway": gateway,
        "retries": random.choice((None, retries)),
        "saturation": random.choice((
            {"policy": "never"},
            {
                "policy": "utilization", "queue_depth_threshold": queue, "kv_cache_util_threshold": share,
                "staleness_ms": random.choice((0.0, 0.2, 200.0)),
            },
            {
                "policy": "concurrency", "mode": random.choice(("requests", "tokens", "hybrid")),
                "max_concurrency": random.choice((0.5, 1.0, 2.0, 5.0)),
                "max_token_concurrency": random.choice((10.0, 50.0)),
            },
            {"policy": "queue-and-kv", "queue_depth_threshold": queue, "kv_cache_util_threshold": share},
            {"policy": "token-headroom", "headroom": random.choice((0.0, 0.5, 0.9))},
        )),
        "fairness": {"policy": random.choice(("strict", "round-robin"))},
        "queue_order": random.choice((
            {"policy": "fcfs"},
            {"policy": "slo-deadline"},
            {
                "policy": "predicted-sjf", "input_weight": 1.0, "output_weight": random.choice((0.0, 2.0)),
                "ageing_tokens_per_s": random.choice((0.0, 1e4)),
            },
        )),
        "ceiling": random.choice((
            {"policy": "static", "threshold": random.choice((0.4, 1.0))},
            {
                "policy": "priority-holdback", "min_ceiling": random.choice((0.2, 0.5)),
                "domain": random.choice(("rank", "value")),
            },
            {"policy": "soft-reflective"},
        )),
    }  # fmt: skip


_FILTERS: tuple[Callable[[Random], dict[str, Any]], ...] = (
    lambda random: {"policy": "kv-threshold", "most_used_share": random.choice((0.0, 0.2, 0.5, 0.8))},
    lambda random: {"policy": "queue-threshold", "most_waiting": random.choice((0, 1, 5))},
    lambda random: {"policy": "session-affinity"},
    lambda random: {
        "policy": "utilization",
        "kv_cache_utilization": random.choice((0.3, 0.9, 1.0)),
        "active_requests": random.choice((1, 3, 1e9)),
        "running_requests": random.choice((0, 2, 1e9)),
        "fallback_on_empty": random.choice(("no", "yes")),
    },
    lambda random: {
        "policy": "prefix-cache-affinity",
        "affinity_threshold": random.choice((0.0, 0.3, 0.8, 1.0)),
        "gate": random.choice(("tokens", "predicted")),
        "most_extra_tokens": random.choice((0.0, 1.0, 30.0, 286_720.0)),
        "most_extra_ttft_ms": random.choice((0.0, 0.05, 1.0, 18_000.0)),
    },
    lambda random: {"policy": "slo-headroom", "exploration_probability": random.choice((0.0, 0.0, 1.0))},
)


def _batch_rules(random: Random) -> dict[str, Any]:
    """How an engine forms batches: what it is free to choose."""
    return {
        "async_scheduling": random.choice((None, None, True, False)),
        "kv_watermark": random.choice((0.0, 0.0, 0.0, 0.05, 0.3)),
        "reserve_full_isl": random.choice((None, None, True, False)),
        "prefix_caching": random.random() < 0.85,
        "preemption": random.choice(("newest", "newest", "lowest-priority")),
    }


def _case(random: Random, block_size: int) -> dict[str, Any]:
    latency: dict[str, Any] = {"kind": "affine", "alpha_us": random.choice(ALPHAS), "beta_us": random.choice(BETAS)}
    if random.random() < 0.12:
        model = dict(MODEL)
        if random.random() < 0.4:
            model |= {"experts": 8, "experts_per_token": 2}
        latency = {"kind": "roofline", "model": model, "hardware": HARDWARE, "tensor_parallel": random.choice((1, 2))}
    return {
        "latency": latency,
        "instances": random.choice((1, 1, 1, 2, 2, 3, 4)),
        "kv_blocks_per_instance": 500,
        "block_size_tokens": block_size,
        "max_running_requests": random.choice((1, 2, 3, 4, 5, 6, 8, 8, 64)),
        "step_token_budget": random.choice((1, 2, 3, 5, 8, 8, 16, 32, 64, 256, 2048)),
        "long_prefill_threshold": random.choice((0, 0, 0, 1, 2, 3, 7, 16)),
        "max_model_len": 0,
        "scheduler": random.choice(("fcfs", "fcfs", "fcfs", "sjf", "priority-fcfs", "reverse-priority")),
        "priority_policy": random.choice(("constant", "slo-based", "inverted-slo")),
        "admission": _admission(random),
        "routing": _routing(random),
        "admission_latency_us": random.choice((0, 0, 0, 1, 5, 40)),
        "routing_latency_us": random.choice((0, 0, 0, 1, 5, 40)),
        "horizon_us": None,
        "routing_trace": {"counterfactual_k": 5} if random.random() < 0.7 else None,
        "fitness_weights": None,
    }


def _admission(random: Random) -> dict[str, Any]:
    policy = random.choice(("always-admit",) * 6 + ("token-bucket",) * 2 + ("reject-all",))
    if policy == "token-bucket":
        capacity = random.choice((10, 30, 100, 400))
        return {
            "policy": policy,
            "capacity_tokens": capacity,
            "refill_tokens_per_s": random.choice((1, 1e3, 33333.3, 1e6)),
        }
    return {"policy": policy}


def _routing(random: Random) -> dict[str, Any]:
    policy = random.choice(
        (
            "round-robin",
            "least-loaded",
            "always-busiest",
            "weighted",
            "weighted",
            "weighted",
            "weighted-cache-load",
            "prefix-affinity-whole-prompt",
        )
    )
    routing: dict[str, Any] = {"policy": policy}
    if policy == "weighted":
        names = random.sample(SCORERS, random.randint(1, 4))
        routing["scorers"] = [{"name": name, "weight": random.choice((1, 2, 0.5, 3.7))} for name in names]
    elif policy == "weighted-cache-load":
        routing |= {"cache_weight": random.choice((0.6, 0, 1)), "load_weight": random.choice((0.4, 1))}
    routing["snapshot_refresh_us"] = random.choice((0, 0, 0, 1, 10, 100, 1000))
    routing["cache_signal_delay_us"] = random.choice((0, 0, 0, 1, 10, 100, 1000))
    return routing


def _rows(random: Random, block_size: int, n: int) -> list[dict[str, Any]]:
    gaps = random.choice(((0,), (0, 0, 1), (0, 1, 2, 5), (0, 10, 100, 105), (50, 300, 1000)))
    longest = random.choice((4, 12, 40, 80))
    longest_output = random.choice((1, 3, 9, 40))
    groups = {f"g{number}": random.randint(0, longest) for number in range(random.randint(0, 3))}
    share_group, share_context = random.choice((0, 0.5, 0.9)), random.choice((0, 0, 0.3, 0.7))
    rows: list[dict[str, Any]] = []
    arrival_us = random.choice((0, 0, 3))
    for row in range(n):
        n_input = random.randint(1, longest)
        if random.random() < 0.4:
            n_input = max(1, -(-n_input // block_size)) * block_size
        n_output = random.choice((0, 1, 2, random.randint(0, longest_output), random.randint(0, longest_output)))
        columns: dict[str, Any] = {
            "request": row, "arrival_us": arrival_us, "input_tokens": n_input, "output_tokens": n_output,
            "prefix_group": None, "prefix_length": 0, "slo_class": random.choice(CLASSES), "tenant": None,
            "session": None, "round": 0, "context_of": None, "context_length": None,
        }  # fmt: skip
        if rows and random.random() < share_context:
            _continue(random, columns, rows[random.randrange(len(rows))])
        elif groups and random.random() < share_group:
            name = random.choice(sorted(groups))
            length = groups[name] if random.random() < 0.6 else random.randint(0, longest)
            columns |= {"prefix_group": name, "prefix_length": min(length, n_input)}
            if random.random() < 0.5 and length:
                columns |= {"input_tokens": length, "prefix_length": length}
        rows.append(columns)
        arrival_us += random.choice(gaps)
    return rows


def _continue(random: Random, columns: dict[str, Any], before: dict[str, Any]) -> None:
    """Let a row repeat the conversation of an earlier one, wholly or in part, with or without something new."""
    said = before["input_tokens"] + before["output_tokens"]
    length = said if random.random() < 0.6 else random.randint(1, said)
    new = random.choice((0, 0, 1, random.randint(0, 12)))
    columns |= {"context_of": before["request"], "context_length": length, "input_tokens": length + new}
