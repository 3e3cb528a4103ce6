"""The figures of an observation, by hand."""

import pytest

from blis.observing.figures import figures
from blis.observing.observation import Observation
from blis.workload.plan import generate_requests, workload_plan

REQUESTS = generate_requests(workload_plan({"kind": "distribution", "num_requests": 4}), 1, 16)


def observed(number: int, **changes: object) -> Observation:
    """Sent 1 ms late; a first token 50 ms after that, and four more in two chunks of two."""
    given = {
        "arrival_us": 1_000,
        "send_us": 2_000,
        "times_us": [52_000, 72_000, 112_000],
        "tokens": [1, 2, 2],
        "end_us": 113_000,
        "output_tokens": 5,
        "prompt_tokens": 110,
        "cached_tokens": 44,
        "asked_prompt_tokens": 100,
        "asked_output_tokens": 5,
    }
    return Observation(number, **{**given, **changes})  # type: ignore[arg-type]


def test_latencies_count_from_the_sending_and_gaps_by_tokens() -> None:
    found = figures(REQUESTS, [observed(number) for number in range(4)])

    assert (found["ttft_p50_ms"], found["e2e_p50_ms"]) == (50, 110)
    assert found["itl_mean_ms"] == (2 * 10 + 2 * 20) / 4
    assert (found["lateness_p50_ms"], found["lateness_max_ms"]) == (1, 1)
    assert found["requests_per_s"] == pytest.approx(4 / 0.111)


def test_lengths_and_cached_share_are_of_what_the_server_counted() -> None:
    silent = observed(3, prompt_tokens=0, cached_tokens=None)

    found = figures(REQUESTS, [observed(0), observed(1, cached_tokens=None), observed(2), silent])

    assert found["measured_requests"] == 3
    assert found["input_length_error"] == pytest.approx(0.1)
    assert found["cached_share"] == 88 / 220


def test_what_failed_is_counted_by_kind_and_in_no_latency() -> None:
    failed = observed(1, status="error", kind="http 503", times_us=[900_000], tokens=[1])
    slow = observed(2, status="timeout", kind="timeout", times_us=[], tokens=[])
    unsent = observed(3, status="error", kind="unsent", send_us=0, times_us=[], tokens=[])

    found = figures(REQUESTS, [observed(0), failed, slow, unsent])

    assert (found["sent"], found["ok"], found["failed"], found["unsent"]) == (3, 1, 2, 1)
    assert found["errors"] == {"http 503": 1, "timeout": 1, "unsent": 1}
    assert (found["ttft_p99_ms"], found["lateness_max_ms"]) == (50, 1)


def test_nothing_that_was_answered_has_no_latencies() -> None:
    unsent = [observed(k, status="error", kind="unsent", times_us=[], tokens=[]) for k in range(4)]

    found = figures(REQUESTS, unsent)

    assert (found["ttft_p50_ms"], found["itl_p50_ms"], found["lateness_max_ms"], found["requests_per_s"]) == (None,) * 4
