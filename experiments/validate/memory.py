"""Directions about KV memory."""

from typing import Any

from experiments.validate.finding import Finding, Outcome
from experiments.validate.setup import client, drawn, figure, mean_of, routed, specified, weighted

PREEMPTIONS, TTFT, TTFT_P99 = figure("preemption_rate"), figure("ttft_mean_ms"), figure("ttft_p99_ms")


def cliff() -> Outcome:
    """Two hundred requests at once, in memory that holds them all, nearly all, and fewer."""
    figures = {}
    sizes = (5000, 3000, 2200, 2100, 2000, 1600)
    for blocks in sizes:
        workload = drawn(2000.0, 200, 512, 256)
        figures[f"{blocks}: preemptions a request"] = mean_of(
            PREEMPTIONS, workload, routed("round-robin"), kv_blocks=blocks
        )
        figures[f"{blocks}: TTFT p99 [ms]"] = mean_of(TTFT_P99, workload, routed("round-robin"), kv_blocks=blocks)
    flat = figures["3000: TTFT p99 [ms]"] / figures["5000: TTFT p99 [ms]"]
    falls = figures["1600: TTFT p99 [ms]"] / figures["5000: TTFT p99 [ms]"]
    return Outcome(figures, flat < 1.05 and falls > 2 and figures["1600: preemptions a request"] > 0)


def heavy_tails() -> Outcome:
    """The same mean by a heavy tail has a smaller median, and the median fills the memory."""
    light: dict[str, Any] = {"type": "gaussian", "params": {"mean": 512, "std_dev": 128, "min": 16, "max": 4000}}
    heavy: dict[str, Any] = {
        "type": "pareto_lognormal",
        "params": {"alpha": 1.5, "xm": 400, "mu": 5.5, "sigma": 0.8, "mix_weight": 0.25},
    }
    figures: dict[str, float] = {}
    for name, lengths in (("normal", light), ("heavy tail", heavy)):
        workload = specified(2000.0, 200, client("all", 1.0, lengths, 256))
        for blocks in (2100, 1600):
            figures[f"{name}, {blocks} blocks: preemptions a request"] = mean_of(
                PREEMPTIONS, workload, routed("round-robin"), kv_blocks=blocks
            )
        figures[f"{name}: mean prompt [tokens]"] = mean_of(
            lambda metrics: metrics["total_input_tokens"] / metrics["injected_requests"],
            workload,
            routed("round-robin"),
        )
    fewer = all(
        figures[f"heavy tail, {blocks} blocks: preemptions a request"]
        < 0.9 * figures[f"normal, {blocks} blocks: preemptions a request"]
        for blocks in (2100, 1600)
    )
    means = [figures[f"{name}: mean prompt [tokens]"] for name in ("normal", "heavy tail")]
    return Outcome(figures, fewer and abs(means[1] / means[0] - 1) < 0.1)


def growing_contexts() -> Outcome:
    """Conversations of five rounds find most of their prompts in a cache."""
    sessions = {
        "rounds": {"type": "constant", "params": {"value": 5}},
        "think_time_ms": {"type": "exponential", "params": {"mean": 500}},
        "context_growth": "accumulate",
    }
    workload = specified(
        20.0, 500, client("chat", 1.0, 128, 128, sessions=sessions, estimated_us_per_output_token=10_000)
    )
    hits = mean_of(figure("cache_hit_rate"), workload, weighted(prefix_affinity=3, queue_depth=2))
    return Outcome({"hit rate": hits}, 0.4 < hits < 0.85)


def second_tier() -> Outcome:
    """The burst of the cliff with a little host memory beneath each instance."""
    figures: dict[str, float] = {}
    for blocks in (2100, 1600):
        for name, tiers in (
            ("GPU alone", {}),
            ("500 blocks of host memory", {"kv_tiers": {"tiers": [{"device": "cpu-pcie5", "capacity_blocks": 500}]}}),
        ):
            own = {"kv_blocks": blocks, **tiers}
            workload, policies = drawn(2000.0, 200, 512, 256), routed("round-robin")
            figures[f"{blocks}, {name}: preemptions a request"] = mean_of(PREEMPTIONS, workload, policies, **own)
            figures[f"{blocks}, {name}: TTFT [ms]"] = mean_of(TTFT, workload, policies, **own)
    ratios = [
        figures[f"1600, 500 blocks of host memory: {name}"] / figures[f"1600, GPU alone: {name}"]
        for name in ("preemptions a request", "TTFT [ms]")
    ]
    remark = (
        "both fall, by 1 to 2 %: there a reload made room where none was, here a preempted request's blocks are found "
        "again on the GPU as long as nobody has taken them"
    )
    return Outcome(figures, max(ratios) < 0.9, remark)


FINDINGS = (
    Finding("V-KVCLIFF", False, "flat, and then a cliff within a few percent of memory", cliff),
    Finding("V-TIER", False, "500 blocks of host memory halve preemptions, TTFT -28 %", second_tier),
    Finding("V-HEAVY", False, "heavy tails of the same mean preempt less: 0.71 times", heavy_tails),
    Finding("V-REASON", False, "five growing rounds: 64 % of blocks are hits", growing_contexts),
)
