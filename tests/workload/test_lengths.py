import math

import numpy as np
import pytest
from scipy import stats

from blis.foundation.errors import ConfigError
from blis.foundation.randomness import stream
from blis.workload.drawing.lengths import Constant, Gaussian, lengths_from_mapping, lengths_or_number

N = 100_000


def draw(kind, n=N, minimum=1, **params):
    return lengths_from_mapping("at", {"type": kind, "params": params}, minimum).draw(stream(2, "test"), n)


def ks_of_rounded(drawn, continuous):
    """Largest distance between the drawn and the rounded distribution's cumulative function."""
    values, counts = np.unique(drawn, return_counts=True)
    return np.abs(np.cumsum(counts) / len(drawn) - continuous.cdf(values + 0.5)).max()


def test_gaussian_lengths_are_normal_and_rounded():
    drawn = draw("gaussian", mean=1000, std_dev=100)

    assert ks_of_rounded(drawn, stats.norm(1000, 100)) < 1.63 / math.sqrt(N)  # 1 % level
    assert drawn.dtype == np.int64


def test_gaussian_lengths_are_clamped():
    drawn = draw("gaussian", mean=100, std_dev=100, min=50, max=150)

    assert drawn.min() == 50
    assert drawn.max() == 150
    assert (drawn == 50).mean() == pytest.approx(stats.norm.cdf(-0.495), abs=0.01)


def test_gaussian_without_bounds_has_a_floor_of_one():
    assert draw("gaussian", mean=1, std_dev=10).min() == 1


def test_gaussian_with_equal_bounds_is_constant():
    assert draw("gaussian", n=3, mean=5, std_dev=10, min=7, max=7).tolist() == [7, 7, 7]


def test_gaussian_outputs_may_be_constantly_zero():
    assert draw("gaussian", n=2, minimum=0, mean=0, std_dev=0, min=0, max=0).tolist() == [0, 0]


def test_gaussian_rounds_halves_up():
    assert Gaussian(2.5, 0.0).draw(stream(0), 2).tolist() == [3, 3]


def test_exponential_lengths_are_exponential():
    drawn = draw("exponential", mean=500)

    assert ks_of_rounded(drawn[drawn > 1], stats.expon(1.5, 500)) < 1.63 / math.sqrt(N)
    assert drawn.min() == 1


def test_pareto_lognormal_mixes_by_weight():
    pareto = draw("pareto_lognormal", alpha=2.5, xm=100, mu=4, sigma=0.5, mix_weight=1)
    lognormal = draw("pareto_lognormal", alpha=2.5, xm=100, mu=4, sigma=0.5, mix_weight=0)
    mixed = draw("pareto_lognormal", alpha=2.5, xm=1000, mu=4, sigma=0.1, mix_weight=0.3)

    assert ks_of_rounded(pareto, stats.pareto(2.5, scale=100)) < 1.63 / math.sqrt(N)
    assert ks_of_rounded(lognormal, stats.lognorm(0.5, scale=math.exp(4))) < 1.63 / math.sqrt(N)
    assert (mixed >= 1000).mean() == pytest.approx(0.3, abs=0.01)


def test_draws_beyond_the_range_of_numbers_become_one():
    drawn = draw("pareto_lognormal", n=100, alpha=1, xm=1, mu=1e6, sigma=0, mix_weight=0)

    assert set(drawn.tolist()) == {1}


def test_empirical_lengths_come_in_proportion_to_their_weights():
    drawn = draw("empirical", **{"10": 1, "20": 0, "300": 3})

    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [10, 300]
    assert stats.chisquare(counts, [N / 4, 3 * N / 4]).pvalue > 0.01


def test_constant_lengths_are_constant():
    assert draw("constant", n=3, value=9).tolist() == [9, 9, 9]


