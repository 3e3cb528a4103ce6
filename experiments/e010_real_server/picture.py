"""Draws what was measured beside what was predicted, as distributions over the requests of each held-out level."""

from pathlib import Path

import matplotlib
import numpy as np
import pyarrow.parquet as parquet
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from blis.foundation.units import Float64Vector
from experiments.e010_real_server.levels import HELD_OUT, Level, named

MEASURED, FITTED, UNFITTED = "#222222", "#d9603b", "#9db8d2"
METRICS = {"ttft": "TTFT [ms]", "tpot": "time per output token [ms]", "e2e": "E2E [ms]"}
TITLES = {"between": "2.5/s", "nearly-full": "5.5/s", "overload": "9/s, overload", "bursts": "3.5/s in bursts"}


def draw(judged: Path, to: Path) -> None:
    """Write the picture of a folder that `judge` filled."""
    matplotlib.use("Agg")
    levels = named(HELD_OUT)
    figure = Figure(figsize=(2.35 * len(levels), 6.6), layout="constrained")
    axes = figure.subplots(len(METRICS), len(levels), squeeze=False)
    fitted, unfitted = _pairs(judged / "fitted"), _pairs(judged / "unfitted")
    for column, level in enumerate(levels):
        for row, (metric, label) in enumerate(METRICS.items()):
            panel = axes[row][column]
            _curves(panel, level, metric, fitted, unfitted)
            panel.set_xlabel(label, fontsize=8)
            if row == 0:
                panel.set_title(TITLES.get(level.name, level.name.replace("-", " ")), fontsize=9)
            if column == 0:
                panel.set_ylabel("share of requests", fontsize=8)
    lines, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(lines, labels, fontsize=9, loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(to, dpi=110)


def _curves(
    panel: Axes, level: Level, metric: str, fitted: dict[str, list[object]], unfitted: dict[str, list[object]]
) -> None:
    """The three distributions of a metric at a level."""
    for pairs, side, label, colour, style in (
        (unfitted, "simulated", "from a data sheet", UNFITTED, "--"),
        (fitted, "measured", "measured", MEASURED, "-"),
        (fitted, "simulated", "predicted", FITTED, "-"),
    ):
        values = _values(pairs, level.name, f"{side}_{metric}_us")
        panel.plot(values / 1e3, np.arange(1, len(values) + 1) / len(values), style, color=colour, label=label, lw=1.4)
    panel.set_xscale("log")
    panel.tick_params(labelsize=7, which="both")
    panel.minorticks_off()
    panel.grid(alpha=0.25)


def _pairs(folder: Path) -> dict[str, list[object]]:
    found: dict[str, list[object]] = parquet.read_table(folder / "pairs.parquet").to_pydict()
    return found


def _values(pairs: dict[str, list[object]], run: str, column: str) -> Float64Vector:
    kept = np.array([name == run for name in pairs["run"]]) & np.array(pairs["is_compared"], np.bool_)
    values = np.array(pairs[column], np.float64)[kept]
    return np.sort(values[np.isfinite(values)])
