"""Instances that load, serve, drain and die: when, with what, and at what cost."""

import numpy as np
import pytest

from blis.engine.codes import COMPLETED, LOST
from tests.engine.fleet_cases import SECOND, happened, requests_at, run, scenario

TWO = {"policy": "fixed", "instances": 2}
GROWS = {"maximum": 2, "tick_s": 1, "actuation_delay_s": 0.5, "load_s": 5}


def test_an_instance_serves_once_it_was_decided_on_placed_and_loaded() -> None:
    made = scenario(autoscaling=GROWS, policies={"scaling": TWO})

    result = run(made, requests_at([0.25 * place for place in range(40)], output_tokens=1))

    assert happened(result) == [(0, "decided", -1), (0.5, "started", 1), (5.5, "became warm", 1)]
    there = result.outcome.requests.instance
    assert set(there[:22]) == {0}  # arrived before 5.5 s
    assert 1 in there[22:]
    assert result.figures()["time_to_ready_mean_s"] == 5.5


def test_throughput_doubles_when_the_second_instance_is_warm() -> None:
    # Half a second each: two a second from one instance, four from two. At 5.5 s eleven have completed; 20 s hold
    # 11 + 14.5 · 4 = 69 of the eighty that came at four a second.
    made = scenario(autoscaling=GROWS, policies={"scaling": TWO}, horizon_us=20 * SECOND)

    result = run(made, requests_at([0.25 * place for place in range(80)]))

    done = result.outcome.requests
    ended_s = (done.arrival_us + done.e2e_us)[done.status == COMPLETED] / SECOND
    assert np.count_nonzero(ended_s <= 5.5) == 11
    assert np.count_nonzero(ended_s <= 20) == pytest.approx(69, abs=1)


def test_who_drains_serves_what_it_has_and_gets_nothing_more() -> None:
    # Both have three requests at 1 s; the second one goes, and ends its last at 3 s.
    made = scenario(
        instances=2, autoscaling={"maximum": 2, "tick_s": 1, "load_s": 0}, policies={"scaling": _one_from(SECOND)}
    )

    result = run(made, requests_at([0.5] * 6 + [1.5] * 4, output_tokens=5))

    assert ("began draining", 1) in [event[1:] for event in happened(result)]
    done = result.outcome.requests
    assert (done.status == COMPLETED).all()
    assert sorted(done.instance.tolist()) == [0] * 7 + [1] * 3
    assert set(done.instance[6:]) == {0}
    assert result.outcome.instances.warm_us.tolist()[1] == SECOND
    assert result.outcome.instances.draining_us.tolist()[1] == SECOND  # 0.5 s and 3 · 0.5 s, from 1 s on
    assert result.outcome.instances.present_us.tolist()[1] == 2 * SECOND


def test_who_drains_may_hand_back_what_it_has_not_begun() -> None:
    autoscaling = {"maximum": 2, "tick_s": 1, "load_s": 0, "drain": "hand-back"}
    made = scenario(instances=2, autoscaling=autoscaling, policies={"scaling": _one_from(SECOND)})

    result = run(made, requests_at([0.75] * 6, output_tokens=5))

    done = result.outcome.requests
    assert (done.status == COMPLETED).all()
    assert sorted(done.instance.tolist()) == [0] * 5 + [1]
    assert result.figures()["rerouted_requests"] == 2
    assert result.outcome.instances.taken_away_requests.tolist() == [0, 2]
    assert result.outcome.instances.draining_us.tolist()[1] == SECOND // 4


def test_requests_of_an_instance_that_dies_begin_anew_elsewhere() -> None:
    # Two at 0 s on either instance; the second dies in the middle of its first, which then waits behind two others.
    made = scenario(instances=2, failures=[{"at_s": 0.25, "instance": 1}])

    result = run(made, requests_at([0.0] * 4, output_tokens=5))

    done = result.outcome.requests
    assert (done.status == COMPLETED).all()
    assert done.instance.tolist() == [0] * 4
    assert sorted((done.e2e_us / SECOND).tolist()) == [0.5, 1.0, 1.5, 2.0]
    assert happened(result) == [(0.25, "failed", 1)]
    assert result.figures()["rerouted_requests"] == 2
    assert result.figures()["instance_failures"] == 1


def test_tokens_of_a_life_that_ended_in_vain_are_no_intervals() -> None:
    made = scenario(instances=2, failures=[{"at_s": 0.25, "instance": 1}])

    result = run(made, requests_at([0.0] * 4, output_tokens=5))

    assert int(result.outcome.interval_tokens.sum()) == 4 * 4


