"""The figures of an observation as tables for people."""

import sys
from collections.abc import Mapping
from typing import Any

from blis.output.text_tables import number, percent, text_table

_LATENCIES = (("TTFT", "ttft"), ("between tokens", "itl"), ("E2E", "e2e"), ("lateness", "lateness"))
_FIGURES = ("mean", "p50", "p90", "p95", "p99")


def print_text(metrics: Mapping[str, Any]) -> None:
    """Print counts, latencies, errors by kind and a row per class."""
    from rich.console import Console

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120, highlight=False)
    console.print(_counts_table(metrics))
    console.print(_latency_table(metrics))
    if metrics["errors"]:
        table = text_table("what went wrong", "requests")
        for kind, count in metrics["errors"].items():
            table.add_row(kind, f"{count:,}")
        console.print(table)
    if metrics["classes"]:
        console.print(_class_table(metrics["classes"]))
    sys.stdout.flush()


def _counts_table(metrics: Mapping[str, Any]) -> Any:
    table = text_table("requests", f"{metrics['requests']:,}")
    for name in ("sent", "ok", "failed", "unsent"):
        table.add_row(name, f"{metrics[name]:,}")
    if metrics["retries"]:
        table.add_row("sent again", f"{metrics['retries']:,} times, {metrics['retried_requests']:,} requests")
    table.add_row("duration", f"{metrics['duration_s']:,.1f} s")
    table.add_row("requests/s", number(metrics["requests_per_s"], 2))
    table.add_row("output tokens/s", number(metrics["output_tokens_per_s"], 1))
    table.add_row("input tokens/s", number(metrics["input_tokens_per_s"], 1))
    asked, measured = metrics["asked_input_tokens"], metrics["measured_input_tokens"]
    if metrics["measured_requests"]:
        table.add_row("prompt tokens: asked, as the server counts", f"{asked:,}, {measured:,}")
        table.add_row("error of a prompt's length, mean", percent(metrics["input_length_error"]))
    table.add_row(
        "output tokens: asked, came", f"{metrics['asked_output_tokens']:,}, {metrics['measured_output_tokens']:,}"
    )
    table.add_row("outputs as long as asked", percent(metrics["outputs_as_asked"]))
    if metrics["cached_share"] is not None:
        table.add_row("prompt tokens from the server's cache", percent(metrics["cached_share"]))
    if metrics["server"]["prefix_cache_hit_rate"] is not None:
        table.add_row("cache hits by the server's metrics", percent(metrics["server"]["prefix_cache_hit_rate"]))
    return table


def _latency_table(metrics: Mapping[str, Any]) -> Any:
    table = text_table("latency [ms]", *_FIGURES, "max")
    for words, name in _LATENCIES:
        row = [number(metrics[f"{name}_{figure}_ms"], 1) for figure in _FIGURES]
        table.add_row(words, *row, number(metrics["lateness_max_ms"], 1) if name == "lateness" else "")
    return table


def _class_table(blocks: Any) -> Any:
    from rich.markup import escape

    columns = ("requests", "ok", "failed", "TTFT p50\n[ms]", "TTFT p99\n[ms]", "between\np50", "E2E p50\n[ms]")
    table = text_table("class", *columns, "E2E p99\n[ms]")
    for one in blocks:
        latencies = ("ttft_p50_ms", "ttft_p99_ms", "itl_p50_ms", "e2e_p50_ms", "e2e_p99_ms")
        table.add_row(
            escape(one["slo_class"]) or "(unnamed)",
            *(f"{one[name]:,}" for name in ("requests", "ok", "failed")),
            *(number(one[name], 1) for name in latencies),
        )
    return table
