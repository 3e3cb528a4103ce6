"""Routers that production runs, by their published formulas on small clusters."""

from typing import Any

import numpy as np
import pytest

from blis.engine._jit import plain
from blis.engine.choice import draw_of
from blis.engine.views import RequestView
from blis.policies.binding import bind, memory_for
from tests.contracts.test_answers import REQUEST, router_view


def scored(policy: str | dict[str, Any], request: RequestView, **signals: list[int]) -> tuple[int, list[float]]:
    """Instance chosen, and what each was thought of; signals that are not named are zero."""
    bound = bind("routing", "routing", policy)
    n = len(next(iter(signals.values())))
    names = ("queued_requests", "running_requests", "queued_tokens", "used_blocks", "in_flight_requests")
    kept = ("cached_blocks", "affinity_blocks", "effective_load", "sent_tokens")
    zero = {name: np.zeros(n, int) for name in (*names, *kept)}
    view = router_view(n, 0)._replace(**(zero | {name: np.array(own) for name, own in signals.items()}))
    scores = np.zeros(n)
    chosen = plain(bound.decide)(view, request, bound.parameters, memory_for(bound, n, 10), scores)
    return chosen, scores.tolist()


PROMPT = REQUEST._replace(input_tokens=160)  # 10 blocks of 16
REQUEST_OF_TEN = PROMPT._replace(prompt_blocks=10)


def test_lmetric_is_a_product_and_a_full_hit_on_a_busy_instance_does_not_beat_everything() -> None:
    chosen, scores = scored(
        "lmetric", PROMPT, queued_tokens=[0, 40, 0], cached_blocks=[9, 0, 0], in_flight_requests=[20, 0, 1]
    )

    assert scores == [-16 * 21, -200 * 1, -160 * 2]
    assert chosen == 1


def test_work_is_prompts_ahead_what_is_left_to_compute_and_the_batch() -> None:
    chosen, scores = scored(
        {"policy": "shortest-expected-work", "tokens_per_request": 100},
        PROMPT,
        queued_tokens=[50, 0, 0],
        cached_blocks=[5, 0, 2],
        in_flight_requests=[0, 3, 1],
    )

    assert scores == [-130.0, -460.0, -228.0]
    assert chosen == 0
    full = {"policy": "shortest-expected-work", "tokens_of_full_memory": 1000.0}
    assert scored(full, PROMPT, used_blocks=[25, 0])[1] == [-160.0 - 500.0, -160.0]


def test_preble_stays_with_the_holders_of_most_of_the_prompt_unless_they_are_overloaded() -> None:
    held = {"affinity_blocks": [6, 6, 0], "queued_tokens": [500, 100, 0]}

    assert scored("preble", PROMPT, in_flight_requests=[0, 1, 0], **held)[0] == 1
    assert scored("preble", PROMPT, in_flight_requests=[9, 9, 0], **held)[0] == 2  # more than twice the least plus one
    assert scored("preble", PROMPT, affinity_blocks=[5, 0, 0], queued_tokens=[500, 0, 9])[0] == 1  # half is not most


def test_dynamo_adds_blocks_to_prefill_and_blocks_in_use() -> None:
    chosen, scores = scored(
        "dynamo-kv", PROMPT, queued_tokens=[32, 0, 0], cached_blocks=[10, 4, 0], used_blocks=[7, 5, 0]
    )

    assert scores == [-(2 + 7 + 10), -(6 + 5 + 10), -(10 + 0 + 10)]
    assert chosen == 0


def test_sglang_follows_the_cache_until_load_is_uneven_by_both_thresholds() -> None:
    # from the published defaults 64 and 1.5: 100 and 30 are uneven, 200 and 140 are not
    assert scored("cache-aware", PROMPT, affinity_blocks=[9, 0], in_flight_requests=[100, 30])[0] == 1
    assert scored("cache-aware", PROMPT, affinity_blocks=[9, 0], in_flight_requests=[200, 140])[0] == 0
    assert scored("cache-aware", PROMPT, affinity_blocks=[3, 0], in_flight_requests=[9, 4])[0] == 1  # 48 of 160 tokens
    assert scored("cache-aware", PROMPT, affinity_blocks=[4, 0], in_flight_requests=[9, 4])[0] == 0


def test_llm_d_sticks_to_the_holders_of_most_of_the_prompt_until_they_are_saturated() -> None:
    held = {"affinity_blocks": [4, 8, 10]}  # of ten in all: enough from 8 on
    sticky = "sticky-until-saturated"

    assert scored(sticky, REQUEST_OF_TEN, sent_tokens=[0, 5_000, 6_000], **held)[0] == 1
    assert scored(sticky, REQUEST_OF_TEN, sent_tokens=[0, 5_032, 5_000], **held)[0] == 2  # 32 tokens less to compute
    assert scored(sticky, REQUEST_OF_TEN, sent_tokens=[0, 286_720, 300_000], **held)[0] == 1
    assert scored(sticky, REQUEST_OF_TEN, sent_tokens=[0, 286_721, 300_000], **held)[0] == 0
    assert scored(sticky, REQUEST_OF_TEN, sent_tokens=[9, 0, 7], affinity_blocks=[7, 0, 0])[0] == 0  # 57, 160, 167


def test_where_decodes_are_short_the_holders_are_compared_by_requests() -> None:
    policy = {"policy": "sticky-until-saturated", "load": "requests"}
    signals = {"affinity_blocks": [9, 9, 0], "sent_tokens": [500, 0, 0], "in_flight_requests": [3, 4, 0]}

    assert scored(policy, REQUEST_OF_TEN, **signals)[0] == 0
    assert scored({**policy, "most_extra_tokens": 100.0}, REQUEST_OF_TEN, **signals)[0] == 0


@pytest.mark.parametrize("choices", [1, 2, 4])
def test_the_least_busy_of_k_drawn_gets_the_request(choices: int) -> None:
    bound = bind("routing", "routing", {"policy": "power-of-k", "choices": choices})
    memory, counts = memory_for(bound, 4, 10), np.zeros(4, int)
    for number in range(4000):
        view = router_view(4, 0, draw_of(3, number))._replace(in_flight_requests=np.array([0, 1, 2, 3]))
        counts[plain(bound.decide)(view, REQUEST, bound.parameters, memory, np.zeros(4))] += 1

    # the rank of the best of k drawn of 4 without repetition
    expected = {1: [1, 1, 1, 1], 2: [3, 2, 1, 0], 4: [1, 0, 0, 0]}[choices]
    assert counts / 4000 == pytest.approx(np.array(expected) / sum(expected), abs=0.03)
