"""This file checks, one by one and in both simulators, the rules by which vLLM forms batches.

Times are derived by hand. Steps take 100 µs, 10 for each prompt token and 5 for each decode; blocks have 4 tokens.
"""

from __future__ import annotations

from typing import Any

from tests.reference.conftest import Simulate
from tests.reference.test_worked_examples import CORRECTED, case, requests, times

VLLM = "vllm-0.32"
BY_PRIORITY = {"scheduler": "priority-fcfs", "priority_policy": "slo-class", "preemption": "lowest-priority"}


def of_classes(rows: list[dict[str, Any]], *classes: str) -> list[dict[str, Any]]:
    return [row | {"slo_class": name} for row, name in zip(rows, classes, strict=True)]


def test_a_long_prompt_keeps_to_the_threshold_in_company_only(simulator: Simulate) -> None:
    result = simulator(case(long_prefill_threshold=4), requests((0, 10, 1), (0, 4, 1)), CORRECTED)

    # Both compute 4 tokens, 180; then R0 is alone and computes the other 6 at once, 160.
    assert times(result) == [(340, 340, 0), (180, 180, 0)]


def test_a_request_is_taken_when_its_whole_prompt_fits(simulator: Simulate) -> None:
    one = case(kv_blocks=4, step_token_budget=4)

    result = simulator(one, requests((0, 8, 2), (1, 12, 1)), CORRECTED)

    # At 280 R0 holds three blocks of four, and R1 needs three: it is taken at 385, for three chunks of 140.
    assert times(result) == [(280, 385, 0), (804, 804, 384)]


def test_a_pool_may_take_a_request_when_its_first_chunk_fits(simulator: Simulate) -> None:
    one = case(kv_blocks=4, step_token_budget=4, reserve_full_isl=False)

    result = simulator(one, requests((0, 8, 2), (1, 12, 1)), CORRECTED)

    # At 280 three tokens of R1 fit beside R0's decode, 135; then 4, 4 and 1: 140, 140, 110.
    assert times(result) == [(280, 415, 0), (804, 804, 279)]


def test_the_watermark_stays_free_when_a_request_joins_others(simulator: Simulate) -> None:
    one = case(kv_blocks=9, kv_watermark=0.3)

    result = simulator(one, requests((0, 20, 3), (1, 8, 1)), CORRECTED)

    # 0.3 of 9 blocks and vLLM's own are 3. R0 holds six from 300 on: R1's two do not leave three. At 510 it is alone.
    assert times(result) == [(300, 510, 0), (689, 689, 509)]


def test_without_prefix_caching_nothing_is_found(simulator: Simulate) -> None:
    one = case(prefix_caching=False)

    result = simulator(one, requests((0, 9, 1), (1000, 9, 1), shared=8), CORRECTED)

    assert times(result) == [(190, 190, 0), (190, 190, 0)]
    assert (result["cache_hits"], result["cache_misses"]) == (0, 6)


def test_what_a_victim_was_served_goes_back_to_the_budget(simulator: Simulate) -> None:
    rows = of_classes(requests((0, 4, 3), (10, 4, 5)), "batch", "critical")

    result = simulator(case(kv_blocks=3, **BY_PRIORITY), rows, CORRECTED)

    # At 285 R0 has its decode when R1 finds no block: R0 gives way, the step is R1's alone, 105. R1 takes the block
    # that R0 had not filled, so that R0 finds the other one at 705, and computes 2 of its 6 tokens: 120.
    assert times(result) == [(140, 825, 0), (275, 695, 130)]
    assert [row["preemptions"] for row in result["requests"]] == [1, 0]
    assert [row["cached_blocks"] for row in result["requests"]] == [1, 0]


def test_a_step_that_serves_nobody_takes_no_time(simulator: Simulate) -> None:
    rows = of_classes(requests((0, 4, 6), (10, 4, 5)), "batch", "critical")

    result = simulator(case(kv_blocks=4, **BY_PRIORITY), rows, CORRECTED)

    # At 615 R0, the first in the batch, finds no block and is the one to give way: that ends the step, and R1 is served
    # in the next, at once. R0 lacks one token, which it gets at 720 by computing its ninth: that costs as a decode.
    assert times(result) == [(140, 825, 0), (275, 710, 130)]
    assert [row["cached_blocks"] for row in result["requests"]] == [2, 0]
    assert result["per_instance"][0]["steps"] == 7


def test_a_newcomer_waits_a_step_more_where_steps_are_composed_ahead(simulator: Simulate) -> None:
    rows = requests((0, 4, 4), (50, 4, 1))

    one_by_one = simulator(case(), rows, CORRECTED)
    ahead = simulator(case(), rows, VLLM)

    # R1 is seen at 140 either way; there the step from 140 to 245 has been composed already.
    assert times(one_by_one) == [(140, 495, 0), (235, 235, 90)]
    assert times(ahead) == [(140, 495, 0), (340, 340, 90)]


def test_a_slot_is_free_two_steps_later_where_steps_are_composed_ahead(simulator: Simulate) -> None:
    one = case(max_running_requests=2)

    result = simulator(one, requests((0, 4, 2), (0, 4, 5), (50, 4, 1)), VLLM)

    # R0 has its last token at 290. The step from 290 to 395 was composed at 180, so R2 is served from 395 on: 145.
    assert times(result) == [(180, 290, 0), (180, 645, 0), (490, 490, 240)]


def test_a_pool_may_compose_one_step_at_a_time(simulator: Simulate) -> None:
    rows = requests((0, 4, 4), (50, 4, 1))

    assert times(simulator(case(async_scheduling=False), rows, VLLM)) == times(simulator(case(), rows, CORRECTED))
    assert times(simulator(case(async_scheduling=True), rows, CORRECTED)) == times(simulator(case(), rows, VLLM))
