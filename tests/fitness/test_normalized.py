"""Fitness relative to a baseline: ratios, means, the penalty for losing a scenario, constraints."""

import math

import pytest

from blis.fitness.constraints import DEFAULT_CONSTRAINTS, read_constraints
from blis.fitness.normalized import Normalized, Run
from blis.fitness.objectives import OBJECTIVES, Objective, Scale
from blis.fitness.ratio import MOST, ratio
from blis.foundation.errors import ConfigError, UnknownChoiceError
from blis.result import simulate
from blis.scenario import Scenario

SERVED = {"completion_ratio": 1.0, "rejection_ratio": 0.0, "slo_attainment": 0.9}
BASELINE = {**SERVED, "ttft_p99_ms": 100.0, "e2e_mean_ms": 1000.0, "goodput_rps": 10.0}
TTFT = Normalized({"ttft_p99_ms": 1.0})


def run(scenario: str = "one", **figures: float | None) -> Run:
    return Run(scenario, {**BASELINE, **figures}, BASELINE)


def of(name: str, value: float, baseline: float) -> float:
    return ratio(OBJECTIVES[name], value, baseline)


def test_a_ratio_above_one_is_better_in_either_direction() -> None:
    assert of("ttft_p99_ms", 50.0, 100.0) == 2.0
    assert of("goodput_rps", 12.0, 10.0) == 1.2
    assert of("slo_attainment", 0.45, 0.9) == 0.5


def test_a_share_that_should_be_small_is_compared_by_the_rest() -> None:
    assert of("rejection_ratio", 0.01, 0.0) == 0.99
    assert of("rejection_ratio", 0.0, 0.5) == 2.0
    assert of("rejection_ratio", 1.0, 0.5) == 1 / MOST


def test_a_count_is_compared_with_the_one_time_that_is_needed() -> None:
    assert of("preemption_rate", 0.25, 0.0) == 0.8
    assert of("preemption_rate", 0.0, 1.0) == 2.0


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_equal_figures_are_equally_good_zero_included(name: str, value: float) -> None:
    assert of(name, value, value) == 1.0


def test_nothing_against_something_is_as_far_as_a_ratio_goes() -> None:
    assert of("goodput_rps", 0.0, 10.0) == 1 / MOST
    assert of("goodput_rps", 10.0, 0.0) == MOST
    assert of("ttft_p99_ms", 0.0, 10.0) == MOST
    assert of("ttft_p99_ms", 10.0, 0.0) == 1 / MOST
    assert of("ttft_p99_ms", 1e-300, 1e300) == MOST


def test_the_baseline_itself_is_worth_one() -> None:
    worth = Normalized({"ttft_p99_ms": 0.4, "e2e_mean_ms": 0.3, "goodput_rps": 0.3}).worth([run(), run("two")])

    assert worth.value == 1.0
    assert worth.is_feasible
    assert worth.by_objective == {"ttft_p99_ms": 1.0, "e2e_mean_ms": 1.0, "goodput_rps": 1.0}


def test_objectives_meet_in_their_weighted_geometric_mean() -> None:
    fitness = Normalized({"ttft_p99_ms": 3.0, "goodput_rps": 1.0})

    worth = fitness.worth([run(ttft_p99_ms=50.0, goodput_rps=160.0)])

    assert worth.ratios == ({"ttft_p99_ms": 2.0, "goodput_rps": 16.0},)
    assert worth.value == pytest.approx(2 ** (3 / 4) * 16 ** (1 / 4), rel=1e-12)
    assert worth.by_objective == pytest.approx({"ttft_p99_ms": 2.0, "goodput_rps": 16.0}, rel=1e-12)


def test_scenarios_meet_in_their_geometric_mean_and_seeds_of_one_count_as_one() -> None:
    seeds = [run("one", ttft_p99_ms=25.0), run("one", ttft_p99_ms=100.0), run("two", ttft_p99_ms=12.5)]

    fitness = Normalized({"ttft_p99_ms": 1.0}, penalty=0.0)
    assert fitness.worth(seeds).value == pytest.approx(4.0, rel=1e-12)  # of 2 and 8


def test_winning_here_does_not_quite_pay_for_losing_there() -> None:
    worth = TTFT.worth([run("one", ttft_p99_ms=50.0), run("two", ttft_p99_ms=200.0)])  # 2 and 0.5

    assert 0.9 < worth.value < 1.0
    assert worth.by_objective["ttft_p99_ms"] == worth.value
    assert worth.is_feasible


