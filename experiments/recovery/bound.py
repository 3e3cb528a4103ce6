"""How near to the truth can any estimate come on average? (Cramer and Rao.)

With noise that multiplies each time by a log-normal factor, what a request's time says of the coefficients is the
square of its slope (share of the time per share of a coefficient) over its variance. The slope is that of a straight
line through simulations around the truth; what the line leaves over, the waits that every change scatters anew, is
noise beside the clients' own. Slopes of so many single requests look steeper than they are, by what is expected of
their noise, which is taken off. Waits are taken for independent of each other, which they are not: so the true bound is
a little higher.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from blis.fitting.fitting import parts_of
from blis.fitting.objective import Objective, Simulator, learned_from
from blis.fitting.settings import fit_settings
from blis.fitting.statistics import Times
from blis.foundation.randomness import stream
from experiments.recovery.traces import TRUE, TRUE_VALUES, scenario, write_traces

#: Simulations of each run, and how far apart their coefficients are, as a share.
_N_POINTS, _RADIUS = 800, 0.10
#: Scatter of a time without noise: clocks tick in whole microseconds.
_LEAST_SCATTER = 1e-4


def bound(seed: int, noise: float, hold_out: float) -> list[float]:
    """Least standard deviation of each coefficient, as a share of it."""
    with tempfile.TemporaryDirectory() as folder:
        runs = write_traces(Path(folder), seed, noise)
        settings = fit_settings({"real": list(map(str, runs)), "hold_out": hold_out})
    simulator = Simulator(scenario(TRUE))
    learned = tuple(learned_from(simulator, part.run, part.learned, settings.options) for part in parts_of(settings))
    objective = Objective(simulator, learned, settings.options, settings.replays)
    random = stream(seed, "recovery", "bound")
    shares = _RADIUS * random.standard_normal((_N_POINTS, len(TRUE_VALUES)))
    found = []
    for row in shares:
        values = {name: true * (1 + share) for (name, true), share in zip(TRUE_VALUES.items(), row, strict=True)}
        times = objective.times(values, objective.drawn(random))
        assert times is not None  # the true coefficients, and those around them, serve
        found.append(_logs(objective, times))
    table = np.concatenate([np.ones((_N_POINTS, 1)), shares], axis=1)
    weights, *_ = np.linalg.lstsq(table, np.array(found), rcond=None)
    left = np.array(found) - table @ weights
    scatter = (left**2).sum(axis=0) / (_N_POINTS - table.shape[1])
    variance = noise**2 + scatter + _LEAST_SCATTER**2
    doubt = float((scatter / variance).sum()) * np.linalg.inv(table.T @ table)[1:, 1:]
    information = (weights[1:] / variance) @ weights[1:].T - doubt
    deviations: list[float] = np.sqrt(np.diag(np.linalg.inv(information))).tolist()
    return deviations


def _logs(objective: Objective, times: Sequence[Times]) -> np.ndarray:
    """Logarithms of the times of all requests that are learned from."""
    parts = [
        np.log((time.ttft_us if group.of_ttft else time.between_us)[group.rows])
        for one, time in zip(objective.learned, times, strict=True)
        for group in one.compared.groups
    ]
    return np.concatenate(parts)
