"""Directions about clusters whose instances prefill or decode."""

from typing import Any

from experiments.validate.finding import Finding, Outcome
from experiments.validate.setup import drawn, figure, mean_of, routed

TTFT_P99, E2E, ITL = figure("ttft_p99_ms"), figure("e2e_mean_ms"), figure("itl_mean_ms")
DIVIDED = {**routed("least-loaded"), "disaggregation": {"policy": "always"}}


def _pools(prefill: int, decode: int, base_latency_us: int = 50) -> dict[str, Any]:
    return {
        "instances": [{"count": prefill, "role": "prefill"}, {"count": decode, "role": "decode"}],
        "disaggregation": {"transfer": {"bandwidth_gb_per_s": 25, "base_latency_us": base_latency_us}},
    }


def high_rate() -> Outcome:
    """Eight instances, shared and divided, when much arrives."""
    workload = drawn(400.0, 1000)
    shared = mean_of(TTFT_P99, workload, instances=8)
    two, four = (mean_of(TTFT_P99, workload, DIVIDED, **_pools(n, 8 - n)) for n in (2, 4))
    tokens = [mean_of(ITL, workload, instances=8), mean_of(ITL, workload, DIVIDED, **_pools(4, 4))]
    figures = {
        "8 shared: TTFT p99 [ms]": shared,
        "2+6": two,
        "4+4": four,
        "8 shared: ITL [ms]": tokens[0],
        "4+4: ITL": tokens[1],
    }
    remark = (
        "time between tokens falls by a tenth, but first tokens come no sooner: they are those of the instance that "
        "decodes, where the published run counted those of the prefill pool, and two instances compute 220 prompts a "
        "second at most"
    )
    return Outcome(figures, two < shared / 10, remark)


def low_rate() -> Outcome:
    """The same when little arrives."""
    workload = drawn(20.0, 500)
    shared = mean_of(TTFT_P99, workload, instances=8)
    divided = mean_of(TTFT_P99, workload, DIVIDED, **_pools(4, 4))
    return Outcome({"8 shared: TTFT p99 [ms]": shared, "4+4": divided}, divided > shared)


def slow_transfer() -> Outcome:
    """Fifty milliseconds for every transfer."""
    workload = drawn(100.0, 1000)
    quick, slow = (mean_of(E2E, workload, DIVIDED, **_pools(4, 4, base_us)) for base_us in (50, 50_000))
    return Outcome({"E2E [ms]": quick, "with 50 ms": slow, "ratio": slow / quick}, 1.0 < slow / quick < 1.05)


FINDINGS = (
    Finding("V-PD", False, "2+6 has 341 times lower TTFT p99 than 8 shared at rate 400", high_rate),
    Finding("V-PDLOW", False, "no benefit of dividing at low rate", low_rate),
    Finding("V-PDTRANSFER", False, "a transfer of 50 ms costs 2 % of E2E", slow_transfer),
)
