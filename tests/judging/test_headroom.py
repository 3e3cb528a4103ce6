import math

import pytest

from blis.foundation.errors import ConfigError
from evolve.judging.goals import Goals
from evolve.judging.headroom import BASELINE, PATHOLOGICAL, SENSIBLE, SIGNAL, Contender, Criterion, contenders, headroom
from evolve.judging.scoring import Rules
from evolve.records import Phenotype, Record
from tests.trials.small_suite import LEAST_LOADED, ROUND_ROBIN

RULES = Rules(Goals.from_config("objectives", {"ttft-p99": 1.0}), constraints=())
CRITERION = Criterion(sabotage=0.5, spread=0.02, noise=2)
EVERYBODY = [
    Contender("one", BASELINE, ROUND_ROBIN),
    Contender("two", SENSIBLE, LEAST_LOADED),
    Contender("bad", PATHOLOGICAL, Phenotype({})),
]


def judged(*ttfts_of_contenders):
    """The head-room of `EVERYBODY`, given TTFTs for each seed; None: the simulation failed."""
    records = [
        [Record({"ttft_p99_ms": ttft}, 10) if ttft is not None else Record({}, 10, "stuck") for ttft in ttfts]
        for ttfts in ttfts_of_contenders
    ]
    return headroom("a", RULES, CRITERION, EVERYBODY, records)


def test_policy_matters_where_bad_ones_lose_and_sensible_ones_differ():
    found = judged([100.0, 101.0, 99.0], [110.0, 111.0, 110.0], [900.0, 800.0, 999.0])

    assert found.reasons == ()
    assert found.spread == pytest.approx((1.1 * 111 / 101 * 110 / 99) ** (1 / 3) - 1)
    assert found.sabotage == pytest.approx((100 / 900 * 101 / 800 * 99 / 999) ** (1 / 3))


def test_values_are_relative_to_the_best_of_the_chosen_ones():
    found = judged([100.0, 200.0], [110.0, 221.0], [50.0, 50.0])

    assert found.of_kind(BASELINE)[0].values == (1.0, 1.0)
    assert found.of_kind(SENSIBLE)[0].values == pytest.approx((100 / 110, 200 / 221))
    assert found.of_kind(PATHOLOGICAL)[0].value == pytest.approx(math.sqrt(2 * 4))


def test_a_scenario_that_sabotage_does_not_hurt_is_refused():
    found = judged([100.0, 101.0], [150.0, 151.0], [160.0, 161.0])

    assert found.reasons == ("the worst pathological policy is worth 0.63, more than 0.5",)


def test_a_scenario_where_sensible_policies_are_alike_is_refused():
    found = judged([100.0, 100.0], [101.0, 100.5], [900.0, 900.0])

    assert found.reasons == ("sensible policies differ by 0.7%, less than 2.0%",)


def test_a_difference_within_the_noise_of_the_seeds_is_no_difference():
    found = judged([100.0, 150.0, 100.0], [150.0, 100.0, 150.0], [900.0, 900.0, 900.0])

    (reason,) = found.reasons
    assert reason.startswith("sensible policies differ by 14.5%, no more than 2 standard errors of 27.")


def test_without_noise_between_seeds_there_is_no_standard_error():
    assert judged([100.0, 100.0], [150.0, 150.0], [900.0, 900.0]).standard_error is None


def test_sabotage_that_fails_has_lost_everything():
    found = judged([100.0, 101.0], [150.0, 152.0], [None, 900.0])

    assert found.sabotage == 0.0
    assert found.of_kind(PATHOLOGICAL)[0].error == "stuck"
    assert found.to_mapping()["policy_matters"]


def test_everybody_runs_and_random_weights_depend_on_the_seed_alone():
    baselines, bad = {"round-robin": ROUND_ROBIN}, {"busiest": {"routing": "always-busiest"}}

    one, again = (contenders(baselines, None, bad, 3, seed=1) for _ in range(2))
    other = contenders(baselines, None, bad, 3, seed=2)

    assert one == again
    assert one != other
    assert [contender.name for contender in one[-3:]] == ["random-0", "random-1", "random-2"]
    assert {"queue-depth", "prefix-affinity"} <= {contender.name for contender in one if contender.kind == SIGNAL}


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"sabotage": 0.5, "spread": 0.02}, "criterion: key 'noise' is required"),
        (
            {"sabotage": 1, "spread": 0.02, "noise": 2},
            "criterion.sabotage must be a finite number > 0 and ≤ 0.99; got 1",
        ),
        ({"sabotage": 0.5, "spread": 0, "noise": 2}, "criterion.spread must be a finite number > 0; got 0"),
        ({"sabotage": 0.5, "spread": 0.1, "noise": -1}, "criterion.noise must be a finite number ≥ 0; got -1"),
    ],
)
def test_wrong_criteria_are_refused(mapping, message):
    with pytest.raises(ConfigError) as error:
        Criterion.from_mapping("criterion", mapping)

    assert message in str(error.value)