def test_the_penalty_moves_the_mean_towards_the_softened_worst() -> None:
    lost = [run("one", ttft_p99_ms=200.0), run("two")]
    mean, softened = math.sqrt(0.5), 1 / ((2 + 1) / 2)  # of 1/2 and 1; the harmonic mean is the softened minimum

    for penalty in (0.0, 0.5, 1.0):
        fitness = Normalized({"ttft_p99_ms": 1.0}, penalty=penalty)
        assert fitness.worth(lost).value == pytest.approx(mean ** (1 - penalty) * softened**penalty, rel=1e-12)


def test_a_scenario_counts_in_units_of_what_policies_differ_there() -> None:
    def value(wild: float, calm: float) -> float:
        fitness = Normalized({"ttft_p99_ms": 1.0}, penalty=0.0, spreads={"wild": 1.0, "calm": 0.04})
        return fitness.worth([run("wild", ttft_p99_ms=100 / wild), run("calm", ttft_p99_ms=100 / calm)]).value

    assert value(1.0, 1.0) == 1.0
    assert value(1.0, 1.04) > value(1.9, 1.0) > 1.0  # 4 % where all are alike is more than 90 % where all differ
    assert value(1e-9, 1.04) == value(1e-6, 1.04)  # who ruins one scenario is not told apart from who ruins it more


def test_the_worst_value_is_still_positive() -> None:
    assert 0 < TTFT.worth([run(ttft_p99_ms=1e300)]).value < 0.011


def test_a_broken_constraint_is_not_bought_with_latency() -> None:
    worth = TTFT.worth([run(ttft_p99_ms=1.0, completion_ratio=0.9, rejection_ratio=0.1)])

    assert worth.violation == pytest.approx(0.09 + 0.09, rel=1e-9)
    assert not worth.is_feasible
    assert worth.reasons == ("one: completion_ratio misses 0.09", "one: rejection_ratio misses 0.09")


def test_a_percentage_point_and_five_of_attainment_are_left_to_chance() -> None:
    assert TTFT.worth([run(completion_ratio=0.99, rejection_ratio=0.01, slo_attainment=0.85)]).is_feasible
    assert not TTFT.worth([run(slo_attainment=0.849)]).is_feasible


def test_constraints_hold_in_the_mean_over_scenarios_of_the_mean_over_runs() -> None:
    worth = TTFT.worth([run("one", completion_ratio=0.5), run("two", completion_ratio=0.7), run("two")])

    assert worth.violation == pytest.approx(1.0 - 0.01 - (0.5 + 0.85) / 2, rel=1e-9)
    assert TTFT.worth([run("one", completion_ratio=0.985), run("two")]).is_feasible


@pytest.mark.parametrize("figure", [None, math.nan, math.inf])
def test_a_figure_that_does_not_exist_is_a_violation(figure: float | None) -> None:
    worth = TTFT.worth([run(ttft_p99_ms=figure)])

    assert worth.violation == 1.0
    assert worth.reasons == ("one: ttft_p99_ms misses 1",)
    assert math.isfinite(worth.value)
    assert TTFT.worth([run(slo_attainment=figure)]).violation == 1.0


def test_a_baseline_without_an_objective_is_refused() -> None:
    with pytest.raises(ConfigError, match="one: the baseline's ttft_p99_ms must be a number"):
        TTFT.worth([Run("one", BASELINE, {**BASELINE, "ttft_p99_ms": None})])


def test_nothing_to_judge_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one run"):
        TTFT.worth([])


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_rejecting_never_pays(share: float) -> None:
    """All, or half of the requests: what is left is fast, and worth nothing."""
    affine = {"kind": "affine", "alpha_us": [1, 0, 0], "beta_us": [7000, 20, 60]}
    mapping = {
        "cluster": {"kv_blocks": 4000, "max_running_requests": 4, "latency": affine},
        "workload": {"kind": "distribution", "preset": "chatbot", "num_requests": 40, "rate": 5.0},
    }
    refuse = {"policy": "token-bucket", "capacity_tokens": 5000, "refill_tokens_per_s": 100}
    admission = {"policy": "reject-all"} if not share else refuse
    baseline = simulate(Scenario.from_mapping(mapping)).figures()
    figures = simulate(Scenario.from_mapping({**mapping, "policies": {"admission": admission}})).figures()

    worth = TTFT.worth([Run("overload", figures, baseline)])

    assert baseline["completion_ratio"] == 1.0
    if share:
        assert worth.value > 1.2  # tempting
    assert worth.violation > 0.3