@pytest.mark.parametrize(
    ("kind", "params", "message"),
    [
        ("gausian", {}, "at.type: no choice named 'gausian'; did you mean 'gaussian'?"),
        ("gaussian", {"mean": 5}, "at.params: key 'std_dev' is required. Given: mean."),
        ("gaussian", {"mean": 5, "stdev": 1}, "at.params: unknown key 'stdev'; did you mean 'std_dev'?"),
        (
            "gaussian",
            {"mean": math.nan, "std_dev": 1},
            "at.params.mean must be a finite number [tokens]; got nan.",
        ),
        (
            "gaussian",
            {"mean": 5, "std_dev": -1},
            "at.params.std_dev must be a finite number ≥ 0 [tokens]; got -1.",
        ),
        (
            "gaussian",
            {"mean": 5, "std_dev": 1, "min": 1.5},
            "at.params.min must be an int in [0, 2147483647] [tokens]",
        ),
        (
            "gaussian",
            {"mean": 5, "std_dev": 1, "min": 9, "max": 3},
            "at.params.max must be ≥ min = 9 [tokens]; got 3.",
        ),
        ("exponential", {"mean": 0}, "at.params.mean must be a finite number > 0 [tokens]; got 0."),
        ("exponential", {}, "at.params: key 'mean' is required. Given: none."),
        ("constant", {"value": 0}, "at.params.value must be an int in [1, 2147483647] [tokens]; got 0."),
        ("empirical", {}, "at.params must be a mapping of lengths to weights"),
        ("empirical", {"x": 1}, "at.params: length must be an int in [1, 2147483647] [tokens]; got 'x'."),
        ("empirical", {"0": 1}, "at.params: length must be an int in [1, 2147483647] [tokens]; got 0."),
        ("empirical", {"5": -1}, "at.params.5 must be a finite number ≥ 0; got -1."),
        ("empirical", {"5": 0}, "at.params must have at least one weight > 0; got {'5': 0}."),
        ("empirical", {"5": 1, 5: 1}, "at.params: the length 5 must be given once; got it twice."),
        (
            "pareto_lognormal",
            {"alpha": 1, "xm": 1, "mu": 1, "sigma": 1, "mix_weight": 1.5},
            "at.params.mix_weight must be a finite number in [0, 1]; got 1.5.",
        ),
    ],
)
def test_wrong_distributions_are_refused(kind, params, message):
    with pytest.raises(ConfigError) as error:
        lengths_from_mapping("at", {"type": kind, "params": params}, 1)

    assert str(error.value).startswith(message)


def test_a_file_of_lengths_is_refused():
    with pytest.raises(ConfigError, match=r"at.file must be left out"):
        lengths_from_mapping("at", {"type": "empirical", "file": "a.json"}, 1)


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("gaussian", {"mean": 100, "std_dev": 30}),
        ("exponential", {"mean": 100}),
        ("pareto_lognormal", {"alpha": 2, "xm": 50, "mu": 4, "sigma": 1, "mix_weight": 0.4}),
        ("empirical", {"1": 1, "5": 2}),
        ("constant", {"value": 3}),
    ],
)
def test_more_draws_do_not_change_the_first_ones(kind, params):
    assert draw(kind, n=7, **params).tolist() == draw(kind, n=1000, **params)[:7].tolist()


def test_pareto_lognormal_lengths_have_the_moments_of_the_mixture():
    drawn = draw("pareto_lognormal", alpha=4, xm=300, mu=5, sigma=0.5, mix_weight=0.25)

    # 0.25 · α xm / (α - 1) + 0.75 · exp(μ + σ²/2)
    assert drawn.mean() == pytest.approx(0.25 * 400 + 0.75 * math.exp(5.125), rel=0.01)


def test_a_number_is_a_constant_length():
    assert lengths_or_number("at", 7, 1) == Constant(7)
    with pytest.raises(ConfigError, match=r"at must be an int in \[1, 2147483647\] \[tokens\]; got 0\."):
        lengths_or_number("at", 0, 1)
