"""This file checks, one by one and in both simulators, the rules by which drafts are served.

Times are derived by hand. Steps take 100 µs, 10 for each prompt token and 5 for each token of a decode, drafts
included; blocks have 4 tokens. Decodes have three drafts, all of which are accepted, or none.
"""

from __future__ import annotations

from typing import Any

from tests.reference.conftest import Simulate
from tests.reference.test_worked_examples import CORRECTED, case, requests, times

ALL = {"draft_tokens": 3, "accepted_tokens": 3.0}
NONE = {"draft_tokens": 3, "accepted_tokens": 0.0}


def test_accepted_drafts_come_with_the_token_of_their_step(simulator: Simulate) -> None:
    result = simulator(case(speculative=ALL), requests((0, 4, 9)), CORRECTED)

    # One token at 140, then four in each of two steps of 120; a step is one interval, whatever it brings.
    assert times(result) == [(140, 380, 0)]
    assert result["itl_ms"]["mean"] == 0.12
    assert result["per_instance"][0]["steps"] == 3
    assert result["per_instance"][0]["drafts"] == [2, 6, 6]


def test_rejected_drafts_cost_and_give_nothing(simulator: Simulate) -> None:
    result = simulator(case(speculative=NONE), requests((0, 4, 3)), CORRECTED)

    assert times(result) == [(140, 380, 0)]
    assert result["per_instance"][0]["drafts"] == [2, 6, 0]


def test_an_output_ends_within_a_step(simulator: Simulate) -> None:
    result = simulator(case(speculative=ALL), requests((0, 4, 3)), CORRECTED)

    # Two tokens are lacking, four are computed; as servers do, all three drafts are counted as accepted.
    assert times(result) == [(140, 260, 0)]
    assert result["total_output_tokens"] == 3
    assert result["per_instance"][0]["drafts"] == [1, 3, 3]


def test_the_tokens_of_a_step_reach_the_client_together(simulator: Simulate) -> None:
    result = simulator(case((0, 0, 20), speculative=ALL), requests((0, 4, 9)), CORRECTED)

    assert times(result) == [(160, 160 + 2 * (120 + 20), 0)]


def test_making_drafts_takes_its_time(simulator: Simulate) -> None:
    result = simulator(case(speculative=ALL | {"draft_token_us": 2.5}), requests((0, 4, 9)), CORRECTED)

    assert times(result) == [(140, 140 + 2 * 127, 0)]


def test_drafts_count_against_the_budget(simulator: Simulate) -> None:
    result = simulator(case(speculative=ALL, step_token_budget=5), requests((0, 4, 9), (0, 1, 9)), CORRECTED)

    # Prompts 150. Twice R0 takes four tokens of the budget and R1 has one left, for no draft: 125. Then R1 has three
    # tokens of nine, and gets the rest in two steps of 120.
    assert times(result) == [(150, 400, 0), (150, 640, 0)]
    assert result["per_instance"][0]["drafts"] == [4, 12, 12]


def test_drafts_keep_to_the_threshold_of_long_prompts(simulator: Simulate) -> None:
    one = case(speculative=ALL, long_prefill_threshold=2)

    result = simulator(one, requests((0, 2, 3), (0, 2, 3)), CORRECTED)

    assert times(result) == [(140, 260, 0), (140, 260, 0)]


def test_drafts_keep_within_the_longest_sequence(simulator: Simulate) -> None:
    result = simulator(case(speculative=NONE, max_model_len=7), requests((0, 4, 3)), CORRECTED)

    # The last of seven tokens is not computed: behind the four of the prompt there is one draft, then none.
    assert times(result) == [(140, 140 + 110 + 105, 0)]


def test_drafts_keep_within_the_memory(simulator: Simulate) -> None:
    result = simulator(case(speculative=NONE, kv_blocks=2), requests((0, 6, 3)), CORRECTED)

    # Eight tokens can be stored: one draft behind the sixth, then none.
    assert times(result) == [(160, 160 + 110 + 105, 0)]


def test_drafts_take_blocks_and_rejected_ones_leave_them(simulator: Simulate) -> None:
    result = simulator(case(speculative=NONE, kv_blocks=5), requests((0, 4, 5), (0, 4, 5)), CORRECTED)

    # 180: a block each. 320: two each. Then each needs a third, for positions 5 to 8: R1 gives way, R0 is served, 440.
    # R1 finds its first block and computes two tokens beside R0, 140; lacks a third block again at 580 and gives way.
    # R0 ends at 700. R1 computes three of its seven tokens, 130, and a last decode, 120.
    assert times(result) == [(180, 700, 0), (180, 950, 0)]
    assert [row["preemptions"] for row in result["requests"]] == [0, 2]
    assert result["per_instance"][0]["steps"] == 7
    assert result["per_instance"][0]["peak_kv_blocks"] == 5


def test_what_the_last_step_accepted_cannot_be_found(simulator: Simulate) -> None:
    def cached_blocks(**drafts: Any) -> int | None:
        rows = requests((0, 4, 9), (1000, 13, 1))
        rows[1] |= {"context_of": 0, "context_length": 12}
        found: int | None = simulator(case(**drafts), rows, CORRECTED)["requests"][1]["cached_blocks"]
        return found

    # The third block is full of tokens that were known only when R0 had left; a block gets its key when its request is
    # served again.
    assert cached_blocks(speculative=ALL) == 2
    assert cached_blocks() == 3


def test_who_drafts_composes_one_step_at_a_time(simulator: Simulate) -> None:
    rows = requests((0, 4, 9), (50, 4, 9))

    ahead = simulator(case(speculative=ALL), rows, "vllm-0.32")

    assert times(ahead) == times(simulator(case(speculative=ALL), rows, CORRECTED))
