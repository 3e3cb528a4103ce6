"""Figures of a calibration as images: simulated against measured, request by request and quantile by quantile."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from blis.calibrating.calibration import CalibratedRun, Calibration
from blis.calibrating.pairing import METRICS, Pairs
from blis.foundation.checks import check_flag
from blis.foundation.errors import ConfigError
from blis.foundation.units import US_PER_MS, Float64Vector
from blis.output.page.drawing import COLOURS

PAGE, PLOTS = "page", "plots"
_NEEDS = {PAGE: ("plotly", "report"), PLOTS: ("matplotlib", "plots")}
#: Points of one run and metric; more are not seen.
MOST_POINTS = 1500
#: Quantiles that are drawn of two distributions.
N_QUANTILES = 199
#: Between these shares of the measured value a prediction counts as near.
NEAR = (0.8, 1.25)

_INK, _PALE = "#1b1b1b", "#c9d1d9"


def check_drawable(page: object, plots: object) -> tuple[frozenset[str], list[str]]:
    """Which of the page and the plots are made, and what to say of those that cannot be.

    Raises
    ------
    ConfigError
        If one is asked for, and what draws it is not installed.
    """
    wanted, notes = set(), []
    for key, value in ((PAGE, page), (PLOTS, plots)):
        package, extra = _NEEDS[key]
        is_there = find_spec(package) is not None
        if value is not None and not check_flag(key, value):
            continue
        if is_there:
            wanted.add(key)
        elif value is None:
            notes.append(f"{key}: not made, because {package} is not installed (pip install 'blis[{extra}]')")
        else:
            raise ConfigError(f"{key}: true needs {package}; install it with pip install 'blis[{extra}]'.")
    return frozenset(wanted), notes


def thinned_pairs(pairs: Pairs) -> tuple[Float64Vector, Float64Vector]:
    """Measured and simulated values [ms] of at most `MOST_POINTS` requests, evenly picked in the order of sending."""
    n = len(pairs.row)
    places = np.arange(n) if n <= MOST_POINTS else np.linspace(0, n - 1, MOST_POINTS).round().astype(np.int64)
    return pairs.measured_us[places] / US_PER_MS, pairs.simulated_us[places] / US_PER_MS


def quantiles(pairs: Pairs) -> tuple[Float64Vector, Float64Vector]:
    """The same quantiles of both distributions [ms]."""
    shares = (np.arange(N_QUANTILES) + 1) / (N_QUANTILES + 1)
    return np.quantile(pairs.measured_us, shares) / US_PER_MS, np.quantile(pairs.simulated_us, shares) / US_PER_MS


def extent(values: Sequence[Float64Vector]) -> tuple[float, float]:
    """Least and largest positive value, with some room."""
    positive = [one[one > 0] for one in values]
    some = np.concatenate(positive) if positive else np.zeros(0)
    if not len(some):
        return 0.1, 10.0
    return float(some.min()) / 1.3, float(some.max()) * 1.3


def scatter_figure(found: Calibration) -> Any:
    """Each request a point, each metric a panel."""
    return _figure(found, "requests", thinned_pairs, {"s": 7, "alpha": 0.35, "linewidths": 0})


def quantile_figure(found: Calibration) -> Any:
    """Each quantile a point, each metric a panel: on the line where both distributions agree."""
    return _figure(found, "quantiles 0.5 % to 99.5 %", quantiles, {"s": 10, "alpha": 0.8, "linewidths": 0})


def _figure(found: Calibration, what: str, points: Any, style: dict[str, Any]) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.0, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    for place, axes in enumerate(figure.subplots(1, len(METRICS))):
        _panel(axes, place, found.runs, points, style)
        axes.set_title(f"{METRICS[place].name.upper()}: {METRICS[place].words}", fontsize=9)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if len(found.runs) > 1 and handles:
        figure.legend(
            handles, labels, loc="outside lower center", ncols=min(4, len(handles)), fontsize=8, frameon=False
        )
    figure.suptitle(f"simulated against measured, {what}; grey: within 25 %", x=0.02, ha="left", fontsize=10)
    return figure


def _panel(axes: Any, place: int, runs: Sequence[CalibratedRun], points: Any, style: dict[str, Any]) -> None:
    drawn = [(one, points(one.paired.pairs[place])) for one in runs if len(one.paired.pairs[place].row)]
    low, high = extent([side for _, both in drawn for side in both])
    line = np.array([low, high])
    axes.fill_between(line, NEAR[0] * line, NEAR[1] * line, color=_PALE, alpha=0.5, linewidth=0)
    axes.plot(line, line, color=_INK, linewidth=0.8)
    for number, (one, (measured, simulated)) in enumerate(drawn):
        axes.scatter(measured, simulated, color=COLOURS[number % len(COLOURS)], label=one.run.name, **style)
    if not drawn:
        axes.text(0.5, 0.5, "nothing to compare", transform=axes.transAxes, ha="center", va="center", color=_INK)
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high), aspect="equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(_marks(low, high))
        axis.set_ticks([], minor=True)
        axis.set_major_formatter("{x:,g}")
    axes.set_xlabel("measured [ms]")
    axes.set_ylabel("simulated [ms]")


def _marks(low: float, high: float) -> list[float]:
    """Round values on a logarithmic axis: more of them where it is short."""
    decades = np.log10(high / low)
    steps = (1, 1.5, 2, 3, 5, 7) if decades < 0.8 else (1, 2, 5) if decades < 2 else (1,)
    exponents = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    marks = [step * 10.0**exponent for exponent in exponents for step in steps]
    return [mark for mark in marks if low <= mark <= high]
