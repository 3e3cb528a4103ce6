"""A run's results on standard output: one JSON document, or tables for people."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from blis.output.text_tables import number, percent, text_table

#: Rows of the cluster's table: words, then the keys that fill them.
_COUNTS = (
    *("injected", "completed", "running", "queued", "rejected", "dropped", "unroutable", "lost", "not_started"),
    # where there is a gateway
    *("gateway_queued", "gateway_rejected", "gateway_expired", "gateway_displaced", "timed_out", "gateway_evicted"),
)
_LATENCIES = (
    *(("TTFT", "ttft"), ("between tokens", "itl"), ("E2E", "e2e"), ("until scheduled", "scheduling_delay")),
    ("at the gateway", "gateway_wait"),
    *(("TTFT at the client", "client_ttft"), ("E2E at the client", "client_e2e")),  # where clients have a network
)
_FIGURES = ("mean", "p50", "p90", "p95", "p99")
#: Rows of the tables of instances, classes and tenants that are shown.
MOST_SHOWN = 32


def json_text(metrics: Mapping[str, Any]) -> str:
    """The metrics as one JSON document; a number that JSON has no word for is a bug and raises."""
    return json.dumps(metrics, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def print_json(metrics: Mapping[str, Any]) -> None:
    """Print the document and nothing else."""
    sys.stdout.write(json_text(metrics))
    sys.stdout.flush()


def print_text(metrics: Mapping[str, Any], engine_s: float) -> None:
    """Print the cluster's figures, a row per class, tenant and instance, and the engine's own speed."""
    from rich.console import Console

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120, highlight=False)
    console.print(_cluster_table(metrics))
    console.print(_latency_table(metrics))
    console.print(_target_table(metrics["classes"]))
    groups = (("class", "slo_class", "classes"), ("tenant", "tenant", "tenants"), ("model", "model", "models"))
    for words, name, blocks in groups:
        if len(metrics[blocks]) > 1:
            console.print(_group_table(words, name, metrics[blocks]))
            _say_more(console, metrics[blocks], blocks)
    if len(metrics["pools"]) > 1:
        console.print(_pool_table(metrics["pools"]))
        _say_more(console, metrics["pools"], "pools")
    console.print(_instance_table(metrics["instances"]))
    _say_more(console, metrics["instances"], "instances")
    if "fitness" in metrics:
        console.print(_fitness_table(metrics["fitness"]))
    speed = metrics["injected_requests"] / engine_s if engine_s > 0 else 0.0
    console.print(f"engine: {1000 * engine_s:,.2f} ms, {speed:,.0f} requests/s", markup=False)
    sys.stdout.flush()


def _cluster_table(metrics: Mapping[str, Any]) -> Any:
    table = text_table("cluster", "")
    shown = [name for name in _COUNTS if name in _COUNTS[:2] or metrics.get(f"{name}_requests")]
    rows = [(name.replace("_", " "), number(metrics[f"{name}_requests"])) for name in shown]
    rows += [
        ("simulated time", f"{metrics['vllm_estimated_duration_s']:,.1f} s"),
        ("requests/s", number(metrics["responses_per_sec"], 2)),
        ("output tokens/s", number(metrics["tokens_per_sec"], 1)),
        ("within SLO targets", percent(metrics["slo_attainment"])),
        ("good requests/s", number(metrics["goodput_rps"], 2)),
        ("cache hit rate", percent(metrics["cache_hit_rate"])),
        ("KV use, peak and mean", f"{percent(metrics['kv_peak_use'])}, {percent(metrics['kv_mean_use'])}"),
        ("preemptions", f"{number(metrics['preemptions'])} ({number(metrics['preemption_rate'], 3)} per request)"),
    ]
    if "swap_out_requests" in metrics:  # where victims keep their blocks
        words = f"{number(metrics['swap_out_requests'])}, {number(metrics['swap_refused_requests'])}"
        rows.append(("of those swapped out, without room", words))
        rows.append(("steps waited for swapping", f"{number(metrics['swap_stalled_s'], 2)} s"))
    if "scale_ups" in metrics:  # where instances come and go
        rows += [
            ("GPU hours", number(metrics["gpu_hours"], 2)),
            ("good requests per GPU hour", number(metrics["good_requests_per_gpu_hour"])),
            ("instances added, taken away", f"{number(metrics['scale_ups'])}, {number(metrics['scale_downs'])}"),
        ]
        if metrics["instance_failures"]:
            words = f"{number(metrics['instance_failures'])}, {number(metrics['rerouted_requests'])}"
            rows.append(("instances that died, requests rerouted", words))
    if metrics["cost_usd"] is not None:
        rows.append(("cost, per good request [US $]", f"{metrics['cost_usd']:.2f}, {_cost(metrics)}"))
    if "mean_acceptance_length" in metrics:
        length, rate = metrics["mean_acceptance_length"], metrics["draft_acceptance_rate"]
        rows.append(("acceptance length", f"{number(length, 2)} ({percent(rate)} of the drafts)"))
    if "adapter_requests" in metrics:
        loads = f"{number(metrics['adapter_loads'])} ({number(metrics['adapter_disk_loads'])} from disk)"
        rows.append(("adapters loaded", loads))
        if metrics["adapter_hit_rate"] is not None:
            rows.append(("requests whose adapter had a slot", percent(metrics["adapter_hit_rate"])))
        rows.append(("requests that waited for a slot", number(metrics["adapter_slot_wait_requests"])))
    if "retries" in metrics:
        rows.append(("retries", f"{number(metrics['retries'])} of {number(metrics['retried_requests'])} requests"))
    for row in rows:
        table.add_row(*row)
    return table


def _cost(metrics: Mapping[str, Any]) -> str:
    cost = metrics["cost_per_good_request_usd"]
    return "-" if cost is None else f"{cost:.5f}"


def _latency_table(metrics: Mapping[str, Any]) -> Any:
    table = text_table("latency [ms]", *_FIGURES)
    for words, name in _LATENCIES:
        if f"{name}_mean_ms" not in metrics:
            continue
        table.add_row(words, *(number(metrics[f"{name}_{figure}_ms"], 1) for figure in _FIGURES))
    return table


def _target_table(blocks: Sequence[Mapping[str, Any]]) -> Any:
    names = {"ttft_ms": "TTFT [ms]", "itl_ms": "between tokens, mean [ms]", "e2e_ms": "E2E [ms]"}
    table = text_table("promised to class", *names.values())
    for one in blocks[:MOST_SHOWN]:
        bounds = (number(one["slo_targets"][name], 1) for name in names)
        table.add_row(one["slo_class"] or "(unnamed)", *bounds)
    return table


def _group_table(words: str, name: str, blocks: Sequence[Mapping[str, Any]]) -> Any:
    from rich.markup import escape

    columns = ("requests", "completed", "rejected", "within\nSLO", "good\nreq/s", "TTFT p50\n[ms]", "TTFT p99\n[ms]")
    table = text_table(words, *columns, "E2E p99\n[ms]")
    for one in blocks[:MOST_SHOWN]:
        table.add_row(
            escape(one[name]) if one[name] else "(unnamed)",
            *(number(one["arrived_requests"]), percent(one["completion_ratio"]), percent(one["rejection_ratio"])),
            *(percent(one["slo_attainment"]), number(one["goodput_rps"], 2)),
            *(number(one["ttft_p50_ms"], 1), number(one["ttft_p99_ms"], 1), number(one["e2e_p99_ms"], 1)),
        )
    return table


def _pool_table(pools: Sequence[Mapping[str, Any]]) -> Any:
    from rich.markup import escape

    columns = ("instances", "requests", "within\nSLO", "GPU\nhours", "cost\n[$]", "$ per 1000\ngood requests", "busy")
    table = text_table("pool", "GPUs", *columns)
    for one in pools[:MOST_SHOWN]:
        per_good = one["cost_per_good_request_usd"]
        table.add_row(
            str(one["pool"]),
            escape(f"{one['tensor_parallel']} {one['hardware'] or '(unnamed)'}"),
            *(number(one["n_instances"]), number(one["injected_requests"]), percent(one["slo_attainment"])),
            *(number(one["gpu_hours"], 3), number(one["cost_usd"], 3)),
            *("-" if per_good is None else number(1000 * per_good, 3), percent(one["busy_share"])),
        )
    return table


def _fitness_table(fitness: Mapping[str, Any]) -> Any:
    table = text_table("fitness", number(fitness["score"], 6))
    for key, value in fitness["components"].items():
        table.add_row(key, number(value, 6))
    return table


def _say_more(console: Any, blocks: Sequence[Mapping[str, Any]], words: str) -> None:
    if len(blocks) > MOST_SHOWN:
        console.print(f"... and {len(blocks) - MOST_SHOWN} more {words}: see metrics.json.")


def _instance_table(instances: list[Mapping[str, Any]]) -> Any:
    columns = ("requests", "completed", "TTFT p99\n[ms]", "E2E p99\n[ms]", "hit\nrate", "KV\npeak")
    table = text_table("instance", *columns, "batch", "queue", "busy")
    for one in instances[:MOST_SHOWN]:
        table.add_row(
            one["instance_id"].removeprefix("instance_"),
            *(number(one["injected_requests"]), number(one["completed_requests"])),
            *(number(one["ttft_p99_ms"], 1), number(one["e2e_p99_ms"], 1)),
            *(percent(one["cache_hit_rate"]), percent(one["kv_peak_use"])),
            *(number(one["batch_mean_requests"], 1), number(one["queue_mean_requests"], 1)),
            percent(one["busy_share"]),
        )
    return table
