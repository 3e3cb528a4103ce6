"""Directions about routing."""

import math
from itertools import pairwise
from typing import Any

from experiments.validate.finding import Finding, Outcome
from experiments.validate.setup import (
    SEEDS,
    client,
    constant,
    drawn,
    figure,
    mean_of,
    routed,
    run,
    specified,
    weighted,
)

TTFT, TTFT_P99, E2E = figure("ttft_mean_ms"), figure("ttft_p99_ms"), figure("e2e_mean_ms")
HIT_RATE, SPREAD = figure("cache_hit_rate"), figure("routed_max_over_mean")


def prefix_on_one() -> Outcome:
    """One instance, prompts of 768 tokens of which a part is shared."""
    ttft, hits = [], []
    lengths = (0, 64, 128, 256, 512)
    for shared in lengths:
        workload = constant(100.0, 200, 768 - shared, 64, prefix_groups=int(shared > 0), prefix_tokens=shared)
        ttft.append(mean_of(TTFT, workload, routed("round-robin"), instances=1))
        hits.append(mean_of(HIT_RATE, workload, routed("round-robin"), instances=1))
    figures = {f"TTFT at {n} [ms]": one for n, one in zip(lengths, ttft, strict=True)}
    figures |= {f"hits at {n}": one for n, one in zip(lengths, hits, strict=True)}
    falls = all(a > b for a, b in pairwise(ttft))
    return Outcome(figures, falls and ttft[-1] < 0.3 * ttft[0] and all(a < b for a, b in pairwise(hits)))


def prefix_on_four() -> Outcome:
    """The same on four instances behind prefix 3 to queue 2."""
    policies = weighted(prefix_affinity=3, queue_depth=2)
    plain, shared = (
        mean_of(TTFT, constant(100.0, 400, 768 - n, 64, prefix_groups=int(n > 0), prefix_tokens=n), policies)
        for n in (0, 512)
    )
    return Outcome({"TTFT [ms]": plain, "with 512 shared": shared}, shared < 0.8 * plain)


def _chats(rate: float, num_requests: int = 1000) -> dict[str, Any]:
    sessions = {
        "rounds": {"type": "constant", "params": {"value": 5}},
        "think_time_ms": {"type": "exponential", "params": {"mean": 500}},
        "context_growth": "accumulate",
    }
    return specified(
        rate, num_requests, client("chat", 1.0, 256, 128, sessions=sessions, estimated_us_per_output_token=10_000)
    )


def affinity() -> Outcome:
    """Conversations whose context grows: by prefix, by queue alone, in turn."""
    figures: dict[str, float] = {}
    holds = True
    for rate in (20.0, 2000.0):
        prefix, queue = (
            mean_of(TTFT, _chats(rate), one)
            for one in (weighted(prefix_affinity=3, queue_depth=2), weighted(queue_depth=1))
        )
        figures |= {f"prefix, rate {rate:g}: TTFT [ms]": prefix, f"queue, rate {rate:g}": queue}
        holds &= queue > 1.2 * prefix
    hits = [
        mean_of(HIT_RATE, _chats(20.0), one)
        for one in (weighted(prefix_affinity=3, queue_depth=2), weighted(queue_depth=1))
    ]
    figures |= {"hits by prefix": hits[0], "hits by queue": hits[1]}
    return Outcome(figures, holds and hits[0] > 1.5 * hits[1])


def concentration() -> Outcome:
    """Four of five requests share a short prompt and little arrives: affinity gathers them on one instance."""
    workload = drawn(20.0, 400, 256, 128, prefix_groups=1, prefix_share=0.8, prefix_tokens=256)
    eager, even = weighted(prefix_affinity=5, queue_depth=1), weighted(queue_depth=1)
    ttft = [mean_of(TTFT, workload, one) for one in (eager, even)]
    spread = [mean_of(SPREAD, workload, one) for one in (eager, even)]
    itl = [mean_of(figure("itl_mean_ms"), workload, one) for one in (eager, even)]
    figures = {
        "TTFT [ms], prefix 5 to queue 1": ttft[0],
        "queue": ttft[1],
        "most over mean": spread[0],
        "by queue": spread[1],
        "ITL": itl[0],
        "ITL by queue": itl[1],
    }
    return Outcome(
        figures,
        spread[0] > 2.5 and ttft[0] > ttft[1],
    )


