"""Directions about an instance's own scheduling, and about admission."""

from typing import Any

import numpy as np

from experiments.validate.finding import Finding, Outcome
from experiments.validate.setup import (
    QWEN,
    SEEDS,
    client,
    constant,
    drawn,
    figure,
    mean_of,
    of_class,
    routed,
    run,
    specified,
    weighted,
)

TTFT, TTFT_P99, ITL = figure("ttft_mean_ms"), figure("ttft_p99_ms"), figure("itl_mean_ms")


def shortest_first() -> Outcome:
    """Half short, half long requests in a burst."""
    workload = specified(
        3000.0,
        1000,
        client("short", 0.5, 32, 64, slo_class="interactive"),
        client("long", 0.5, 1024, 128, slo_class="batch"),
    )
    figures: dict[str, float] = {}
    for order in ("fcfs", "sjf"):
        policies = {**routed("least-loaded"), "scheduling": {"policy": order}}
        for name in ("interactive", "batch"):
            figures[f"{order}: TTFT of {name} [ms]"] = mean_of(of_class(name, "ttft_mean_ms"), workload, policies)
        figures[f"{order}: TTFT of all [ms]"] = mean_of(TTFT, workload, policies)
        figures[f"{order}: E2E [ms]"] = mean_of(figure("e2e_mean_ms"), workload, policies)
    short = figures["sjf: TTFT of interactive [ms]"] / figures["fcfs: TTFT of interactive [ms]"]
    long = figures["sjf: TTFT of batch [ms]"] / figures["fcfs: TTFT of batch [ms]"]
    figures |= {"short, ratio": short, "long, ratio": long}
    return Outcome(figures, short < 0.2 and 1.0 < long < 1.3)


def _equal(first: dict[str, Any], second: dict[str, Any]) -> Outcome:
    workload = {**constant(800.0, 500, 512, 128), "slo_classes": {"critical": 0.3, "standard": 0.4, "batch": 0.3}}
    own = {**routed("least-loaded")}
    differ = sum(
        run(workload, {**own, **first}, seed, max_running_requests=32).metrics()
        != run(workload, {**own, **second}, seed, max_running_requests=32).metrics()
        for seed in SEEDS
    )
    return Outcome({"seeds that differ": differ}, differ == 0)


def age_is_fcfs() -> Outcome:
    """Most urgent is who has waited longest."""
    ordered = {"scheduling": {"policy": "priority-fcfs"}, "priority": {"policy": "slo-based"}}
    return _equal(ordered, {"scheduling": {"policy": "fcfs"}})


def double_negation() -> Outcome:
    """Urgency upside down, taken in reverse."""
    twice = {"scheduling": {"policy": "reverse-priority"}, "priority": {"policy": "inverted-slo"}}
    once = {"scheduling": {"policy": "priority-fcfs"}, "priority": {"policy": "slo-based"}}
    return _equal(twice, once)


def token_budget() -> Outcome:
    """More tokens in a step: more throughput, and tokens that come in jerks."""
    figures: dict[str, float] = {}
    for budget in (512, 2048, 4096, 8192):
        workload = drawn(1000.0, 1000, 256, 128)
        figures[f"{budget}: throughput [1/s]"] = mean_of(
            figure("responses_per_sec"), workload, step_token_budget=budget
        )
        figures[f"{budget}: ITL p99 [ms]"] = mean_of(figure("itl_p99_ms"), workload, step_token_budget=budget)
        figures[f"{budget}: ITL mean [ms]"] = mean_of(ITL, workload, step_token_budget=budget)
        figures[f"{budget}: TTFT p99 [ms]"] = mean_of(TTFT_P99, workload, step_token_budget=budget)
    gain = figures["8192: throughput [1/s]"] / figures["512: throughput [1/s]"]
    jerk = figures["8192: ITL p99 [ms]"] / figures["512: ITL p99 [ms]"]
    sooner = figures["4096: TTFT p99 [ms]"] / figures["512: TTFT p99 [ms]"]
    figures |= {"throughput, ratio": gain, "ITL p99, ratio": jerk, "TTFT p99, 4096 over 512": sooner}
    return Outcome(figures, gain > 1.1 and jerk > 3 and sooner < 0.7)


