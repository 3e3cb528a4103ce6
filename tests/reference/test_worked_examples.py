"""This file checks simulators against worked examples whose times were derived by hand.

E1-E6, E10-E12 and E14 are those of reference/engine.md, section 17, in their CORRECT form. Where that text
gives only the numbers of the defective program, the arithmetic is written beside the expected numbers.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.reference.conftest import Simulate

CORRECTED = "corrected"
APRIL = "reference-2026-04"


def case(
    alpha: tuple[float, float, float] = (0, 0, 0),
    beta: tuple[float, float, float] = (100, 10, 5),
    *,
    kv_blocks: int = 20,
    **changes: Any,
) -> dict[str, Any]:
    return {
        "latency": {"kind": "affine", "alpha_us": list(alpha), "beta_us": list(beta)},
        "instances": 1,
        "kv_blocks_per_instance": kv_blocks,
        "block_size_tokens": 4,
        "max_running_requests": 256,
        "step_token_budget": 2048,
        "long_prefill_threshold": 0,
        "max_model_len": 0,
        "scheduler": "fcfs",
        "priority_policy": "constant",
        "admission": {"policy": "always-admit"},
        "routing": {"policy": "round-robin", "snapshot_refresh_us": 0, "cache_signal_delay_us": 0},
        "admission_latency_us": 0,
        "routing_latency_us": 0,
        "horizon_us": None,
        "routing_trace": None,
        "fitness_weights": None,
    } | changes


def requests(*rows: tuple[int, int, int], shared: int = 0) -> list[dict[str, Any]]:
    """Rows of arrival, prompt and output; the first `shared` tokens of all prompts are the same."""
    return [
        {
            "request": row,
            "arrival_us": arrival_us,
            "input_tokens": n_prompt,
            "output_tokens": n_output,
            "prefix_group": "g" if shared else None,
            "prefix_length": shared,
            "slo_class": None,
            "tenant": None,
            "session": None,
            "round": 0,
        }
        for row, (arrival_us, n_prompt, n_output) in enumerate(rows)
    ]


def times(result: dict[str, Any]) -> list[tuple[int | None, int | None, int | None]]:
    """(ttft, e2e, scheduling delay) of every request."""
    return [(row["ttft_us"], row["e2e_us"], row["scheduling_delay_us"]) for row in result["requests"]]


def test_e1_one_request_with_fractional_coefficients(simulator: Simulate) -> None:
    one = case((100.7, 1.5, 50.9), (1000.2, 10.3, 5.4), kv_blocks=10)

    result = simulator(one, requests((0, 5, 3)), CORRECTED)

    assert times(result) == [(1209, 3319, 108)]
    assert result["end_us"] == 3169
    assert result["total_output_tokens"] == 3
    assert result["throughput_requests_per_s"] == pytest.approx(315.5569580309246, rel=1e-12)
    assert result["itl_ms"]["mean"] == pytest.approx(1.055, rel=1e-12)
    assert result["per_instance"][0]["steps"] == 3


def test_e2_chunks_a_prefix_hit_and_no_overlap_after_a_drain(simulator: Simulate) -> None:
    one = case((0, 0, 20), step_token_budget=8)

    result = simulator(one, requests((0, 10, 3), (500, 11, 2), shared=8), CORRECTED)

    assert times(result) == [(320, 570, 0), (160, 285, 10)]
    assert result["requests"][1]["cached_blocks"] == 2
    assert (result["end_us"], result["total_input_tokens"], result["total_output_tokens"]) == (745, 21, 5)


def test_e2_the_reference_overlaps_the_last_step_after_a_drain(simulator: Simulate) -> None:
    one = case((0, 0, 20), step_token_budget=8)

    result = simulator(one, requests((0, 10, 3), (500, 11, 2), shared=8), APRIL)

    # R1 starts at 500 instead of 510: ttft 130 + 20, then one interval of 105 + 20.
    assert times(result) == [(320, 570, 0), (150, 275, 0)]
    assert result["end_us"] == 735


def test_e3_a_request_that_arrives_during_a_step_waits_for_the_next(simulator: Simulate) -> None:
    result = simulator(case((10, 0, 0)), requests((0, 4, 4), (1, 4, 4)), CORRECTED)

    # Intervals without the doubled last one: R0 145, 110, 110; R1 110, 110, 105.
    assert times(result) == [(150, 515, 10), (294, 619, 149)]
    assert result["end_us"] == 620
    assert result["total_output_tokens"] == 8
    assert result["ttft_ms"]["p90"] == pytest.approx(0.2796, rel=1e-12)
    assert result["scheduling_delay_p99_ms"] == pytest.approx(0.14761, rel=1e-12)
    assert result["itl_ms"]["mean"] == pytest.approx(690 / 6 / 1000, rel=1e-12)


def test_e4_requests_queued_together_share_one_chain_of_steps(simulator: Simulate) -> None:
    result = simulator(case((10, 0, 0)), requests((0, 4, 4), (0, 4, 4)), CORRECTED)

    assert times(result) == [(190, 520, 10), (190, 520, 10)]
    assert result["end_us"] == 520
    assert result["per_instance"][0]["steps"] == 4


def test_e5_a_waiting_request_starts_when_the_batch_drains(simulator: Simulate) -> None:
    one = case(max_running_requests=1)

    result = simulator(one, requests((0, 4, 2), (50, 4, 2), (200, 4, 2), (5000, 4, 1)), CORRECTED)

    assert times(result) == [(140, 245, 0), (335, 440, 195), (430, 535, 290), (140, 140, 0)]
    assert (result["completed"], result["end_us"], result["total_output_tokens"]) == (4, 5140, 7)


def test_e6_preemption_loses_no_block(simulator: Simulate) -> None:
    result = simulator(case(kv_blocks=3), requests((0, 4, 6), (10, 4, 6)), CORRECTED)

    # R1 is taken at 140, has its first token at 285, finds no block for it then, and waits with a text of 5 tokens. Two
    # blocks would be needed, of which one, its own, is free: R0 takes that at 600 and ends at 705. Then R1 computes its
    # text, 150, and four times 105.
    assert times(result) == [(140, 705, 0), (275, 1265, 130)]
    assert [row["preemptions"] for row in result["requests"]] == [0, 1]
    assert (result["end_us"], result["total_output_tokens"]) == (1275, 12)
    assert result["itl_ms"]["mean"] == pytest.approx((705 - 140 + 1275 - 285) / 10 / 1000, rel=1e-12)
    assert result["per_instance"][0]["peak_kv_blocks"] == 3


def test_e10_the_horizon_stops_before_the_first_event_beyond_it(simulator: Simulate) -> None:
    result = simulator(case(horizon_us=300), requests((0, 4, 3), (200, 4, 2), (600, 4, 2)), CORRECTED)

    # The step at 245 counts fully although it ends at 390; R0: 140 + 105 + 145.
    assert times(result) == [(140, 390, 0), (190, None, 45), (None, None, None)]
    assert [row["status"] for row in result["requests"]] == ["completed", "running", "not_started"]
    assert result["end_us"] == 245
    assert result["throughput_requests_per_s"] == pytest.approx(4081.6326530612246, rel=1e-12)


def test_e11_no_output_and_one_output_end_with_the_prompt(simulator: Simulate) -> None:
    result = simulator(case((0, 0, 7)), requests((0, 4, 0), (1000, 4, 1)), CORRECTED)

    assert times(result) == [(147, 147, 0), (147, 147, 0)]
    assert result["itl_ms"] == {"mean": 0, "p90": 0, "p95": 0, "p99": 0}
    assert result["total_output_tokens"] == 1


def test_e12_a_wholly_cached_prompt_recomputes_its_last_block(simulator: Simulate) -> None:
    result = simulator(case(), requests((0, 8, 3), (1000, 8, 3), shared=8), CORRECTED)

    # R0: 180, then twice 105. R1 computes 4 tokens: 140, then twice 105.
    assert times(result) == [(180, 390, 0), (140, 350, 0)]
    assert result["requests"][1]["cached_blocks"] == 1
    # Fresh blocks: R0 two and one for its output, R1 one and one.
    assert (result["cache_hits"], result["cache_misses"]) == (1, 5)


def test_e12_the_reference_computes_and_holds_nothing_of_a_wholly_cached_prompt(simulator: Simulate) -> None:
    result = simulator(case(), requests((0, 8, 3), (1000, 8, 3), shared=8), APRIL)

    assert times(result) == [(180, 390, 0), (100, 310, 0)]
    assert result["requests"][1]["cached_blocks"] == 2
    assert (result["cache_hits"], result["cache_misses"]) == (0, 4)


def test_e14_a_cascade_of_preemptions_ends(simulator: Simulate) -> None:
    result = simulator(case(kv_blocks=6), requests((0, 4, 7), (10, 4, 5), (210, 8, 5)), CORRECTED)

    # R2 is preempted at 475 with one token written: a text of 9. It needs three free blocks, two of them its own, and
    # has two; at 695 R0 takes the one that R2 freed first, its second. R1 ends at 805 and leaves two more: R2 finds its
    # first block and computes 5 tokens beside R0's last decode, 100 + 50 + 5, then three times 105.
    assert [row["ttft_us"] for row in result["requests"]] == [140, 275, 265]
    assert [row["e2e_us"] for row in result["requests"]] == [960, 795, 1065]
    assert [row["preemptions"] for row in result["requests"]] == [0, 0, 1]
    assert [row["cached_blocks"] for row in result["requests"]] == [0, 0, 1]


@pytest.mark.parametrize(
    ("n_output", "status"),
    [(4, "completed"), (5, "dropped")],
    ids=["all but the final token fit", "one token too many"],
)
def test_corrected_drops_what_can_never_finish(simulator: Simulate, n_output: int, status: str) -> None:
    # Two blocks of 4 hold 5 prompt tokens and the first 3 output tokens; the final token needs no room.
    result = simulator(case(kv_blocks=2), requests((0, 5, n_output)), CORRECTED)

    assert result["requests"][0]["status"] == status
    assert result["per_instance"][0]["kv_allocation_failures"] == 0


def test_the_reference_preempts_for_ever_what_can_never_finish(simulator: Simulate) -> None:
    result = simulator(case(kv_blocks=2, horizon_us=1000), requests((0, 5, 5)), APRIL)

    # 0: prompt 150. 150, 255, 360: decodes 105. 465: no third block, preempts itself, 100. 565: one block
    # is cached, 110. 675, 780, 885: decodes. 990: preempts itself again.
    assert result["requests"][0] == {
        "request": 0,
        "instance": 0,
        "ttft_us": 675,
        "e2e_us": None,
        "scheduling_delay_us": 565,
        "status": "queued",
        "preemptions": 2,
        "cached_blocks": 1,
        "regret": None,
        "score": None,
    }
    assert (result["per_instance"][0]["steps"], result["end_us"]) == (10, 990)