def tie_break() -> Outcome:
    """Prompts that share nothing, ties to the lowest index: all on one instance; a hundredth of load prevents it."""
    workload = drawn(400.0, 200, 256, 128)
    alone, mixed = weighted(prefix_affinity=1), weighted(prefix_affinity=100, queue_depth=1)
    spread = [mean_of(SPREAD, workload, one, router_ties="lowest-index") for one in (alone, mixed)]
    ttft = [mean_of(TTFT, workload, one, router_ties="lowest-index") for one in (alone, mixed)]
    drawn_ties = mean_of(SPREAD, workload, alone)
    figures = {
        "most over mean, prefix alone": spread[0],
        "100 to 1": spread[1],
        "TTFT [ms]": ttft[0],
        "TTFT, 100 to 1": ttft[1],
        "most over mean, ties drawn": drawn_ties,
    }
    return Outcome(figures, spread[0] > 3.8 and spread[1] < 0.75 * spread[0] and ttft[0] > 1.5 * ttft[1])


def scale() -> Outcome:
    """Twice as many instances, more than twice as good at the tail of the first token."""
    p99 = [mean_of(TTFT_P99, drawn(500.0, 1000), instances=n) for n in (2, 4, 8)]
    e2e = [mean_of(E2E, drawn(500.0, 1000), instances=n) for n in (4, 8)]
    calm = [mean_of(TTFT_P99, drawn(40.0, 500), instances=n) for n in (4, 8)]
    figures = {
        "TTFT p99 [ms] on 2": p99[0],
        "4": p99[1],
        "8": p99[2],
        "E2E 4 over 8": e2e[0] / e2e[1],
        "little load, 4 over 8": calm[0] / calm[1],
    }
    return Outcome(figures, p99[0] > 2 * p99[1] and p99[1] > 2 * p99[2] and calm[0] < 1.5 * calm[1])


def staleness() -> Outcome:
    """The KV scorer alone with ever older reports, and beside a signal that is always fresh."""
    ages_ms = (0, 5, 10, 50, 100, 500)
    p99 = [
        mean_of(TTFT_P99, drawn(195.0, 1500, 512, 128), weighted(kv_utilization=1), snapshot_refresh_us=1000 * ms)
        for ms in ages_ms
    ]
    fresh = [
        mean_of(
            TTFT_P99,
            drawn(195.0, 1500, 512, 128),
            weighted(kv_utilization=1, active_requests=1),
            snapshot_refresh_us=1000 * ms,
        )
        for ms in (0, 500)
    ]
    figures = {f"TTFT p99 [ms] at {ms} ms": one for ms, one in zip(ages_ms, p99, strict=True)}
    figures |= {"with requests in flight, 0": fresh[0], "500": fresh[1]}
    return Outcome(
        figures,
        p99[1] < 1.25 * p99[0] and p99[5] > 3 * p99[0] and p99[5] > p99[4] > p99[3] and fresh[1] < 1.5 * fresh[0],
    )


def freshness() -> Outcome:
    """In a burst the use of KV says nothing yet, and queues do."""
    means = [
        mean_of(TTFT, drawn(5000.0, 500), one)
        for one in (weighted(queue_depth=1), weighted(kv_utilization=1), weighted(queue_depth=1, kv_utilization=1))
    ]
    spread = [mean_of(SPREAD, drawn(5000.0, 500), one) for one in (weighted(queue_depth=1), weighted(kv_utilization=1))]
    figures = {
        "TTFT [ms] by queue": means[0],
        "by KV": means[1],
        "by both": means[2],
        "most over mean by queue": spread[0],
        "most over mean by KV": spread[1],
    }
    return Outcome(figures, means[1] > 1.2 * means[0] and spread[1] > spread[0], "")


def pathological() -> Outcome:
    """The busiest instance for everybody, the newest request first."""
    mix = {
        "kind": "distribution",
        **drawn(2000.0, 500),
        "slo_classes": {"critical": 0.3, "standard": 0.4, "batch": 0.3},
    }
    bad = {
        "routing": {"policy": "always-busiest"},
        "priority": {"policy": "inverted-slo"},
        "scheduling": {"policy": "priority-fcfs"},
    }
    p99 = [mean_of(TTFT_P99, mix, one) for one in (routed("least-loaded"), bad)]
    spread = mean_of(SPREAD, mix, bad)
    return Outcome(
        {"TTFT p99 [ms]": p99[0], "pathological": p99[1], "most over mean": spread},
        spread == 4.0 and p99[1] > 3 * p99[0],
    )


_ROUTERS = {
    "round-robin": routed("round-robin"),
    "least-loaded": routed("least-loaded"),
    "queue": weighted(queue_depth=1),
    "3:2:2": weighted(prefix_affinity=3, queue_depth=2, kv_utilization=2),
}


def _apart(workload: dict[str, Any]) -> tuple[dict[str, float], float]:
    means = {name: mean_of(E2E, workload, one) for name, one in _ROUTERS.items()}
    return {f"{name}: E2E [ms]": one for name, one in means.items()}, max(means.values()) / min(means.values())