def test_requests_of_an_instance_that_dies_may_be_lost_and_are_counted() -> None:
    made = scenario(instances=2, failures=[{"at_s": 0.25, "instance": 1, "requests": "lose"}])

    result = run(made, requests_at([0.0] * 4, output_tokens=5))

    figures = result.figures()
    assert (figures["lost_requests"], figures["completed_requests"]) == (2, 2)
    assert (result.outcome.requests.status == LOST).sum() == 2


def test_what_was_computed_before_the_death_completes() -> None:
    # The step that gives the last token is composed at 0.4 s and ends at 0.5 s; the instance dies in it.
    made = scenario(instances=2, failures=[{"at_s": 0.45, "instance": 1}])

    result = run(made, requests_at([0.0, 0.0], output_tokens=5))

    assert result.outcome.requests.e2e_us.tolist() == [SECOND // 2, SECOND // 2]
    assert result.figures()["rerouted_requests"] == 0


def test_who_recovers_serves_again_with_an_empty_cache() -> None:
    made = scenario(instances=1, failures=[{"at_s": 1.0, "instance": 0, "recovers_after_s": 2.0}])

    result = run(made, requests_at([0.0, 0.9, 3.5], output_tokens=5), trace="summary")

    assert happened(result) == [(1.0, "failed", 0), (3.0, "recovered", 0)]
    assert result.outcome.instances.failed_us.tolist() == [2 * SECOND]
    figures = result.figures()
    assert (figures["completed_requests"], figures["unroutable_requests"]) == (2, 1)


def test_a_failed_instance_is_replaced_where_there_is_scaling() -> None:
    autoscaling = {"maximum": 3, "tick_s": 1, "load_s": 2}
    made = scenario(instances=2, autoscaling=autoscaling, failures=[{"at_s": 0.5, "instance": 0}])

    result = run(made, requests_at([0.1 * place for place in range(60)], output_tokens=1))

    assert happened(result) == [(0.5, "failed", 0), (1.0, "started", 2), (3.0, "became warm", 2)]


def test_no_more_instances_than_there_are_gpus() -> None:
    autoscaling = {"maximum": 4, "tick_s": 1, "load_s": 1, "inventory": {"H100": 5}}
    made = scenario(
        instances=1, autoscaling=autoscaling, policies={"scaling": {"policy": "fixed", "instances": 4}},
        hardware="H100", tensor_parallel=2,
    )  # fmt: skip

    result = run(made, requests_at([0.5 * place for place in range(10)], output_tokens=1))

    assert result.figures()["unplaced_instances"] == 2
    assert np.count_nonzero(result.outcome.instances.present_us) == 2


def test_gpu_hours_are_those_of_instances_that_load_serve_and_drain() -> None:
    made = scenario(autoscaling=GROWS, policies={"scaling": TWO}, tensor_parallel=2)

    result = run(made, requests_at([0.0, 9.5], output_tokens=5))

    figures = result.figures()
    assert (figures["loading_seconds"], figures["warm_seconds"]) == (5.0, 10.0 + 4.5)
    assert figures["gpu_hours"] == pytest.approx(2 * 19.5 / 3600)
    assert figures["replica_seconds"] == 19.5
    assert figures["good_requests_per_gpu_hour"] == pytest.approx(2 / (2 * 19.5 / 3600))


def test_the_age_of_readings_delays_what_follows_from_load() -> None:
    # Twenty requests wait from 1.5 s on. Readings are of the moment, or a whole tick old.
    def first_decision_s(reading_age_s: float) -> float:
        autoscaling = {"maximum": 4, "tick_s": 1, "load_s": 1, "reading_age_s": reading_age_s}
        policies = {"scaling": {"policy": "queue-depth", "target_requests": 4}}
        result = run(scenario(autoscaling=autoscaling, policies=policies), requests_at([1.5] * 20, output_tokens=2))
        return happened(result)[0][0]

    assert (first_decision_s(0.0), first_decision_s(0.4), first_decision_s(0.6), first_decision_s(1.0)) == (2, 2, 3, 3)


def _one_from(clock_us: int) -> object:
    """One instance from then on, and as many as there are before."""

    def scale(view, params, memory, wanted) -> None:  # type: ignore[no-untyped-def]
        if view.clock_us >= clock_us:
            wanted[0] = 1

    return scale
