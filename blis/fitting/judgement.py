"""Tries coefficients on requests: those that were learned from, and those that were held out."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from blis.calibrating.calibration import Options
from blis.calibrating.comparison import Comparison, compare
from blis.calibrating.measured_run import MeasuredRun
from blis.calibrating.pairing import METRICS, measured_times, simulated_times
from blis.calibrating.replay import replay_of
from blis.fitting.objective import Simulator
from blis.foundation.units import BoolVector, Float64Vector

#: A held-out error may be so many times that of what was learned from, and so much larger, before it is called overfit.
MOST_TIMES, MOST_MORE = 1.25, 0.02


class Part(NamedTuple):
    """Requests of one run."""

    run: MeasuredRun
    learned: BoolVector  #: (n,) learned from
    held_out: BoolVector  #: (n,) kept back


class Errors(NamedTuple):
    """Of one metric and one set of requests: mean absolute percentage errors; None of no request."""

    n: int
    start: float | None  #: with the coefficients before the fit
    fitted: float | None
    null: float | None  #: of the median of what was learned from, for everybody
    bias: float | None  #: of the fitted ones


class Judgement(NamedTuple):
    """How good a fit is, where it was made and where it was not."""

    learned: dict[str, Errors]  #: by metric
    held_out: dict[str, Errors]
    warnings: tuple[str, ...]


def judged(
    simulator: Simulator,
    parts: Sequence[Part],
    start: Mapping[str, float],
    fitted: Mapping[str, float],
    options: Options,
) -> Judgement:
    """Replay whole runs with both sets of coefficients, and compare request by request.

    Of held-out requests of a run that was learned from, the fit knew when they came and how long they were, since they
    were served beside the others, and nothing of how they fared.
    """
    sides = [(_values(simulator, part, start, options), _values(simulator, part, fitted, options)) for part in parts]
    learned, held_out = {}, {}
    for metric in METRICS:
        real = [measured_times(part.run, metric)[0] for part in parts]
        before, after = ([side[k][metric.name] for side in sides] for k in (0, 1))
        known = [
            ~np.isnan(a) & ~np.isnan(b) & ~np.isnan(c) & (a > 0) & _counts(part.run, metric.name)
            for a, b, c, part in zip(real, before, after, parts, strict=True)
        ]
        train = [one & part.learned for one, part in zip(known, parts, strict=True)]
        test = [one & part.held_out for one, part in zip(known, parts, strict=True)]
        null = (
            float(np.median(np.concatenate([a[k] for a, k in zip(real, train, strict=True)])))
            if any(k.any() for k in train)
            else 0.0
        )
        learned[metric.name] = _errors(real, before, after, train, null)
        held_out[metric.name] = _errors(real, before, after, test, null)
    return Judgement(learned, held_out, tuple(_warnings(learned, held_out)))


def _values(
    simulator: Simulator, part: Part, values: Mapping[str, float], options: Options
) -> dict[str, Float64Vector]:
    replay = replay_of(part.run, simulator.block_size_tokens, options.failed)
    seen = simulator.seen(part.run, replay, values, options)
    if seen is None:
        return {metric.name: np.full(len(part.run), np.nan) for metric in METRICS}
    return {metric.name: simulated_times(part.run, seen, metric) for metric in METRICS}


def _counts(run: MeasuredRun, name: str) -> BoolVector:
    """Whether requests have a measured value of the metric."""
    metric = next(one for one in METRICS if one.name == name)
    without = measured_times(run, metric)[1]
    return np.asarray(run.is_ok & ~np.any(list(without.values()), axis=0))


def _errors(
    real: Sequence[Float64Vector],
    before: Sequence[Float64Vector],
    after: Sequence[Float64Vector],
    chosen: Sequence[BoolVector],
    null: float,
) -> Errors:
    def joined(values: Sequence[Float64Vector]) -> Float64Vector:
        return np.concatenate([one[k] for one, k in zip(values, chosen, strict=True)])

    measured = joined(real)
    found: list[Comparison | None] = [
        compare(measured, joined(before)),
        compare(measured, joined(after)),
        compare(measured, np.full(len(measured), null)),
    ]
    errors = [None if one is None else one.mape for one in found]
    return Errors(len(measured), errors[0], errors[1], errors[2], None if found[1] is None else found[1].bias)


def _warnings(learned: Mapping[str, Errors], held_out: Mapping[str, Errors]) -> list[str]:
    """What speaks against the fit."""
    told = []
    for name, one in held_out.items():
        if one.fitted is None:
            continue
        train = learned[name].fitted
        if train is not None and one.fitted > MOST_TIMES * train + MOST_MORE:
            told.append(
                f"{name}: the held-out error is {100 * one.fitted:.3g} %, that of the requests learned from "
                f"{100 * train:.3g} %: the coefficients fit these better than others"
            )
        if one.start is not None and one.fitted > one.start:
            told.append(
                f"{name}: the held-out error is {100 * one.fitted:.3g} % with the learned coefficients and "
                f"{100 * one.start:.3g} % without: the fit made it worse"
            )
        if one.null is not None and one.fitted > one.null:
            told.append(
                f"{name}: the held-out error is {100 * one.fitted:.3g} %, and {100 * one.null:.3g} % if the median of "
                "the requests learned from is said of everybody: the simulator adds nothing here"
            )
    if not any(one.n for one in held_out.values()):
        told.append("nothing was held out: whether the coefficients hold for other requests is not known")
    return told
