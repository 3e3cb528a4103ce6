"""What every answer to the question of dividing prefill and decode must honour."""

from typing import Any

import numpy as np
import pytest

from blis.engine._jit import plain
from blis.engine.views import DisaggregationView
from blis.foundation.answers import choices
from blis.policies.binding import bind, memory_for
from tests.contracts.test_answers import REQUEST, router_view

NAMES = choices("disaggregation")


def pools_view(**changes: Any) -> DisaggregationView:
    """Two instances on each side, half full; the chosen one has nothing of the prompt."""
    seen = DisaggregationView(
        decode_instance=1, prefill_instance=2, cached_tokens=0, prefill_instances=2, prefill_tokens=4096,
        prefill_requests=4, prefill_budget_tokens=4096, chosen_prefill_tokens=2048, chosen_budget_tokens=2048,
        decode_instances=2, decode_tokens=0, decode_requests=64, decode_slots=128, decode_budget_tokens=2048,
        decode_running_requests=32, decode_instance_slots=64, transfers=1, first_tokens=100, late_first_tokens=5,
    )  # fmt: skip
    return seen._replace(**changes)


def asked(name: str | dict[str, Any], request: Any = REQUEST, times: int = 1, **changes: Any) -> int:
    policy = bind("disaggregation", "disaggregation", name)
    memory = memory_for(policy, 4, 10)
    answer = 0
    for _ in range(times):
        answer = plain(policy.decide)(router_view(4, 0), pools_view(**changes), request, policy.parameters, memory)
    return int(answer)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_situation_gets_the_same_answer_and_stays_as_it_is(name: str) -> None:
    view, pools = router_view(4, 0), pools_view()
    before = [np.copy(part) for part in view]
    policy = bind("disaggregation", "disaggregation", name)

    answers = {
        int(plain(policy.decide)(view, pools, REQUEST, policy.parameters, memory_for(policy, 4, 10))) for _ in range(3)
    }

    assert len(answers) == 1
    assert all(np.array_equal(old, new) for old, new in zip(before, view, strict=True))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "always"])
def test_nothing_is_divided_that_the_decode_instance_has_wholly_on_an_idle_cluster(name: str) -> None:
    idle = {
        "cached_tokens": REQUEST.input_tokens, "prefill_tokens": 0, "chosen_prefill_tokens": 0, "decode_requests": 0,
        "decode_running_requests": 0, "first_tokens": 0, "late_first_tokens": 0,
    }  # fmt: skip

    assert asked(name, **idle) == 0


# 100 tokens of which five blocks of 16 are cached leave 20; six leave 4. llm-d asks for at least 16.
@pytest.mark.parametrize(("cached", "divided"), [(80, 1), (84, 1), (85, 0), (96, 0)])
def test_a_prompt_on_the_threshold_is_divided(cached: int, divided: int) -> None:
    request = REQUEST._replace(input_tokens=100)

    assert asked("prefix-threshold", request, cached_tokens=cached) == divided


@pytest.mark.parametrize(("cached", "divided"), [(80, 1), (83, 1), (84, 0)])
def test_a_prompt_on_the_threshold_is_not_above_it(cached: int, divided: int) -> None:
    request = REQUEST._replace(input_tokens=100)

    assert asked("above-prefix-threshold", request, cached_tokens=cached) == divided


def test_a_threshold_of_zero_divides_nobody() -> None:
    assert asked({"policy": "prefix-threshold", "tokens": 0}) == 0


# Dynamo: 80 of 100 tokens are new: below 2048, but 0.8 of the prompt is no less than 0.7.
@pytest.mark.parametrize(("cached", "divided"), [(20, 1), (30, 1), (31, 0)])
def test_little_that_is_new_is_computed_where_it_decodes(cached: int, divided: int) -> None:
    request = REQUEST._replace(input_tokens=100)

    assert asked("conditional", request, cached_tokens=cached) == divided


@pytest.mark.parametrize(("waiting", "divided"), [(0, 1), (2048, 1), (2049, 0)])
def test_a_busy_prefill_instance_is_spared(waiting: int, divided: int) -> None:
    by_load = {"policy": "conditional", "mode": "prefill-load"}

    assert asked(by_load, chosen_prefill_tokens=waiting) == divided


def test_a_busy_decode_instance_is_given_no_prompt_where_that_is_vetoed() -> None:
    # The view's instances use 2 of 50 blocks.
    spared = {"policy": "conditional", "mode": "prefill-load", "decode_busy_veto": "on"}

    assert asked(spared, chosen_prefill_tokens=10**6) == 0
    assert asked(spared | {"decode_busy_share": 0.04}, chosen_prefill_tokens=10**6) == 1


def test_load_goes_where_there_is_less_of_it() -> None:
    request = REQUEST._replace(input_tokens=2048)

    assert asked("load-based", request, prefill_tokens=0) == 1  # half a step against 4 x 0.5
    assert asked("load-based", request, prefill_tokens=3 * 4096) == 0


def test_missed_promises_of_divided_requests_suppress_dividing() -> None:
    request = REQUEST._replace(input_tokens=2048)
    few = {"prefill_tokens": 0, "first_tokens": 100}

    # Divided costs V x 0.05, undivided 0.5 x 1 + V x 1 x 0.5; fifty misses beyond five of a hundred weigh 45.
    rule = {"policy": "drift-plus-penalty", "v": 1.0, "transfer_steps": 0.05, "late_share": 0.05, "slots_weight": 1.0}
    assert asked(rule, request, late_first_tokens=5, **few) == 1
    assert asked(rule, request, late_first_tokens=50, **few) == 0
    # By V alone, without queues, it is the penalty that decides.
    assert asked(rule, request, prefill_tokens=2 * 4096, late_first_tokens=5, first_tokens=100) == 0
    weighty = {**rule, "v": 10.0}
    assert asked(weighty, request, prefill_tokens=2 * 4096, late_first_tokens=5, first_tokens=100) == 1
