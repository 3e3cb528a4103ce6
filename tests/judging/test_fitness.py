import json

import pytest

from blis.foundation.errors import ConfigError
from evolve.evaluators import serial
from evolve.judging.fitness import Judge, Rules
from evolve.judging.goals import Goals
from evolve.judging.reference import reference_policies
from tests.trials.small_suite import BUSIEST, LEAST_LOADED, REJECT_ALL, ROUND_ROBIN, UNKNOWN

BASELINES = {"round-robin": ROUND_ROBIN, "least-loaded": LEAST_LOADED}


class Counting(serial.Pool):
    """The serial evaluator, which counts what it is asked to do."""

    asked = 0

    def evaluate(self, tasks, done):
        self.asked += len(tasks)
        return super().evaluate(tasks, done)


@pytest.fixture
def pool(workloads):
    return Counting(workloads)


@pytest.fixture
def judge(workloads, pool):
    goals = Goals.from_config("objectives", {"ttft-p99": 0.5, "e2e-mean": 0.5})
    return Judge(workloads, Rules(goals), BASELINES, pool, {})


def test_some_baseline_is_worth_one_in_every_scenario(judge):
    judgements = judge.baselines("train", [1, 2])

    assert list(judgements) == list(BASELINES)
    for scenario in ("wide", "narrow"):
        assert max(one.values[scenario][0] for one in judgements.values()) == 1.0


def test_candidates_are_judged_in_their_order_and_sabotage_loses(judge):
    good, bad, none, unknown = judge.score([LEAST_LOADED, BUSIEST, REJECT_ALL, UNKNOWN], "train", [1, 2])

    assert good.score == judge.baselines("train", [1, 2])["least-loaded"].score
    assert bad.score.values < good.score.values
    assert none.score.values < good.score.values
    assert unknown.reasons[0].startswith("wide: UnknownChoiceError")
    assert not unknown.score.is_feasible


def test_records_cover_each_scenario_and_seed(judge):
    (found,) = judge.score([BUSIEST], "train", [1, 2])

    assert [(task.scenario, task.seed) for task, _ in found.records] == [
        ("wide", 1), ("wide", 2), ("narrow", 1), ("narrow", 2)
    ]  # fmt: skip
    assert {task.num_requests for task, _ in found.records} == {120}


def test_what_is_known_is_not_simulated_again(judge, pool):
    judge.score([BUSIEST, BUSIEST], "train", [1])
    known = {json.dumps(one.policies, default=dict) for one in (*BASELINES.values(), *reference_policies(), BUSIEST)}
    once = 2 * len(known)  # each policy in two scenarios
    assert pool.asked == once

    judge.score([LEAST_LOADED, BUSIEST], "train", [1])
    assert pool.asked == once

    judge.score([BUSIEST], "train", [1], num_requests=60)
    assert pool.asked == 2 * once


def test_everybody_who_works_is_heard(judge, pool):
    heard = []

    judge.score([BUSIEST], "train", [1], None, heard.append)

    assert sum(heard) == pool.asked


def test_a_store_that_is_handed_over_is_used(workloads, pool, judge):
    store = {}
    goals = judge.rules
    first = Judge(workloads, goals, BASELINES, pool, store).score([BUSIEST], "train", [1])
    asked = pool.asked

    again = Judge(workloads, goals, BASELINES, pool, store).score([BUSIEST], "train", [1])

    assert pool.asked == asked
    assert again == first


def test_the_test_is_locked_until_it_is_opened(judge):
    with pytest.raises(ConfigError, match="must not be looked at before a champion is chosen"):
        judge.score([BUSIEST], "test", [4])
    with pytest.raises(ConfigError, match="must not be looked at"):
        judge.baselines("test", [4])

    judge.open_test()

    (found,) = judge.score([BUSIEST], "test", [4])
    assert {task.scenario for task, _ in found.records} == {"wide@0.5"}


def test_complexity_can_be_an_objective(workloads, pool):
    goals = Goals.from_config("objectives", ["ttft-p99", "complexity"])
    judge = Judge(workloads, Rules(goals), BASELINES, pool, {}, lambda phenotype: 3.0 if phenotype == BUSIEST else 0.0)

    simple, complicated = judge.score([ROUND_ROBIN, BUSIEST], "train", [1])

    assert simple.score.objectives[1] == 1.0
    assert complicated.values["wide"][1] == 0.25


@pytest.mark.parametrize(
    ("role", "seeds", "message"), [("training", [1], "did you mean 'train'"), ("train", [], "got none")]
)
def test_wrong_questions_are_refused(judge, role, seeds, message):
    with pytest.raises(ConfigError, match=message):
        judge.score([BUSIEST], role, seeds)


def test_leaving_a_scenario_out_is_judging_by_the_others_and_simulates_nothing(judge, pool):
    candidates = [LEAST_LOADED, ROUND_ROBIN]
    whole = judge.score(candidates, "train", [1, 2])
    before = pool.asked

    found = judge.leaving_out(candidates, "train", [1, 2])

    assert pool.asked == before
    assert [list(one) for one in found] == [["wide", "narrow"]] * 2
    for judged, without in zip(whole, found, strict=True):
        # Of two scenarios one is left: its value is the score, but for the penalty, which looks at every seed.
        assert without["wide"].fitness == pytest.approx(judged.values["narrow"][0], rel=0.01)
        assert without["narrow"].fitness == pytest.approx(judged.values["wide"][0], rel=0.01)


def test_of_one_scenario_nothing_can_be_left_out(judge):
    judge.score([BUSIEST], "validation", [3])

    assert judge.leaving_out([BUSIEST], "validation", [3]) == [{}]
