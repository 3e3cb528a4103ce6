"""What is fitted on the public half: one factor and one overhead of every step, per model, GPU, engine and version.

A closed loop whose steps take f times as long, and o more, gives every token f · TPOT + o: its batches are the same,
step for step. So both follow from the simulated and the measured TPOT by least absolute relative deviations, which a
few strange points do not move. Groups with too few public points keep what the kernels say.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from experiments.fidelity.judging import Judged
from experiments.fidelity.runs import Run

LEAST_POINTS = 4
_FACTORS = (0.4, 2.5)  #: beyond which something else than a factor is wrong


class Fit(NamedTuple):
    """Price of a step by the price of its kernels: factor · price + overhead."""

    factor: float
    step_us: float


NO_FIT = Fit(1.0, 0.0)


def group_of(point: Run) -> tuple[str, ...]:
    """Within which one factor and one overhead are fitted."""
    return point.model, point.precision, point.system, point.engine, point.version


def fitted(judged: Sequence[Judged]) -> dict[Hashable, Fit]:
    """The fit of every group that has enough public points; other points are not looked at."""
    groups: dict[Hashable, list[Judged]] = defaultdict(list)
    for one in judged:
        if one.point.is_public:
            groups[group_of(one.point)].append(one)
    return {group: _fit(members) for group, members in groups.items() if len(members) >= LEAST_POINTS}


def _fit(members: Sequence[Judged]) -> Fit:
    """Least absolute relative deviations: some optimal line goes through two points, or through one and a bound."""
    simulated = np.array([one.tpot_ms for one in members])
    measured = np.array([one.point.tpot_ms for one in members])
    lines = [(1.0, 0.0)] + [(measured[k] / simulated[k], 0.0) for k in range(len(members))]
    lines += [(1.0, measured[k] - simulated[k]) for k in range(len(members))]
    for first, second in combinations(range(len(members)), 2):
        rise = simulated[second] - simulated[first]
        if abs(rise) > 1e-9:
            factor = (measured[second] - measured[first]) / rise
            lines.append((factor, measured[first] - factor * simulated[first]))
    allowed = [(f, o) for f, o in lines if _FACTORS[0] <= f <= _FACTORS[1] and o >= 0]
    factor, overhead_ms = min(allowed, key=lambda line: (_deviation(line, simulated, measured), line))
    return Fit(float(factor), float(overhead_ms) * 1e3)


def _deviation(line: tuple[float, float], simulated: np.ndarray, measured: np.ndarray) -> float:
    factor, overhead = line
    return float(np.abs((factor * simulated + overhead) / measured - 1).sum())