def _mixed_lengths() -> dict[str, Any]:
    return specified(
        60.0,
        1000,
        client("short", 0.5, 64, 128, slo_class="interactive"),
        client("long", 0.5, 2048, 128, slo_class="batch"),
    )


def chunks() -> Outcome:
    """Long prompts in pieces: short requests get through between them, and long ones pay."""
    figures = {}
    for name, chunk in (("whole", 0), ("chunks of 256", 256)):
        for kind in ("interactive", "batch"):
            read = of_class(kind, "ttft_p99_ms")
            figures[f"{name}: TTFT p99 of {kind} [ms]"] = mean_of(
                read, _mixed_lengths(), long_prefill_threshold_tokens=chunk
            )
    short = figures["chunks of 256: TTFT p99 of interactive [ms]"] / figures["whole: TTFT p99 of interactive [ms]"]
    long = figures["chunks of 256: TTFT p99 of batch [ms]"] / figures["whole: TTFT p99 of batch [ms]"]
    return Outcome({**figures, "short, ratio": short, "long, ratio": long}, short < 0.75 and long > 1.3)


def chunks_and_tokens() -> Outcome:
    """The control: chunks leave the mean time between tokens as it was."""
    whole, cut = (mean_of(ITL, _mixed_lengths(), long_prefill_threshold_tokens=n) for n in (0, 512))
    return Outcome({"ITL mean [ms]": whole, "in chunks of 512": cut}, abs(cut / whole - 1) < 0.03)


def token_bucket() -> Outcome:
    """A bucket smaller than a prompt: wonderful latencies of the few that it lets in. No objective may reward it."""
    workload = drawn(400.0, 1000, arrival="gamma", cv=3.5)
    shed = {
        **routed("least-loaded"),
        "admission": {"policy": "token-bucket", "capacity_tokens": 500, "refill_tokens_per_s": 400},
    }
    p99 = [mean_of(TTFT_P99, workload, one) for one in (routed("least-loaded"), shed)]
    refused = mean_of(figure("rejection_ratio"), workload, shed)
    late = [mean_of(figure("lateness"), workload, one) for one in (routed("least-loaded"), shed)]
    figures = {
        "TTFT p99 [ms]": p99[0], "behind the bucket": p99[1], "share refused": refused,
        "lateness of everybody": late[0], "behind the bucket, lateness": late[1],
    }  # fmt: skip
    return Outcome(
        figures, p99[0] > 2 * p99[1] and refused > 0.9 and late[1] > 2 * late[0], "lateness counts the refused"
    )


def bursts() -> Outcome:
    """Gamma arrivals of CV 3.5 against Poisson's, above and below saturation."""
    ratios = []
    for rate in (400.0, 60.0):
        smooth = mean_of(TTFT_P99, drawn(rate, 1000))
        bursty = mean_of(TTFT_P99, drawn(rate, 1000, arrival="gamma", cv=3.5))
        ratios.append(bursty / smooth)
    return Outcome(
        {"p99 ratio, much too much": ratios[0], "below saturation": ratios[1]}, min(ratios) > 1.0 and ratios[1] > 1.2
    )


_ROUTERS = {
    "round-robin": routed("round-robin"),
    "least-loaded": routed("least-loaded"),
    "prefix": weighted(prefix_affinity=3, queue_depth=2),
    "kv": weighted(kv_utilization=1),
}


def price_lists() -> Outcome:
    """Two latency models rank routers alike by means."""
    shared = drawn(120.0, 1000, 256, 128, prefix_groups=60, prefix_tokens=1024)
    orders: list[list[str]] = []
    figures: dict[str, float] = {}
    for latency in ("affine", "roofline"):
        means = {name: mean_of(TTFT, shared, one, latency={"kind": latency}) for name, one in _ROUTERS.items()}
        orders.append(sorted(means, key=means.__getitem__))
        figures |= {f"{latency}, {name}: TTFT [ms]": value for name, value in means.items()}
    agree = sum(
        (orders[0].index(a) < orders[0].index(b)) == (orders[1].index(a) < orders[1].index(b))
        for k, a in enumerate(_ROUTERS)
        for b in list(_ROUTERS)[k + 1 :]
    )
    return Outcome({"pairs of 6 ranked alike": agree, **figures}, agree == 6)


