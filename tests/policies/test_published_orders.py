"""Orders and admissions that production runs, by their published formulas on small cases."""

from typing import Any

import numpy as np
import pytest

from blis.engine._jit import plain
from blis.engine.choice import LOWEST_INDEX, draw_of
from blis.engine.views import QueueView, RequestView
from blis.foundation.slo import CLASSES
from blis.foundation.slo_targets import NO_TARGET_US, SloTargets
from blis.policies.binding import bind, memory_for
from blis.scenario import Scenario
from tests.contracts.test_answers import REQUEST, router_view

NOW = QueueView(5_000_000, 0, 3, 2, 10, 50)
CRITICAL, BATCH = CLASSES.index("critical"), CLASSES.index("batch")


def asked(question: str, policy: str | dict[str, Any], view: QueueView, request: RequestView) -> float:
    """What a policy of a queue answers."""
    bound = bind(question, question, policy)
    return plain(bound.decide)(view, request, bound.parameters, memory_for(bound, 1, 10))


def is_refused(policy: str | dict[str, Any], request: RequestView, draw: int = LOWEST_INDEX, **signals: Any) -> bool:
    """Whether a policy refuses a request where instances of 50 blocks report these signals."""
    bound = bind("admission", "admission", policy)
    n = len(next(iter(signals.values())))
    reported = {name: np.array(own) for name, own in signals.items()}
    view = router_view(n, 0, draw)._replace(**reported)
    return plain(bound.decide)(view, request, bound.parameters, memory_for(bound, n, 10)) > 0


def test_a_deadline_is_the_arrival_and_the_classs_target_times_its_factor() -> None:
    request = REQUEST._replace(arrival_us=1_000, slo_class=BATCH, ttft_target_us=60_000)

    assert asked("priority", "edf", NOW, request) == -61_000.0
    assert asked("priority", {"policy": "edf", "batch": 0.5, "critical": 9.0}, NOW, request) == -31_000.0


def test_slack_is_what_is_left_until_the_deadline_without_the_time_to_compute() -> None:
    request = REQUEST._replace(arrival_us=4_000_000, ttft_target_us=2_000_000)
    policy: dict[str, Any] = {"policy": "slack", "prefill_us_per_token": 10.0}

    assert asked("priority", policy, NOW._replace(uncached_tokens=300), request) == -(1_000_000.0 - 3_000.0)
    assert asked("priority", policy, NOW._replace(uncached_tokens=300_000), request) == 2_000_000.0


def test_who_is_given_up_waits_behind_everybody_and_the_least_late_goes_first() -> None:
    policy = {"policy": "slack", "gives_up": 1}
    view = NOW._replace(uncached_tokens=1)
    due = {late_us: 5_000_000 - 2_000_000 - late_us for late_us in (10_000, 900_000)}
    late, later = (asked("priority", policy, view, REQUEST._replace(arrival_us=at, ttft_target_us=2_000_000))
                   for at in due.values())  # fmt: skip
    never_due = asked("priority", policy, view, REQUEST._replace(ttft_target_us=NO_TARGET_US))

    assert never_due > late > later


@pytest.mark.parametrize(
    ("prefill_ms", "level"),
    [(10, 0), (10.001, 1), (20, 1), (35, 2), (41, 3)],  # FastServe: 35 ms enter the level of 40 ms
)
def test_a_prompt_enters_the_first_level_whose_quantum_it_fits_into(prefill_ms: float, level: int) -> None:
    view = NOW._replace(uncached_tokens=int(prefill_ms * 1000))
    policy = {"policy": "mlfq", "prefill_us_per_token": 1.0}
    fresh = REQUEST._replace(arrival_us=NOW.clock_us - 2_999_000)

    assert asked("scheduling", policy, view, fresh) == level
    assert asked("scheduling", policy, view, fresh._replace(preemptions=2)) == level + 2
    assert asked("scheduling", policy, view, fresh._replace(arrival_us=NOW.clock_us - 3_000_000)) == 0


def test_a_likely_short_answer_goes_first_and_waiting_makes_up_for_tokens() -> None:
    policy = {"policy": "predicted-sjf", "input_weight": 1.0, "output_weight": 3.0, "ageing_tokens_per_s": 50.0}
    request = REQUEST._replace(arrival_us=3_000_000, input_tokens=200, expected_output_tokens=40.5)

    assert asked("scheduling", policy, NOW, request) == pytest.approx(200 + 3 * 40.5 - 50 * 2)


