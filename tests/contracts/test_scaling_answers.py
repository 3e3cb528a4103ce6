"""What every policy of scaling must honour, and worked examples of each."""

from typing import Any

import numpy as np
import pytest

from blis.engine._jit import plain
from blis.engine.fleet_view import FleetView
from blis.foundation.answers import choices
from blis.policies.binding import bind, memory_for
from tests.contracts.fleets import fleet_view

AT_ONCE = {"down_window_s": 0, "up_window_s": 0}


class Asked:
    """A policy with its memory."""

    def __init__(self, name: str, **parameters: Any) -> None:
        self.policy = bind("scaling", "scaling", {"policy": name, **parameters})
        self.memory: np.ndarray | None = None

    def __call__(self, view: FleetView) -> list[int]:
        if self.memory is None:
            self.memory = memory_for(self.policy, view.n_instances, 10)
        wanted = view.wanted_instances.copy()
        plain(self.policy.decide)(view, self.policy.parameters, self.memory, wanted)
        return wanted.tolist()


@pytest.mark.parametrize("name", choices("scaling"))
@pytest.mark.parametrize("view", [fleet_view(), fleet_view(1, 1), fleet_view(4, 0), fleet_view(3, 1, n_pools=2)])
def test_an_idle_fleet_is_not_written_to_and_gets_whole_numbers(name: str, view: FleetView) -> None:
    asked = Asked(name)
    before = [np.copy(part) for part in view]

    wanted = [asked(view._replace(clock_us=tick * 15_000_000)) for tick in range(40)]

    assert all(number >= 0 for numbers in wanted for number in numbers)
    assert all(np.array_equal(old, new) for old, new in zip(before, view, strict=True))


@pytest.mark.parametrize("name", choices("scaling"))
def test_the_same_history_gets_the_same_numbers(name: str) -> None:
    views = [
        fleet_view(8, 3, queued=[5, 9, tick], used_blocks=[900, 950, 100 * tick], clock_us=tick * 15_000_000)
        for tick in range(10)
    ]

    first, second = ([Asked(name)(view) for view in views] for _ in range(2))

    assert first == second


def test_fixed_keeps_the_instances_of_the_start_or_those_that_are_given() -> None:
    assert Asked("fixed")(fleet_view(4, 2, wanted_instances=[3])) == [2]
    assert Asked("fixed", instances=4)(fleet_view(4, 2)) == [4]


@pytest.mark.parametrize(("used", "expected"), [(900, 5), (637, 3), (300, 3)])
def test_target_utilization_is_the_rule_of_hpa(used: int, expected: int) -> None:
    # Three at 24 against a target of 16: 1.5 times as many; at 17 the ratio 1.06 is within the tolerance.
    asked = Asked("target-utilization", down_window_s=0)

    wanted = asked(fleet_view(8, 3, used_blocks=[used] * 3))

    assert wanted == ([2] if used == 300 else [expected])


def test_target_utilization_takes_what_loads_for_idle_when_it_would_add() -> None:
    # Ratio 1.5 of two; with two that load, 3 of 4 instances' worth: within no tolerance but below 1, so nothing.
    assert Asked("target-utilization")(fleet_view(8, 2, loading=2, used_blocks=[900, 900])) == [4]


def test_target_utilization_removes_only_what_the_whole_window_agrees_on() -> None:
    asked = Asked("target-utilization", down_window_s=60)
    busy, idle = fleet_view(8, 4, used_blocks=[600] * 4), fleet_view(8, 4, used_blocks=[100] * 4)

    wanted = [asked(busy._replace(clock_us=0))]
    wanted += [asked(idle._replace(clock_us=tick * 15_000_000)) for tick in range(1, 7)]

    assert wanted == [[4], [4], [4], [4], [1], [1], [1]]


def test_target_utilization_adds_no_more_than_the_limit_of_a_period() -> None:
    asked = Asked("target-utilization", most_up_share=0.5, most_up_instances=1, period_s=15)

    assert asked(fleet_view(32, 6, used_blocks=[1000] * 6, total_blocks=1000)) == [9]


def test_queue_depth_is_the_sum_over_the_target() -> None:
    asked = Asked("queue-depth", waiting_weight=0, target_requests=16)

    assert asked(fleet_view(8, 3, running=[20, 30, 31], queued=[99, 0, 0])) == [6]


@pytest.mark.parametrize(
    ("used", "queued", "warm", "expected"),
    [
        ([600, 650], [1, 2], 2, 2),  # spares 0.175 and 3.5: no growth; the load of one more would leave none
        ([300, 300, 300, 300], [0, 0, 0, 0], 4, 3),  # after one has gone 0.4: a spare of 0.4
        ([750, 750], [0, 0], 2, 3),  # a spare of 0.05
        ([810, 300], [0, 0], 2, 2),  # one is full; the other alone has room, and cannot shrink
        ([300, 300], [5, 5], 2, 3),  # both are full by their queues
    ],
)
def test_saturation_has_the_published_examples(used: list[int], queued: list[int], warm: int, expected: int) -> None:
    assert Asked("saturation", **AT_ONCE)(fleet_view(8, warm, used_blocks=used, queued=queued)) == [expected]