def second_model() -> Outcome:
    """Six of the directions on Qwen2.5 7B."""
    held = []
    p99 = [mean_of(TTFT_P99, drawn(500.0, 1000), **{**QWEN, "instances": n}) for n in (2, 4, 8)]
    held.append(p99[0] > 2 * p99[1] > 4 * p99[2])
    workload = specified(
        3000.0,
        1000,
        client("short", 0.5, 32, 64, slo_class="interactive"),
        client("long", 0.5, 1024, 128, slo_class="batch"),
    )
    short = [
        mean_of(
            of_class("interactive", "ttft_mean_ms"),
            workload,
            {**routed("least-loaded"), "scheduling": {"policy": one}},
            **QWEN,
        )
        for one in ("fcfs", "sjf")
    ]
    held.append(short[1] < 0.3 * short[0])
    chunked = [
        mean_of(
            of_class("interactive", "ttft_p99_ms"), _mixed_lengths(), **{**QWEN, "long_prefill_threshold_tokens": n}
        )
        for n in (0, 256)
    ]
    held.append(chunked[1] < 0.9 * chunked[0])
    stale = [
        mean_of(TTFT_P99, drawn(150.0, 1000), weighted(kv_utilization=1), **{**QWEN, "snapshot_refresh_us": n})
        for n in (0, 500_000)
    ]
    held.append(stale[1] > 2 * stale[0])
    shared = [
        mean_of(
            TTFT,
            drawn(100.0, 400, 256, 128, prefix_groups=4, prefix_tokens=n),
            weighted(prefix_affinity=3, queue_depth=2),
            **QWEN,
        )
        for n in (1, 512)
    ]
    held.append(shared[1] < 1.6 * shared[0])
    means = [mean_of(figure("e2e_mean_ms"), drawn(1.0, 100), one, **QWEN) for one in _ROUTERS.values()]
    held.append(max(means) < 1.05 * min(means))
    return Outcome({"directions of 6": int(np.sum(held))}, sum(held) >= 5)


def class_priority() -> Outcome:
    """Class first, with nothing else changed: the critical class gains what the others lose."""
    workload = {**drawn(32.0, 1000), "slo_classes": {"critical": 0.2, "standard": 0.4, "sheddable": 0.4}}
    figures = {}
    for name, policies in (
        ("fcfs", {}),
        ("by class", {"priority": {"policy": "slo-class"}, "scheduling": {"policy": "priority-fcfs"}}),
    ):
        own = {**routed("least-loaded"), **policies}
        figures[f"{name}: critical p99 [ms]"] = mean_of(
            of_class("critical", "ttft_p99_ms"), workload, own, max_running_requests=32
        )
        figures[f"{name}: p99 of all"] = mean_of(TTFT_P99, workload, own, max_running_requests=32)
    gain = figures["by class: critical p99 [ms]"] / figures["fcfs: critical p99 [ms]"]
    loss = figures["by class: p99 of all"] / figures["fcfs: p99 of all"]
    return Outcome({**figures, "critical, ratio": gain, "all, ratio": loss}, gain < 0.6 and loss > 1.05)


FINDINGS = (
    Finding("V-SJF", False, "short requests 94 % sooner, long ones 4 % later", shortest_first),
    Finding("V-AGEPRIO", False, "priority by age alone is first come, first served", age_is_fcfs),
    Finding("V-DOUBLENEG", False, "two inversions cancel", double_negation),
    Finding("V-BUDGET", False, "budget 512 to 8192: +27 % throughput, ITL p99 5.8 times", token_budget),
    Finding("V-CHUNK", False, "chunks: short TTFT p99 -46 to -58 %, long +60 to 69 %", chunks),
    Finding("V-CHUNKITL", False, "chunks leave the mean ITL as it was", chunks_and_tokens),
    Finding("V-BUCKET", False, "56 times better p99 by refusing 96 %", token_bucket),
    Finding("V-BURST", False, "bursts: 1.25 times worse p99 in overload, 1.66 below", bursts),
    Finding("V-ROOF", False, "two price lists rank means alike", price_lists),
    Finding("V-CROSS", False, "most findings hold for a second model", second_model),
    Finding("V-CLASSPRIO", False, "class priority: critical p99 halves, that of all rises", class_priority),
)
