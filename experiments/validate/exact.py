"""What has a closed form, or holds for every run."""

from typing import Any

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from blis.foundation.errors import ConfigError
from blis.foundation.randomness import stream
from blis.workload.drawing.arrivals import arrival_process, draw_gaps
from experiments.validate.finding import Finding, Outcome
from experiments.validate.setup import SEEDS, constant, drawn, routed, run, weighted

#: The published coefficients [µs].
ALPHA, BETA = (1601.35, 3.51, 1805.54), (6910.42, 17.67, 2.84)
_STATES = ("completed", "queued", "running", "not_started", "dropped", "rejected", "unroutable", "lost")


def conservation() -> Outcome:
    """Policies and overloads, with memory that is short and admission that refuses."""
    mixes: list[dict[str, Any]] = [
        {},
        {"scheduling": {"policy": "sjf"}},
        {"admission": {"policy": "token-bucket", "capacity_tokens": 20_000, "refill_tokens_per_s": 50_000}},
        {"priority": {"policy": "slo-class"}, "scheduling": {"policy": "priority-fcfs"}},
        weighted(prefix_affinity=3, queue_depth=2, kv_utilization=2),
    ]
    checks = failures = 0
    for mix in mixes:
        for rate in (200.0, 600.0, 2000.0):
            for blocks in (132_139, 2_000):
                metrics = run(
                    drawn(rate, 400), {"routing": {"policy": "round-robin"}, **mix}, kv_blocks=blocks
                ).metrics()
                counted = sum(metrics[f"{state}_requests"] for state in _STATES)
                checks, failures = checks + 1, failures + (counted != metrics["injected_requests"] or counted != 400)
    return Outcome({"checks": checks, "failures": failures}, failures == 0)


def determinism() -> Outcome:
    """The same seed twice under five mixes."""
    differ = 0
    mixes = (
        routed("round-robin"),
        routed("least-loaded"),
        weighted(queue_depth=1),
        routed("preble"),
        routed("lmetric"),
    )
    for mix in mixes:
        differ += run(drawn(300.0, 400), mix).metrics() != run(drawn(300.0, 400), mix).metrics()
    return Outcome({"mixes": len(mixes), "that differ": differ}, differ == 0)


def phases() -> Outcome:
    """Requests that meet nobody: a line in the prompt, and a line in the output."""
    found, wanted = [], []
    for tokens in (64, 256, 512, 1024):
        metrics = run(constant(0.01, 20, tokens, 64), routed("round-robin"), max_running_requests=1).metrics()
        found.append(metrics["ttft_mean_ms"])
        wanted.append((ALPHA[0] + ALPHA[1] * tokens + BETA[0] + BETA[1] * tokens + ALPHA[2]) / 1e3)
    long = run(constant(0.01, 20, 64, 1024), routed("round-robin"), max_running_requests=1).metrics()
    per_token = (long["e2e_mean_ms"] - long["ttft_mean_ms"]) / 1023
    error = max(abs(a - b) for a, b in zip(found, wanted, strict=True))
    step = (BETA[0] + BETA[2] + ALPHA[2]) / 1e3
    figures = {f"TTFT at {n} [ms]": one for n, one in zip((64, 256, 512, 1024), found, strict=True)}
    figures |= {"per output token [ms]": per_token, "worst error [ms]": error}
    return Outcome(figures, error < 0.005 and abs(per_token - step) < 0.005)  # times are whole microseconds


def admission_latency() -> Outcome:
    """A delay before admission adds itself, and nothing else."""
    figures = {}
    for delay_ms in (0, 10, 50):
        metrics = run(
            constant(10.0, 100, 128, 32), routed("round-robin"), admission_latency_us=delay_ms * 1000
        ).metrics()
        figures[f"TTFT at {delay_ms} ms"] = metrics["ttft_mean_ms"]
        figures[f"E2E at {delay_ms} ms"] = metrics["e2e_mean_ms"]
    added = [
        figures[f"{name} at {ms} ms"] - figures[f"{name} at 0 ms"] - ms for name in ("TTFT", "E2E") for ms in (10, 50)
    ]
    return Outcome(figures, max(map(abs, added)) < 1e-6)