def low_load() -> Outcome:
    """Hardly anything arrives: no router can be better."""
    figures, ratio = _apart(drawn(1.0, 200))
    return Outcome({**figures, "worst over best": ratio}, ratio < 1.05)


def uniform() -> Outcome:
    """Much arrives, all of it alike: no router can be better either."""
    figures, ratio = _apart(constant(2000.0, 500, 512, 512))
    return Outcome({**figures, "worst over best": ratio}, ratio < 1.05)


_WEIGHTS = {
    "5:1:0": weighted(prefix_affinity=5, queue_depth=1),
    "3:2:2": weighted(prefix_affinity=3, queue_depth=2, kv_utilization=2),
    "1:1:1": weighted(prefix_affinity=1, queue_depth=1, kv_utilization=1),
    "0:1:1": weighted(queue_depth=1, kv_utilization=1),
    "0:1:0": weighted(queue_depth=1),
}


def no_front() -> Outcome:
    """Five weightings: with shared prompts those with prefix win by every figure; without, they tie."""
    shared = drawn(150.0, 800, 256, 128, prefix_groups=60, prefix_tokens=1024)
    figures: dict[str, float] = {}
    for name, one in _WEIGHTS.items():
        figures[f"{name}: TTFT [ms]"] = mean_of(TTFT, shared, one)
        figures[f"{name}: no sharing"] = mean_of(TTFT, drawn(150.0, 800, 256, 128), one)
    with_prefix = [figures[f"{name}: TTFT [ms]"] for name in ("5:1:0", "3:2:2", "1:1:1")]
    without = [figures[f"{name}: TTFT [ms]"] for name in ("0:1:1", "0:1:0")]
    plain = [figures[f"{name}: no sharing"] for name in _WEIGHTS]
    return Outcome(figures, max(with_prefix) < min(without) and max(plain) < 1.1 * min(plain))


def fitness_order() -> Outcome:
    """A fitness of first tokens ranks a prefix router above one by load wherever prompts are shared, for each seed."""
    shared = drawn(150.0, 800, 256, 128, prefix_groups=60, prefix_tokens=1024)
    prefix, load = weighted(prefix_affinity=3, queue_depth=2), weighted(queue_depth=1)
    wins = sum(
        run(shared, prefix, seed).metrics()["ttft_mean_ms"] < run(shared, load, seed).metrics()["ttft_mean_ms"]
        for seed in SEEDS
    )
    plain = [mean_of(TTFT, drawn(200.0, 600, 256, 128), one) for one in (prefix, load)]
    return Outcome(
        {"seeds of 3": wins, "without sharing, ratio": plain[0] / plain[1]}, wins == 3 and math.isclose(*plain)
    )


def two_choices() -> Outcome:
    """Two instances at random, and the better of them, against all eight."""
    few, all_eight = (
        mean_of(TTFT, drawn(900.0, 2000), one, instances=8)
        for one in (routed("power-of-k", choices=2), routed("least-loaded"))
    )
    return Outcome({"TTFT [ms] of two": few, "of all": all_eight}, few > all_eight)


FINDINGS = (
    Finding("V-PREFIX1", False, "first tokens come sooner the more is shared: -96 % at 512 of 768", prefix_on_one),
    Finding("V-PREFIX4", False, "-37 % on four instances", prefix_on_four),
    Finding("V-AFFINITY", False, "queues alone are 2.5 to 4.3 times as slow for conversations", affinity),
    Finding("V-CONC", False, "at low load affinity to a short shared prompt hurts: all on one instance", concentration),
    Finding("V-TIEBREAK1", False, "prefix alone collapses onto one instance, 4 to 6 times as slow", tie_break),
    Finding("V-SCALE", False, "p99 of the first token falls faster than instances are added", scale),
    Finding("V-STALE", False, "reports are harmless up to a step's age, then harm faster than they age", staleness),
    Finding("V-FRESH", False, "KV use alone is 1.7 to 2.8 times worse than queues in a burst", freshness),
    Finding("V-PATH", False, "busiest instance, newest first: 4.5 to 5 times worse, all on one instance", pathological),
    Finding("V-LOWLOAD", False, "at low load all routers are within 5 %", low_load),
    Finding("V-UNIFORM", False, "uniform requests at high load: still no difference", uniform),
    Finding("V-NOFRONT", False, "with reuse cache-heavy weights win by all figures; without, weights tie", no_front),
    Finding("V-FIT", False, "a fitness of first tokens ranks prefix above load on every seed", fitness_order),
    Finding("V-POWER2", False, "power of two at eight instances is 16 % worse than a full scan", two_choices),
)
