"""The figure of a saturation measurement: throughput, goodput and TTFT against the arrival rate."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blis.foundation.errors import ConfigError

_INK, _SERVED, _IN_TIME, _SLOW = "#1b1b1b", "#4c86b8", "#5a9e4b", "#d9603b"


def check_can_draw() -> None:
    """Refuse before the work what would fail after it.

    Raises
    ------
    ConfigError
        If matplotlib is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "plots: true needs matplotlib; install it with pip install matplotlib, or say plots=false."
        ) from error


def write_figure(document: Mapping[str, Any], path: Path) -> None:
    """Draw what `blis.saturation.measure` returned."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    flow, waiting = figure.subplots(1, 2)
    sweep, saturation = document["sweep"], document["saturation_rate"]
    rates = [row["rate"] for row in sweep]
    flow.plot([0, max(rates)], [0, max(rates)], color=_INK, linewidth=0.8, linestyle=":", label="arrivals")
    flow.plot(rates, [row["throughput"] for row in sweep], color=_SERVED, marker="o", label="throughput")
    flow.plot(
        rates, [row["goodput"] for row in sweep], color=_IN_TIME, marker="s", label="goodput (within SLO targets)"
    )
    flow.set_ylabel("requests/s")
    flow.set_xlim(left=0)
    for name, style in (("p50", "-"), ("p99", "--")):
        values = [float("nan") if row[f"ttft_{name}_ms"] is None else row[f"ttft_{name}_ms"] for row in sweep]
        waiting.plot(rates, values, color=_SLOW, linestyle=style, marker="o", label=f"TTFT {name}")
    waiting.set_yscale("log")
    waiting.set_ylabel("TTFT [ms]")
    for axes in (flow, waiting):
        axes.axvline(saturation, color=_INK, linewidth=1.0, label=f"saturation: {saturation:.4g} requests/s")
        axes.set_xlabel("arrival rate [requests/s]")
        axes.legend(fontsize=8)
    figure.suptitle(f"{document['scenario']}, {document['policies']['routing']}", fontsize=10)
    figure.savefig(path, dpi=120)
