import math

import pytest

from blis.fitness.constraints import Constraint
from blis.foundation.errors import ConfigError
from evolve.judging.goals import Goals
from evolve.judging.scoring import Results, Rules, Yardsticks, best_baseline, judgement, mean_figures, yardsticks
from evolve.records import Phenotype, Record, Task

FIGURES = {"completion_ratio": 1.0, "rejection_ratio": 0.0, "slo_attainment": 0.9}


def record(ttft, goodput=10.0, **figures):
    return Record({**FIGURES, "ttft_p99_ms": ttft, "goodput_rps": goodput, **figures}, 10)


def rules(objectives=None, **more):
    return Rules(Goals.from_config("objectives", objectives or {"ttft-p99": 1.0}), **more)


def judged(rules, own, known, complexity=0.0):
    """A judgement of records by scenario against one baseline's."""
    tasks = [
        (Task(Phenotype({}), scenario, seed, 10, ""), one)
        for scenario, records in own.items()
        for seed, one in enumerate(records)
    ]
    results = {scenario: Results("", tuple(records), complexity) for scenario, records in own.items()}
    only = {scenario: Results("known", tuple(records)) for scenario, records in known.items()}
    best = {scenario: [own] * len(rules.goals.groups) for scenario, own in only.items()}
    return judgement(rules, tasks, results, Yardsticks(best, only, [{}] * len(rules.goals.groups)))


def test_half_the_latency_is_twice_as_good():
    found = judged(rules(), {"a": [record(50.0)]}, {"a": [record(100.0)]})

    assert found.score.objectives == pytest.approx((2.0,))
    assert found.score.is_feasible
    assert found.ratios == {"a": {"ttft-p99": pytest.approx(2.0)}}


def test_the_best_baseline_is_worth_one():
    assert judged(rules(), {"a": [record(70.0)]}, {"a": [record(70.0)]}).score.objectives == (1.0,)


def test_scenarios_and_seeds_count_geometrically():
    own = {"a": [record(50.0), record(200.0)], "b": [record(25.0)]}
    known = {"a": [record(100.0), record(100.0)], "b": [record(100.0)]}

    found = judged(rules(penalty=0.0), own, known)

    # scenario a: 2 and 1/2 are 1 together; scenario b: 4; the geometric mean of both is 2
    assert found.score.objectives == pytest.approx((2.0,))
    assert {scenario: value for scenario, (value,) in found.values.items()} == pytest.approx({"a": 1.0, "b": 4.0})


def test_weights_are_exponents():
    found = judged(rules({"ttft-p99": 3, "goodput": 1}), {"a": [record(50.0, 5.0)]}, {"a": [record(100.0, 10.0)]})

    assert found.score.objectives == pytest.approx((2.0**0.75 * 0.5**0.25,))


def test_losing_a_scenario_costs_more_than_winning_another_as_much_brings():
    # the geometric mean of 0.8 and 1.25 is 1
    found = judged(rules(), {"a": [record(125.0)], "b": [record(80.0)]}, {"a": [record(100.0)], "b": [record(100.0)]})

    assert 0.9 < found.score.objectives[0] < 1.0
    assert {scenario: value for scenario, (value,) in found.values.items()} == pytest.approx({"a": 0.8, "b": 1.25})


def test_several_groups_give_several_values():
    found = judged(
        rules(["ttft-p99", "goodput", "complexity"]),
        {"a": [record(50.0, 20.0)]},
        {"a": [record(100.0, 10.0)]},
        complexity=3.0,
    )

    assert found.values["a"] == pytest.approx((2.0, 2.0, 1 / (1 + 3)))
    assert found.score.objectives == pytest.approx((2.0, 2.0, 0.25))


def test_a_broken_constraint_cannot_be_bought():
    rejecting = record(1.0, rejection_ratio=0.5, completion_ratio=0.5)

    found = judged(rules(), {"a": [rejecting]}, {"a": [record(100.0)]})

    assert found.score.violation == pytest.approx(2 * 0.49)
    assert found.score.values < judged(rules(), {"a": [record(1e6)]}, {"a": [record(100.0)]}).score.values
    assert found.reasons == ("a: completion_ratio misses 0.49", "a: rejection_ratio misses 0.49")


