"""Directions of figures, and the vector of several."""

import math

import pytest

from blis.fitness.objectives import OBJECTIVES, Scale, objective, vector
from blis.foundation.errors import UnknownChoiceError
from blis.result import simulate
from blis.scenario import Scenario


@pytest.fixture(scope="module")
def figures() -> dict[str, float | None]:
    affine = {"kind": "affine", "alpha_us": [1, 0, 0], "beta_us": [7000, 20, 60]}
    workload = {"kind": "distribution", "preset": "chatbot", "num_requests": 10}
    return simulate(
        Scenario.from_mapping({"cluster": {"kv_blocks": 4000, "latency": affine}, "workload": workload})
    ).figures()


def test_every_objective_is_a_figure_of_a_run(figures: dict[str, float | None]) -> None:
    assert set(OBJECTIVES) <= set(figures)
    assert all(math.isfinite(value) for value in vector(figures, list(OBJECTIVES)) if value is not None)


def test_shares_lie_between_zero_and_one(figures: dict[str, float | None]) -> None:
    shares = [figures[name] for name, judged in OBJECTIVES.items() if judged.scale is Scale.SHARE]

    assert all(share is not None and 0 <= share <= 1 for share in shares)


def test_a_vector_grows_towards_the_better() -> None:
    worse = {"ttft_p99_ms": 30.0, "goodput_rps": 4.0}
    better = {"ttft_p99_ms": 20.0, "goodput_rps": 5.0}

    assert vector(better, ["ttft_p99_ms", "goodput_rps"]) == (-20.0, 5.0) > vector(worse, list(worse))


@pytest.mark.parametrize("figure", [None, math.nan, math.inf, -math.inf])
def test_a_figure_that_does_not_exist_is_the_worst_either_way(figure: float | None) -> None:
    assert vector({"ttft_p99_ms": figure}, ["ttft_p99_ms", "goodput_rps"]) == (-math.inf, -math.inf)


def test_attainment_of_one_class_is_an_objective() -> None:
    assert vector({"class/critical/slo_attainment": 0.5}, ["class/critical/slo_attainment"]) == (0.5,)


@pytest.mark.parametrize("name", ["kv_peak_use", "ttft_p98_ms", "class//slo_attainment", "class/critical", None])
def test_what_has_no_direction_is_refused(name: object) -> None:
    with pytest.raises(UnknownChoiceError, match="objectives"):
        objective("objectives", name)
