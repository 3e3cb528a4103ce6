import math

import numpy as np
import pytest
from scipy import stats

from blis.foundation.errors import ConfigError
from blis.foundation.randomness import stream
from blis.workload.drawing.arrivals import (
    ArrivalProcess,
    arrival_process_from_mapping,
    draw_gaps,
    normalized_times,
    weibull_shape,
)

N = 100_000


def gaps(process, cv=1.0, rate=10.0, n=N):
    return draw_gaps(stream(1, "test"), ArrivalProcess(process, cv), rate, n)


def test_poisson_gaps_are_exponential():
    assert stats.kstest(gaps("poisson"), stats.expon(scale=100_000).cdf).pvalue > 0.01


def test_constant_gaps_are_the_mean():
    assert gaps("constant", rate=3.0, n=2).tolist() == [1e6 / 3, 1e6 / 3]


@pytest.mark.parametrize("cv", [0.5, 1.5, 3.5])
def test_gamma_gaps_have_their_distribution(cv):
    # shape 1/cv², scale mean·cv²: the table of the reference, 4 and 25000 for cv 0.5 at 10/s
    expected = stats.gamma(1 / cv**2, scale=100_000 * cv**2)

    assert stats.kstest(gaps("gamma", cv), expected.cdf).pvalue > 0.01


@pytest.mark.parametrize("cv", [3.5, 10.0])
def test_bursty_gamma_gaps_keep_their_mean_and_cv(cv):
    drawn = gaps("gamma", cv, n=2_000_000)

    assert drawn.mean() == pytest.approx(100_000, rel=0.03)
    assert drawn.std() / drawn.mean() == pytest.approx(cv, rel=0.03)


@pytest.mark.parametrize("cv", [0.5, 2.0])
def test_weibull_gaps_have_their_distribution(cv):
    shape = weibull_shape(cv)
    expected = stats.weibull_min(shape, scale=100_000 / math.gamma(1 + 1 / shape))
    drawn = gaps("weibull", cv)

    assert stats.kstest(drawn, expected.cdf).pvalue > 0.01
    assert drawn.mean() == pytest.approx(100_000, rel=0.03)
    assert drawn.std() / drawn.mean() == pytest.approx(cv, rel=0.05)


@pytest.mark.parametrize(("cv", "shape"), [(0.5, 2.10135), (1.0, 1.0), (2.0, 0.54269), (3.5, 0.37534)])
def test_weibull_shape_is_near_the_value_of_the_reference(cv, shape):
    assert weibull_shape(cv) == pytest.approx(shape, rel=1e-3)


@pytest.mark.parametrize("cv", [0.01, 0.3, 1.0, 3.5, 10.4])
def test_weibull_shape_has_the_cv_that_was_asked_for(cv):
    shape = weibull_shape(cv)
    ratio = math.exp(math.lgamma(1 + 2 / shape) - 2 * math.lgamma(1 + 1 / shape))

    assert math.sqrt(ratio - 1) == pytest.approx(cv, rel=1e-9)


def test_gaps_drawn_in_pieces_are_the_gaps_drawn_at_once():
    for process in ("poisson", "gamma", "weibull"):
        random = stream(1, "test")
        arrival = ArrivalProcess(process, 2.0)
        pieces = np.concatenate([draw_gaps(random, arrival, 10.0, n) for n in (3, 1, 6)])

        assert pieces.tolist() == gaps(process, 2.0, n=10).tolist()


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"process": "poison"}, "at.process: no choice named 'poison'; did you mean 'poisson'?"),
        ({"proces": "poisson"}, "at: unknown key 'proces'; did you mean 'process'?"),
        ({}, "at: key 'process' is required. Given: none."),
        ({"process": "gamma", "cv": 0}, "at.cv must be a finite number in [1e-06, 1000]; got 0."),
        (
            {"process": "gamma", "cv": math.nan},
            "at.cv must be a finite number in [1e-06, 1000]; got nan.",
        ),
        ({"process": "weibull", "cv": 11}, "at.cv must be a finite number in [0.01, 10.4]; got 11."),
        ({"process": "poisson", "cv": -1}, "at.cv must be a finite number > 0; got -1."),
    ],
)
def test_wrong_processes_are_refused(mapping, message):
    with pytest.raises(ConfigError) as error:
        arrival_process_from_mapping("at", mapping)

    assert str(error.value).startswith(message)


@pytest.mark.parametrize("cv", [3.5, 10.0])
def test_bursty_weibull_gaps_keep_their_distribution_mean_and_cv(cv):
    shape = weibull_shape(cv)
    expected = stats.weibull_min(shape, scale=100_000 / math.gamma(1 + 1 / shape))
    drawn = gaps("weibull", cv, n=4_000_000)

    assert stats.kstest(drawn[:N], expected.cdf).pvalue > 0.01
    assert drawn.mean() == pytest.approx(100_000, rel=0.03)
    assert drawn.std() / drawn.mean() == pytest.approx(cv, rel=0.05)


def test_normalized_arrivals_are_uniform_over_the_time_that_they_fill():
    times = normalized_times(stream(4, "test"), N)

    assert len(times) == N
    assert (np.diff(times) >= 0).all()
    assert times[-1] < 1
    assert stats.kstest(times, "uniform").pvalue > 0.01
    assert stats.kstest(np.diff(times) * N, "expon").pvalue > 0.01