def test_constraints_can_be_absolute_and_relative_and_the_stricter_counts() -> None:
    (one,) = read_constraints("constraints", {"slo_attainment": {"at_least": 0.8, "worse_than_baseline_by": 0.05}})

    assert one.violation({"slo_attainment": 0.85}, {"slo_attainment": 0.9}) == 0.0
    assert one.violation({"slo_attainment": 0.84}, {"slo_attainment": 0.9}) == pytest.approx(0.01)
    assert one.violation({"slo_attainment": 0.75}, {"slo_attainment": 0.7}) == pytest.approx(0.05)


def test_what_should_be_small_is_bounded_from_above() -> None:
    (one,) = read_constraints("constraints", {"rejection_ratio": {"at_most": 0.1}})

    assert one.violation({"rejection_ratio": 0.1}, {}) == 0.0
    assert one.violation({"rejection_ratio": 0.3}, {}) == pytest.approx(0.2)


def test_constraints_hold_unless_told_otherwise() -> None:
    assert read_constraints("constraints", None) == DEFAULT_CONSTRAINTS
    assert read_constraints("constraints", {}) == ()


def test_an_objective_that_is_no_figure_of_a_run_brings_its_judgement() -> None:
    fitness = Normalized({"nodes": 1.0}, further={"nodes": Objective(-1, Scale.COUNT)})

    assert fitness.worth([Run("one", {**SERVED, "nodes": 0.0}, {**SERVED, "nodes": 3.0})]).value == pytest.approx(4.0)


def test_a_fitness_is_read_from_a_mapping() -> None:
    fitness = Normalized.from_mapping(
        "fitness",
        {
            "objectives": {"ttft_p99_ms": 2, "class/critical/slo_attainment": 1},
            "constraints": {"class/batch/slo_attainment": {"at_least": 0.5}},
            "penalty": 0.5,
        },
    )

    assert fitness.objectives == {"ttft_p99_ms": 2.0, "class/critical/slo_attainment": 1.0}
    assert [one.figure for one in fitness.constraints] == ["class/batch/slo_attainment"]
    assert fitness.penalty == 0.5


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"objectives": {}}, "fitness.objectives must map at least one figure"),
        ({"objectives": {"ttft_p99": 1}}, "did you mean 'ttft_p99_ms'"),
        ({"objectives": {"ttft_p99_ms": 0}}, "fitness.objectives.ttft_p99_ms must be a finite number > 0; got 0"),
        ({"objectives": {"ttft_p99_ms": math.nan}}, "fitness.objectives.ttft_p99_ms must be a finite number > 0"),
        ({"penalty": 1.5}, r"fitness.penalty must be a finite number in \[0, 1\]"),
        ({"punishment": 1}, "unknown key 'punishment'"),
        ({"constraints": []}, "fitness.constraints must be a mapping of figures to bounds"),
        ({"constraints": {"ttft_p99_ms": {"at_most": 1}}}, "must be a share of requests"),
        ({"constraints": {"slo_attainment": {"at_most": 1}}}, "must be bounded by at_least"),
        ({"constraints": {"rejection_ratio": {"at_least": 0}}}, "must be bounded by at_most"),
        ({"constraints": {"slo_attainment": {}}}, "must have at_least or worse_than_baseline_by; got none"),
        ({"constraints": {"slo_attainment": {"at_least": 95}}}, r"at_least must be a finite number in \[0, 1\]"),
    ],
)
def test_wrong_settings_are_refused_with_their_place(changed: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Normalized.from_mapping("fitness", {"objectives": {"ttft_p99_ms": 1}, **changed})


def test_objectives_are_required() -> None:
    with pytest.raises(ConfigError, match="fitness: key 'objectives' is required"):
        Normalized.from_mapping("fitness", {})


def test_an_unknown_constraint_is_an_unknown_choice() -> None:
    with pytest.raises(UnknownChoiceError, match="did you mean 'completion_ratio'"):
        read_constraints("constraints", {"completion_rate": {"at_least": 1}})