def test_saturation_waits_for_what_loads() -> None:
    assert Asked("saturation", **AT_ONCE)(fleet_view(8, 2, loading=1, used_blocks=[900, 900])) == [3]


def test_saturation_grows_the_cheapest_pool_and_shrinks_the_dearest() -> None:
    asked = Asked("saturation", **AT_ONCE)

    assert asked(fleet_view(4, 2, n_pools=2, price=[2.0, 1.0], used_blocks=[900, 900, 0, 0, 900, 900, 0, 0])) == [2, 3]
    assert asked(fleet_view(4, 2, n_pools=2, price=[2.0, 1.0])) == [1, 2]
    assert asked(fleet_view(4, 2, n_pools=2, price=[2.0, 1.0], model=[0, 1])) == [1, 1]


#: The worked example: 1000 blocks of 16 tokens, thresholds 0.8, 0.8 and 0.4, a waiting request is 512 tokens.
_EXAMPLE = {"kv_threshold": 0.8, "up_share": 0.8, "down_share": 0.4, "mean_input_tokens": 512, "capacity": "memory"}


def test_token_saturation_has_the_worked_example() -> None:
    # 9000 tokens in use round up to 563 blocks, 9008 tokens; demand 14128, over 0.8: 17660, above the supply of 12800.
    asked = Asked("token-saturation", **_EXAMPLE, **AT_ONCE)

    assert asked(fleet_view(4, 1, used_blocks=[563], queued=[10])) == [2]
    assert asked(fleet_view(4, 1, loading=1, used_blocks=[563], queued=[10])) == [2]  # 17660 - 25600 < 0
    assert asked(fleet_view(4, 2, used_blocks=[32, 31])) == [1]  # spare 25600 - 2520, and 12800 > 2520 stays


def test_token_saturation_keeps_an_instance_that_the_others_could_not_do_without() -> None:
    # Demand 6000 over 0.4: 15000, within the supply of two, 25600, and beyond that of one, 12800.
    assert Asked("token-saturation", **_EXAMPLE, **AT_ONCE)(fleet_view(4, 2, used_blocks=[188, 187])) == [2]


def test_predictive_carries_a_rising_rate_on() -> None:
    asked = Asked("predictive", requests_per_s=1, use=1, level_gain=1, trend_gain=1, horizon_s=30)

    # 15, 30 and 45 requests in intervals of 15 s: 1, 2 and 3 a second, so 5 a second 30 s later.
    wanted = [asked(fleet_view(16, 3, arrived_requests=[15 * tick], clock_us=tick * 15_000_000)) for tick in (1, 2, 3)]

    assert wanted == [[3], [4], [5]]


def test_planner_divides_the_rate_by_what_an_instance_carries() -> None:
    # 64 decodes with contexts of 1000 + 100 / 2 tokens: a step takes 10 + 6.4 + 6.72 = 23.12 ms. A request costs its
    # prompt, 50 ms, and 100 steps over 64, 36.1 ms: 11.6 a second. 45 a second are 3.9 instances.
    asked = Asked("planner", interval_s=0)
    seen = {"arrived_requests": [675], "arrived_tokens": [675_000], "completed_requests": [10]}

    assert asked(fleet_view(8, 2, **seen, completed_tokens=[1000], total_blocks=10_000)) == [4]


def test_planner_plans_at_the_end_of_its_interval_only() -> None:
    asked = Asked("planner", interval_s=60)
    seen: dict[str, Any] = {"arrived_requests": [675], "arrived_tokens": [675_000], "completed_requests": [10]}
    seen |= {"completed_tokens": [1000], "total_blocks": 10_000}

    wanted = [asked(fleet_view(8, 2, **seen, clock_us=tick * 15_000_000)) for tick in range(1, 6)]

    assert wanted == [[2], [2], [2], [4], [2]]


def test_planner_plans_pools_of_prompts_and_of_decodes_by_what_is_done_there() -> None:
    # As above, with prompts and decodes apart: 20 prompts a second on each instance of the first pool, 27.7 decodes on
    # each of the second. 45 a second are 2.25 instances of the first and 1.6 of the second.
    asked = Asked("planner", interval_s=0)
    seen: dict[str, Any] = {"arrived_requests": [675, 675], "arrived_tokens": [675_000, 0]}
    seen |= {"received_tokens": [0, 675_000], "completed_requests": [10, 10], "completed_tokens": [0, 1000]}

    assert asked(fleet_view(8, 5, n_pools=2, **seen, total_blocks=10_000)) == [3, 2]


def test_oscillator_jumps_between_the_ends() -> None:
    asked = Asked("oscillator", ticks=2)

    assert [asked(fleet_view(4, 2)) for _ in range(6)] == [[4], [4], [1], [1], [4], [4]]