def single_server_queue() -> Outcome:
    """One instance that serves one request at a time, outputs exponential: waits of M/M/1."""
    figures, worst = {}, 0.0
    step_ms = (BETA[0] + BETA[2]) / 1e3
    service_ms = (BETA[0] + BETA[1]) / 1e3 + 127 * step_ms
    for use in (0.3, 0.5, 0.7):
        workload = {
            "kind": "spec", "num_requests": 20_000,
            "spec": {"aggregate_rate": use * 1e3 / service_ms, "clients": [{
                "id": "one", "rate_fraction": 1.0, "arrival": {"process": "poisson"},
                "input_distribution": {"type": "constant", "params": {"value": 1}},
                "output_distribution": {"type": "exponential", "params": {"mean": 128}},
            }]},
        }  # fmt: skip
        result = run(workload, routed("round-robin"), instances=1, max_running_requests=1)
        metrics = result.metrics()
        # What is not spent on the server is spent before the wait.
        before_ms = (ALPHA[0] + ALPHA[1]) / 1e3
        wait_ms = metrics["scheduling_delay_mean_ms"] - before_ms
        outputs = metrics["total_output_tokens"] / metrics["completed_requests"]
        served_ms = (BETA[0] + BETA[1]) / 1e3 + (outputs - 1) * step_ms
        share = metrics["busy_share"]
        theory_ms = share / (1 - share) * served_ms
        figures[f"wait over M/M/1 at {use:g}"] = wait_ms / theory_ms
        worst = max(worst, abs(wait_ms / theory_ms - 1))
    return Outcome(figures, worst < 0.1)


def liveness() -> Outcome:
    """All orders finish everything, at a third to five sixths of what batches of 256 and of eight carry."""
    unfinished, figures = 0, {}
    for batch in (256, 8):
        for order in ("fcfs", "sjf", "priority-fcfs"):
            means = []
            for rate in (60.0, 110.0, 170.0):
                policies = {
                    "scheduling": {"policy": order},
                    "priority": {"policy": "slo-class"},
                    **routed("least-loaded"),
                }
                load = rate if batch == 256 else rate / 6
                metrics = run(drawn(load, 600, prompt=512, output=128), policies, max_running_requests=batch).metrics()
                unfinished += metrics["completed_requests"] != 600
                means.append(metrics["ttft_mean_ms"])
            figures[f"{order}, batch {batch}: TTFT [ms]"] = float(np.mean(means))
    return Outcome({"unfinished runs": unfinished, **figures}, unfinished == 0)


def no_memory() -> Outcome:
    """An instance without blocks is refused, by one clear error."""
    refused = 0
    for blocks in (0, -1):
        try:
            run(drawn(1.0, 1), kv_blocks=blocks)
        except ConfigError:
            refused += 1
    return Outcome({"refused of 2": refused}, refused == 2)


def arrivals() -> Outcome:
    """Ten thousand gaps of each process against its distribution, by Kolmogorov and Smirnov."""
    figures, holds = {}, True
    for process, cv in (("poisson", 1.0), ("gamma", 1.5), ("gamma", 3.5)):
        own = arrival_process("arrival", process, cv)
        gaps = draw_gaps(stream(SEEDS[0], "validate", process, str(cv)), own, 100.0, 10_000)

        shape = 1.0 / cv**2
        probability = stats.kstest(gaps, stats.gamma(shape, scale=gaps.mean() / shape).cdf).pvalue
        figures[f"p, {process} {cv:g}"] = probability
        holds &= probability > 0.01
    return Outcome(figures, holds)


FINDINGS = (
    Finding("V-CONS", True, "every request is in exactly one state, at any load", conservation),
    Finding("V-DET", True, "the same seed gives the same figures", determinism),
    Finding("V-PHASE", True, "11.672, 15.739, 21.161, 32.008 ms to the first token, 8.719 ms a token", phases),
    Finding("V-ADMLAT", True, "a delay of admission is exactly additive", admission_latency),
    Finding("V-MM1", True, "waits of M/M/1 within a tenth", single_server_queue),
    Finding("V-LIVE", True, "every order finishes every request", liveness),
    Finding("V-ZEROKV", True, "no blocks, or fewer, are refused", no_memory),
    Finding("V-ARRIVAL", True, "gaps pass a test of their distribution", arrivals),
)
