"""Admission by promises and by budgets."""

from typing import Any

import numpy as np

from blis.engine._jit import plain
from blis.foundation.slo import class_index
from blis.foundation.slo_targets import NO_TARGET_US
from blis.policies.binding import bind, memory_for
from tests.contracts.test_answers import REQUEST, router_view

SHEDDABLE = REQUEST._replace(slo_class=class_index("sheddable"), ttft_target_us=1_000, itl_target_us=10_000)


def verdict(request: Any, **view: list[float]) -> int:
    """Of two busy instances that are expected to take 2 ms for everything."""
    policy = bind("admission", "admission", "latency-slo")
    busy = router_view(2, 0)._replace(**{name: np.array(values) for name, values in view.items()})
    return int(plain(policy.decide)(busy, request, policy.parameters, memory_for(policy, 2, 10)))


def test_a_sheddable_request_that_would_be_late_everywhere_is_refused() -> None:
    assert verdict(SHEDDABLE) == 1
    assert verdict(SHEDDABLE, expected_ttft_us=[2_000.0, 900.0]) == 0
    assert verdict(SHEDDABLE, expected_ttft_us=[900.0, 900.0], expected_itl_us=[11_000.0, 11_000.0]) == 1


def test_who_is_urgent_or_has_no_promise_is_admitted() -> None:
    assert verdict(SHEDDABLE._replace(slo_class=class_index("standard"))) == 0
    assert verdict(SHEDDABLE._replace(ttft_target_us=NO_TARGET_US, itl_target_us=NO_TARGET_US)) == 0


def test_an_idle_or_almost_empty_instance_will_do() -> None:
    assert verdict(SHEDDABLE, running_requests=[1, 0]) == 0
    assert verdict(SHEDDABLE, used_blocks=[2, 0]) == 0
    assert verdict(SHEDDABLE, used_blocks=[2, 1]) == 1  # of 50: 2 % are not less than 2 %


def test_each_tenant_has_its_own_budget_in_each_window() -> None:
    choice = {"policy": "tenant-budget", "budget_tokens": 150, "window_s": 1.0}
    policy = bind("admission", "admission", choice)
    memory = memory_for(policy, 2, 10, 3)

    def verdicts(tenant: int, clock_us: int, count: int) -> list[int]:
        view, request = router_view(2, 0)._replace(clock_us=clock_us), REQUEST._replace(tenant=tenant)
        return [plain(policy.decide)(view, request, policy.parameters, memory) for _ in range(count)]

    # Prompts of 64 tokens: two fit into 150.
    assert verdicts(0, 100_000, 3) == [0, 0, 1]
    assert verdicts(2, 200_000, 1) == [0]
    assert verdicts(0, 999_999, 1) == [1]
    assert verdicts(0, 1_000_000, 3) == [0, 0, 1]