def test_fair_shares_count_prompts_once_and_outputs_twice_and_only_one_of_the_two_lifts() -> None:
    view = NOW._replace(tenant_input_tokens=100, tenant_written_tokens=30, tenant_lift=7.0)
    fresh = REQUEST._replace(arrival_us=NOW.clock_us)

    assert asked("scheduling", "vtc", view, fresh) == 167.0
    assert asked("scheduling", "las", view, fresh) == 160.0
    assert asked("scheduling", "las", view, REQUEST._replace(arrival_us=4_000_000)) == pytest.approx(60.0)


def test_the_pool_is_saturated_by_the_mean_of_queues_and_memory_and_sheds_below_zero() -> None:
    shed = REQUEST._replace(slo_class=BATCH)
    # queue 5 and KV 0.4, queue 0 and KV 0.4: 1 and 0.5, so 0.75
    half = {"queued_requests": [5, 0], "used_blocks": [20, 20]}

    assert not is_refused("saturation-shed", shed, **half)
    assert is_refused("saturation-shed", shed, queued_requests=[5, 0], used_blocks=[20, 40])
    assert is_refused({"policy": "saturation-shed", "queue_depth_threshold": 3.0}, shed, **half)
    assert is_refused("saturation-shed", shed, is_known=[0, 0], queued_requests=[0, 0], used_blocks=[0, 0])
    assert not is_refused("saturation-shed", REQUEST._replace(slo_class=CRITICAL), queued_requests=[99, 99])


@pytest.mark.parametrize(("saturation", "share"), [(0.1, 0.003), (0.15, 0.0228), (0.2, 0.096), (0.3, 0.729), (0.32, 1)])
def test_refusals_come_with_the_published_probability(saturation: float, share: float) -> None:
    shed, count = REQUEST._replace(slo_class=BATCH), 8000
    # S of two instances: one waiting request each of so many that make a full queue
    full = {"policy": "probabilistic", "queue_depth_threshold": 1 / saturation, "kv_cache_util_threshold": 1000.0}
    reported = {"queued_requests": [1, 1], "used_blocks": [0, 0]}

    drawn = sum(is_refused(full, shed, draw_of(5, number), **reported) for number in range(count))
    placed = sum(is_refused(full, shed._replace(request=number), **reported) for number in range(count))

    for refused in (drawn, placed):
        assert refused / count == pytest.approx(share, abs=0.016)
    assert not is_refused(full, REQUEST._replace(slo_class=CRITICAL), draw_of(5, 0), **reported)


def test_a_class_without_a_ttft_is_due_when_its_answer_is_and_one_without_both_never() -> None:
    given = {"critical": {"ttft_ms": 0.5, "e2e_ms": 9}, "batch": {"e2e_ms": 60_000}, "standard": {"itl_ms": 40}}

    due_us = SloTargets.from_mapping("slo", given).ttft_targets_us()

    assert due_us[CRITICAL] == 500
    assert due_us[BATCH] == 60_000_000
    assert {due_us[CLASSES.index(name)] for name in ("", "standard", "background")} == {NO_TARGET_US}


def test_policies_know_the_targets_of_the_scenario() -> None:
    from blis.result import simulate

    mapping = {
        "cluster": {"instances": 1, "kv_blocks": 2000, "max_running_requests": 2, "latency": {"kind": "affine"},
                    "model": "meta-llama/llama-3.1-8b-instruct", "hardware": "H100", "tensor_parallel": 2},
        "workload": {"kind": "distribution", "rate": 400, "num_requests": 200,
                     "slo_classes": {"critical": 1, "batch": 1}},
        "policies": {"priority": "edf", "scheduling": "priority-fcfs"},
    }  # fmt: skip
    waited = {}
    for urgent, patient in (("critical", "batch"), ("batch", "critical")):
        slo = {urgent: {"ttft_ms": 1}, patient: {"ttft_ms": 1e6}}
        result = simulate(Scenario.from_mapping(mapping | {"slo": slo}))
        names = np.array(result.requests.slo_classes)[result.requests.slo_class]
        delay = result.outcome.requests.scheduling_delay_us
        waited[urgent] = delay[names == urgent].mean() < delay[names == patient].mean() / 2

    assert waited == {"critical": True, "batch": True}