def test_a_failure_is_infeasible_and_says_why():
    failed = Record({}, 10, "StalledError: stuck")

    found = judged(rules(), {"a": [failed], "b": [record(1.0)]}, {"a": [record(100.0)], "b": [record(100.0)]})

    assert not found.score.is_feasible
    assert found.reasons[0] == "a: StalledError: stuck"
    assert all(math.isfinite(value) and value > 0 for value in found.score.objectives)


def test_an_undefined_objective_is_a_violation():
    found = judged(rules(), {"a": [record(None)]}, {"a": [record(100.0)]})

    assert found.score.violation == 1.0


def test_the_best_baseline_is_chosen_scenario_by_scenario_over_all_seeds():
    one = Results("one", (record(100.0), record(100.0)))
    two = Results("two", (record(50.0), record(150.0)))  # mean ratio 2 · 2/3 = 4/3 over two seeds

    assert best_baseline(rules(), {"ttft-p99": 1.0}, "a", [one, two]).name == "two"
    assert best_baseline(rules(), {"ttft-p99": 1.0}, "a", [two, one]).name == "two"


def test_a_baseline_that_keeps_absolute_bounds_goes_first():
    keeps = Results("keeps", (record(100.0),))
    breaks = Results("breaks", (record(1.0, completion_ratio=0.5),))
    strict = rules(constraints=(Constraint("completion_ratio", 0.9, None),))

    assert best_baseline(strict, {"ttft-p99": 1.0}, "a", [breaks, keeps]).name == "keeps"


def test_a_baseline_that_failed_is_no_yardstick():
    failed = Results("failed", (Record({}, 10, "StalledError: stuck"),))

    assert best_baseline(rules(), {"ttft-p99": 1.0}, "a", [failed, Results("works", (record(9.0),))]).name == "works"
    with pytest.raises(ConfigError, match="none of them succeeds in scenario 'a'; failed: StalledError: stuck"):
        best_baseline(rules(), {"ttft-p99": 1.0}, "a", [failed])


def test_mean_figures_leave_out_what_is_undefined():
    records = [Record({"x": 1.0, "y": None}, 1), Record({"x": 3.0, "y": None, "z": 5.0}, 1), Record({}, 1, "failed")]

    assert mean_figures(records) == {"x": 2.0, "y": None, "z": 5.0}


def test_the_incumbent_does_best_over_all_scenarios_and_the_yardstick_in_each():
    quick = {"a": Results("quick", (record(50.0),)), "b": Results("quick", (record(300.0),))}
    steady = {"a": Results("steady", (record(80.0),)), "b": Results("steady", (record(100.0),))}

    found = yardsticks(rules(), [quick, steady])

    assert {scenario: one[0].name for scenario, one in found.best.items()} == {"a": "quick", "b": "steady"}
    assert {one.name for one in found.incumbent.values()} == {"steady"}


def test_constraints_compare_with_the_incumbent_so_that_it_keeps_them_itself():
    generous = {
        "a": Results("generous", (record(50.0, slo_attainment=1.0),)),
        "b": Results("generous", (record(900.0),)),
    }
    steady = {"a": Results("steady", (record(60.0, slo_attainment=0.7),)), "b": Results("steady", (record(100.0),))}
    measures = yardsticks(rules(), [generous, steady])

    found = judgement(rules(), [], steady, measures)

    assert found.score.is_feasible
    assert not judgement(rules(), [], steady, Yardsticks(measures.best, generous, measures.spreads)).score.is_feasible


def test_a_constraint_is_judged_on_the_mean_over_seeds():
    known = {"a": [record(100.0, slo_attainment=0.5), record(100.0, slo_attainment=0.9)]}
    own = {"a": [record(100.0, slo_attainment=0.6), record(100.0, slo_attainment=0.8)]}

    assert judged(rules(), own, known).score.is_feasible
