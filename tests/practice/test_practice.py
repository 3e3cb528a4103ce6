import numpy as np
import pytest

from blis.engine.features import ROUTING_FEATURES
from evolve.practice import Lessons
from evolve.practice.practice import Practice
from evolve.records import Cost, Phenotype
from evolve.trials.workloads import Workloads
from tests.trials.small_suite import small_suite, weighted

POLICY = weighted(queue_depth=1, prefix_affinity=1)
PLENTY = Cost(10_000, 10**8)


@pytest.fixture(scope="session")
def workloads(tmp_path_factory: pytest.TempPathFactory) -> Workloads:
    return Workloads(small_suite(tmp_path_factory.mktemp("scenarios")))


def lessons_of(practice: Practice, left: Cost = PLENTY, decisions: int = 8, turn: int = 0) -> tuple[Lessons, Cost]:
    practice.open(left)
    lessons = practice.lessons(POLICY, decisions, turn)
    return lessons, practice.close()


def bytes_of(lessons: Lessons) -> bytes:
    columns = (
        lessons.decision,
        lessons.scenario,
        lessons.is_chosen,
        lessons.scores,
        lessons.features,
        lessons.advantage,
    )
    return b"".join(np.ascontiguousarray(column).tobytes() for column in columns)


def test_every_choice_of_every_decision_has_a_row(workloads: Workloads) -> None:
    lessons, _ = lessons_of(Practice(workloads, {"lateness": 1.0}, 1))

    assert np.array_equal(np.bincount(lessons.decision), np.full(8, 3))
    assert np.array_equal(np.bincount(lessons.decision, lessons.is_chosen), np.ones(8))
    assert set(lessons.scenario.tolist()) == {0, 1}
    assert (lessons.advantage[:, lessons.is_chosen] == 0.0).all()
    assert np.isfinite(lessons.advantage).all()
    assert (lessons.scores >= 0).all()
    assert (lessons.scores <= 1).all()


def test_equal_lessons_to_the_last_bit(workloads: Workloads) -> None:
    one, cost = lessons_of(Practice(workloads, {"lateness": 1.0}, 1))
    same, same_cost = lessons_of(Practice(workloads, {"lateness": 1.0}, 1))

    assert bytes_of(one) == bytes_of(same)
    assert cost == same_cost


def test_another_turn_looks_at_other_decisions(workloads: Workloads) -> None:
    practice = Practice(workloads, {"lateness": 1.0}, 1)

    assert bytes_of(lessons_of(practice)[0]) != bytes_of(lessons_of(practice, turn=1)[0])


def test_what_is_simulated_is_counted(workloads: Workloads) -> None:
    practice = Practice(workloads, {"lateness": 1.0}, 1)

    _, few = lessons_of(practice, decisions=4)
    _, many = lessons_of(practice, decisions=16)

    runs, each = 4, 120
    assert 2 * runs * each < few.requests < many.requests
    assert few.requests <= few.evaluations * each < few.requests + runs * each


@pytest.mark.parametrize("left", [Cost(20, 10**8), Cost(10**8, 2500), Cost(10**8, 1500)])
def test_no_more_is_spent_than_may_be(workloads: Workloads, left: Cost) -> None:
    lessons, cost = lessons_of(Practice(workloads, {"lateness": 1.0}, 1), left, decisions=200)

    assert cost.evaluations <= left.evaluations
    assert cost.requests <= left.requests
    assert 0 < len(lessons.decision) < 200 * 3


def test_nothing_is_taught_that_cannot_be_paid(workloads: Workloads) -> None:
    practice = Practice(workloads, {"lateness": 1.0}, 1)

    lessons, cost = lessons_of(practice, Cost(10, 10))
    unopened = practice.lessons(POLICY, 8, 0)

    assert len(lessons.decision) == len(unopened.decision) == 0
    assert lessons.features.shape[1] == len(ROUTING_FEATURES)
    assert cost == Cost(0, 0)


def test_crowding_is_worth_less(workloads: Workloads) -> None:
    crowding = Phenotype({"routing": {"policy": "always-busiest"}})
    practice = Practice(workloads, {"lateness": 0.5, "promised-time": 0.5}, 1)
    practice.open(PLENTY)

    lessons = practice.lessons(crowding, 40, 0)

    tried = ~lessons.is_chosen
    assert np.mean(lessons.advantage[0, tried] > 0) > 0.7


def test_objectives_that_count_no_single_request_are_replaced(workloads: Workloads) -> None:
    by_default, _ = lessons_of(Practice(workloads, {"lateness": 0.4, "promised-time": 0.3, "slo-attainment": 0.3}, 1))
    by_others, _ = lessons_of(Practice(workloads, {"ttft-p99": 1.0}, 1))

    assert bytes_of(by_default) == bytes_of(by_others)
