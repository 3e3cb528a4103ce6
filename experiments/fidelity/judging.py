"""How far simulated runs are from measured ones: errors of TPOT and TTFT, bias, and the error of the shape."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.fidelity.runs import Run


@dataclass(frozen=True, slots=True)
class Judged:
    """A point and what was simulated for it [ms]."""

    point: Run
    ttft_ms: float
    tpot_ms: float

    @property
    def tpot_error(self) -> float:
        """Relative, signed."""
        return self.tpot_ms / self.point.tpot_ms - 1

    @property
    def ttft_error(self) -> float:
        """Relative, signed."""
        return self.ttft_ms / self.point.ttft_ms - 1


@dataclass(frozen=True, slots=True)
class Figures:
    """Errors of a group of points; shares of 1."""

    points: int
    tpot_median: float
    tpot_p90: float
    tpot_bias: float  #: mean, signed
    ttft_median: float
    ttft_p90: float
    ttft_bias: float  #: median, signed: a few early points would rule the mean
    shape_mean: float  #: NaN where no load was measured twice
    shape_points: int


def figures(judged: Sequence[Judged]) -> Figures:
    """The figures of a group of at least one point."""
    tpot = np.array([one.tpot_error for one in judged])
    ttft = np.array([one.ttft_error for one in judged])
    shape = np.array(list(shape_errors(judged)))
    return Figures(
        points=len(judged),
        tpot_median=float(np.median(np.abs(tpot))),
        tpot_p90=float(np.quantile(np.abs(tpot), 0.9)),
        tpot_bias=float(tpot.mean()),
        ttft_median=float(np.median(np.abs(ttft))),
        ttft_p90=float(np.quantile(np.abs(ttft), 0.9)),
        ttft_bias=float(np.median(ttft)),
        shape_mean=float(np.abs(shape).mean()) if len(shape) else float("nan"),
        shape_points=len(shape),
    )


def shape_errors(judged: Iterable[Judged]) -> list[float]:
    """For every load but the smallest of its series: the rise of TPOT over the smallest, against the measured rise."""
    series: dict[object, list[Judged]] = defaultdict(list)
    for one in judged:
        series[one.point.series].append(one)
    errors = []
    for members in series.values():
        first, *others = sorted(members, key=lambda one: one.point.concurrency)
        for one in others:
            if one.point.concurrency > first.point.concurrency:
                measured = one.point.tpot_ms / first.point.tpot_ms
                errors.append(one.tpot_ms / first.tpot_ms / measured - 1)
    return errors


def grouped(judged: Iterable[Judged], key: Callable[[Run], str]) -> dict[str, list[Judged]]:
    """The points by a word of theirs, in the order of the words."""
    groups: dict[str, list[Judged]] = defaultdict(list)
    for one in judged:
        groups[key(one.point)].append(one)
    return dict(sorted(groups.items()))
