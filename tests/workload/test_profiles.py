import math

import numpy as np
import pytest
from scipy import integrate, stats

from blis.foundation.errors import ConfigError
from blis.foundation.randomness import stream
from blis.workload.clients.profiles import profile_from_mapping
from blis.workload.drawing.arrivals import ArrivalProcess, draw_gaps

US = 1e6

PROFILES = {
    "constant": ({"type": "constant"}, lambda t: 1.0),
    "step": ({"type": "step", "at_s": 60, "factor": 3}, lambda t: 1.0 if t < 60 else 3.0),
    "ramp": (
        {"type": "ramp", "start_s": 20, "end_s": 120, "from": 0.2, "to": 2.2},
        lambda t: 0.2 + 2.0 * min(max((t - 20) / 100, 0), 1),
    ),
    "ramp from nothing": ({"type": "ramp", "end_s": 100, "from": 0, "to": 1}, lambda t: min(t / 100, 1)),
    "diurnal": (
        {"type": "diurnal", "amplitude": 1, "period_s": 80, "peak_s": 30},
        lambda t: 1 + math.cos(2 * math.pi * (t - 30) / 80),
    ),
    "spike": (
        {"type": "spike", "at_s": 50, "duration_s": 10, "factor": 8},
        lambda t: 8.0 if 50 <= t < 60 else 1.0,
    ),
    "drain": ({"type": "drain", "start_s": 40, "end_s": 140}, lambda t: min(max((140 - t) / 100, 0), 1)),
    "piecewise": (
        {"type": "piecewise", "points": [[10, 0.5], [30, 2], [30, 0], [60, 0], [60, 1], [100, 4]]},
        lambda t: (
            float(np.interp(t, [10, 30], [0.5, 2])) if t < 30 else 0.0 if t < 60 else min(1 + 3 * (t - 60) / 40, 4)
        ),
    ),
}
CORNERS_S = [10, 20, 30, 40, 50, 60, 100, 120, 140]


def integral(factor, start_s, end_s):
    return integrate.quad(factor, start_s, end_s, points=[c for c in CORNERS_S if start_s < c < end_s], limit=200)[0]


@pytest.mark.parametrize("name", PROFILES)
def test_work_is_the_integral_of_the_factor(name):
    mapping, factor = PROFILES[name]
    profile = profile_from_mapping("at", mapping)
    times_s = np.array([0.0, 7.0, 30.0, 45.0, 60.0, 99.0, 150.0, 400.0])

    expected = [integral(factor, 0, time) for time in times_s]
    assert (profile.work_us(times_s * US) / US).tolist() == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("name", PROFILES)
def test_real_time_is_the_inverse_of_work(name):
    profile = profile_from_mapping("at", PROFILES[name][0])
    work_us = profile.work_us(np.linspace(0.1 * US, 139 * US, 1000))

    real_us = profile.real_us(work_us)
    assert (np.diff(real_us) >= 0).all()
    assert profile.work_us(real_us) == pytest.approx(work_us, rel=1e-9, abs=1)


@pytest.mark.parametrize("name", PROFILES)
def test_poisson_counts_per_window_follow_the_integral_of_the_rate(name):
    mapping, factor = PROFILES[name]
    profile = profile_from_mapping("at", mapping)
    rate, end_s = 400.0, 150
    work_us = draw_gaps(stream(1, name), ArrivalProcess("poisson"), rate, 400_000).cumsum()
    times_s = profile.real_us(work_us) / US

    edges = np.arange(0, end_s + 1, 10)
    counts = np.histogram(times_s[times_s < end_s], edges)[0]
    expected = np.array([rate * integral(factor, start, start + 10) for start in edges[:-1]])
    is_empty = expected < 1e-6
    assert counts[is_empty].sum() == 0
    deviations = (counts[~is_empty] - expected[~is_empty]) ** 2 / expected[~is_empty]
    assert stats.chi2(len(deviations)).sf(deviations.sum()) > 0.01


@pytest.mark.parametrize("process", ["gamma", "weibull"])
@pytest.mark.parametrize("cv", [3.5, 10.0])
def test_burstiness_survives_a_profile(process, cv):
    # the profile hardly changes within a gap, so a gap times the rate in its middle is the gap of the unbent process
    rate, period_s = 50.0, 40_000
    profile = profile_from_mapping("at", {"type": "diurnal", "amplitude": 0.8, "period_s": period_s})
    gaps_us = draw_gaps(stream(3, process), ArrivalProcess(process, cv), rate, 4_000_000)
    real_s = profile.real_us(gaps_us.cumsum()) / US
    bent_s = np.diff(real_s, prepend=0.0)
    factor = 1 + 0.8 * np.cos(2 * np.pi * (real_s - bent_s / 2) / period_s)
    relative = bent_s * factor * rate

    assert relative.mean() == pytest.approx(1, rel=0.03)
    assert relative.std() == pytest.approx(cv, rel=0.05)
    unbent = gaps_us * rate / US
    is_resolved = unbent > 1e-5  # the times of many hours have not the digits for smaller gaps
    assert np.abs(relative[is_resolved] / unbent[is_resolved] - 1).max() < 0.01


def test_nothing_arrives_after_a_drain():
    profile = profile_from_mapping("at", {"type": "drain", "end_s": 10})

    assert profile.end_us == 10 * US
    assert profile.real_us(np.array([0.0, 4.9 * US, 5.1 * US])).tolist() == [
        0.0,
        pytest.approx(8.5858e6, rel=1e-4),
        math.inf,
    ]


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"type": "steep"}, "at.type: no choice named 'steep'; did you mean 'step'?"),
        ({"at_s": 5}, "at: key 'type' is required."),
        ({"type": "step", "at_s": 5}, "at: key 'factor' is required."),
        ({"type": "step", "at_s": 5, "factor": 2, "end_s": 3}, "at: unknown key 'end_s'"),
        (
            {"type": "step", "at_s": -5, "factor": 2},
            "at.at_s must be a finite number in [0, 1000000000] [s]; got -5.",
        ),
        ({"type": "step", "at_s": 5, "factor": math.nan}, "at.factor must be a finite number ≥ 0; got nan."),
        ({"type": "step", "at_s": 0, "factor": 0}, "at must have a factor > 0 for some time"),
        ({"type": "ramp", "end_s": 5, "from": 0, "to": 0}, "at must have a factor > 0 for some time"),
        ({"type": "ramp", "start_s": 5, "end_s": 5, "from": 1, "to": 2}, "at.end_s must be a finite number > 5"),
        ({"type": "diurnal", "amplitude": 1.5}, "at.amplitude must be a finite number in [0, 1]; got 1.5."),
        ({"type": "diurnal", "amplitude": 1, "period_s": 0}, "at.period_s must be a finite number > 0"),
        ({"type": "spike", "at_s": 5, "duration_s": 0, "factor": 2}, "at.duration_s must be a finite number > 0"),
        ({"type": "piecewise", "points": []}, "at.points must be a list of pairs"),
        ({"type": "piecewise", "points": [[0, 1], 5]}, "at.points[1] must be a pair [time in s, factor]; got 5."),
        ({"type": "piecewise", "points": [[5, 1], [3, 1]]}, "at.points[1][0] must be a finite number in [5,"),
        ({"type": "piecewise", "points": [[0, 0], [9, 0]]}, "at must have a factor > 0 for some time"),
        ([], "at must be a mapping of keys to values; got []."),
    ],
)
def test_wrong_profiles_are_refused(mapping, message):
    with pytest.raises(ConfigError) as error:
        profile_from_mapping("at", mapping)

    assert str(error.value).startswith(message)
