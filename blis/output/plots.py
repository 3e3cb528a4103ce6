"""Figures of a run: how long requests took, how busy each instance was over time, and who served how many."""

from pathlib import Path
from typing import Any

import numpy as np

from blis.engine.codes import COMPLETED, QUEUED, RUNNING, STATUS_NAMES
from blis.foundation.errors import ConfigError
from blis.foundation.units import US_PER_MS, US_PER_S, Float64Vector, Int64Vector
from blis.result import Result

#: Time is cut into so many pieces; each shows its mean.
N_PIECES = 300
#: More instances than this are drawn as rows of a map instead of panels.
MOST_PANELS = 16

_INK, _PALE = "#1b1b1b", "#b8c4d0"
_BATCH, _QUEUE = "#4c86b8", "#d9603b"
_STATUS_COLOURS = {"completed": "#4c86b8", "running": "#8fbf6a", "queued": "#d9603b", "dropped": "#7d3c98"}


def write_plots(result: Result, folder: Path) -> None:
    """Write latency.png, load.png and requests.png.

    Raises
    ------
    ConfigError
        If matplotlib is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ConfigError("plots: true needs matplotlib; install it with pip install matplotlib.") from error
    latency_figure(result).savefig(folder / "latency.png", dpi=120)
    load_figure(result).savefig(folder / "load.png", dpi=120)
    requests_figure(result).savefig(folder / "requests.png", dpi=120)


def mean_count(starts_us: Int64Vector, ends_us: Int64Vector, edges_us: Float64Vector) -> Float64Vector:
    """Time mean, in each piece between two edges, of how many of the intervals [start, end) are open.

    The integral of the step function that rises at each start and falls at each end, taken at the edges.
    """

    def integral(times_us: Int64Vector) -> Float64Vector:
        ordered = np.sort(times_us).astype(np.float64)
        sums = np.concatenate([[0.0], ordered.cumsum()])
        before = np.searchsorted(ordered, edges_us, side="right")
        passed: Float64Vector = before * edges_us - sums[before]
        return passed

    area: Float64Vector = np.diff(integral(starts_us) - integral(ends_us)) / np.diff(edges_us)
    return np.maximum(area, 0.0)  # sums of large times leave rounding behind


def load_over_time(result: Result, n_pieces: int = N_PIECES) -> tuple[Float64Vector, Float64Vector, Float64Vector]:
    """Edges of the pieces [s], and the mean batch and queue of each instance in each piece.

    From the request table: a request waits from its arrival until it is last taken from the queue, and then runs
    until the engine is done with its last token (the overheads of its tokens come later and are no work of the batch).
    What a preempted request ran before counts as waiting.

    Returns
    -------
    (n_pieces + 1,), (n_instances, n_pieces), (n_instances, n_pieces) float64
    """
    done = result.outcome.requests
    end_us = max(result.outcome.end_us, 1)
    arrival_us = done.arrival_us
    edges_us = np.linspace(0, end_us, n_pieces + 1)
    taken_us = np.where(done.scheduling_delay_us >= 0, arrival_us + done.scheduling_delay_us, end_us)
    finished_us = np.where(done.e2e_us >= 0, arrival_us + done.e2e_us - _overhead_us(result), end_us)
    served = np.isin(done.status, (QUEUED, RUNNING, COMPLETED))
    n_instances = len(result.cluster.instances)
    batch, queue = np.zeros((2, n_instances, n_pieces))
    for instance in range(n_instances):
        here = served & (done.instance == instance)
        queue[instance] = mean_count(arrival_us[here], taken_us[here], edges_us)
        batch[instance] = mean_count(taken_us[here], finished_us[here], edges_us)
    return edges_us / US_PER_S, batch, queue


def _overhead_us(result: Result) -> Int64Vector:
    """Time after the engine's work that each request's E2E includes, were it completed."""
    latencies = [one.latency for one in result.cluster.instances]
    per_token_us = np.array([int(latency.output_token_us) for latency in latencies])
    at_end_us = np.array([int(latency.completion_us) for latency in latencies])
    place, tokens = result.outcome.requests.instance, result.requests.output_tokens
    overhead_us: Int64Vector = tokens * per_token_us[place] + np.where(tokens > 0, at_end_us[place], 0)
    return overhead_us


def latency_figure(result: Result) -> Any:
    """Share of completed requests whose TTFT, or E2E, is at most so long; the cluster, and each instance behind it."""
    figure = _figure(9.0, 3.8)
    done = result.outcome.requests
    completed = done.status == COMPLETED
    for place, (name, values_us) in enumerate((("TTFT", done.ttft_us), ("E2E", done.e2e_us)), start=1):
        axes = figure.add_subplot(1, 2, place)
        known = completed & (values_us >= 0)
        axes.set_xlabel(f"{name} [ms]")
        axes.set_ylabel("share of completed requests")
        axes.set_ylim(0, 1.01)
        if not known.any():
            _say_nothing(axes, "no request completed")
            continue
        for instance in range(len(result.cluster.instances)):
            own = np.sort(values_us[known & (done.instance == instance)]) / US_PER_MS
            label = "each instance" if instance == 0 else None
            axes.plot(own, _shares(len(own)), color=_PALE, linewidth=0.9, label=label)
        values_ms = np.sort(values_us[known]) / US_PER_MS
        axes.plot(values_ms, _shares(len(values_ms)), color=_INK, linewidth=1.6, label="cluster")
        for percent, style in ((50, ":"), (99, "--")):
            value = float(np.percentile(values_ms, percent))
            axes.axvline(value, color=_QUEUE, linestyle=style, linewidth=1.1, label=f"p{percent}: {value:,.1f} ms")
        if values_ms[0] > 0 and values_ms[-1] > 20 * values_ms[0]:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:,.0f}" if values_ms[0] >= 1 else "{x:g}")
        axes.legend(loc="upper left" if axes.get_xscale() == "log" else "lower right", fontsize=8)
    figure.suptitle(_title(result), fontsize=10)
    return figure


def load_figure(result: Result) -> Any:
    """Batch and queue of each instance over time: a panel each, or rows of a map where there are many."""
    seconds, batch, queue = load_over_time(result)
    n_instances = len(batch)
    if n_instances > MOST_PANELS:
        return _load_map(result, seconds, batch, queue)
    columns = 1 if n_instances <= 4 else 2 if n_instances <= 8 else 4
    rows = -(-n_instances // columns)
    figure = _figure(9.0 if columns < 4 else 12.0, 1.2 + 1.5 * rows)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for instance, axes in enumerate(grid.flat):
        if instance >= n_instances:
            axes.set_axis_off()
            continue
        axes.stairs(batch[instance], seconds, fill=True, color=_BATCH, alpha=0.55, label="batch (running)")
        axes.stairs(queue[instance], seconds, color=_QUEUE, linewidth=1.2, baseline=None, label="queue (waiting)")
        axes.set_title(f"instance {instance}", fontsize=8, loc="left", pad=2)
        axes.set_xlim(seconds[0], seconds[-1])
    grid[0, 0].set_ylim(0, 1.08 * max(1.0, float(batch.max()), float(queue.max())))
    figure.supxlabel(f"time [s], means over {seconds[1]:.3g} s", fontsize=9)
    figure.supylabel("requests", fontsize=9)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2, fontsize=8, frameon=False)
    figure.suptitle(_title(result), x=0.02, ha="left", fontsize=10)
    return figure


def requests_figure(result: Result) -> Any:
    """How many requests each instance got, by what has become of them."""
    n_instances = len(result.cluster.instances)
    figure = _figure(max(7.0, min(14.0, 2.0 + 0.45 * n_instances)), 3.6)
    axes = figure.add_subplot()
    done = result.outcome.requests
    bottom = np.zeros(n_instances)
    for name, colour in _STATUS_COLOURS.items():
        is_so = (done.status == STATUS_NAMES.index(name)) & (done.instance >= 0)
        counts = np.bincount(done.instance[is_so], minlength=n_instances)
        if counts.any():
            axes.bar(np.arange(n_instances), counts, bottom=bottom, color=colour, label=name, width=0.75)
            bottom += counts
    if n_instances <= MOST_PANELS:
        for instance, height in enumerate(bottom):
            axes.annotate(f"{height:,.0f}", (instance, height), ha="center", va="bottom", fontsize=7)
        axes.set_xticks(np.arange(n_instances))
    axes.set_xlabel("instance")
    axes.set_ylabel("requests")
    axes.set_ylim(0, max(1.0, 1.12 * float(bottom.max())))
    if bottom.any():
        figure.legend(loc="outside upper right", ncols=4, fontsize=8, frameon=False)
    else:
        _say_nothing(axes, "no request was routed")
    figure.suptitle(_title(result), x=0.02, ha="left", fontsize=10)
    return figure


def _load_map(result: Result, seconds: Float64Vector, batch: Float64Vector, queue: Float64Vector) -> Any:
    figure = _figure(10.0, 7.0)
    rows = np.arange(len(batch) + 1) - 0.5
    for axes, values, name, colours in zip(
        figure.subplots(2, 1, sharex=True), (batch, queue), ("batch", "queue"), ("Blues", "Oranges"), strict=True
    ):
        image = axes.pcolormesh(seconds, rows, values, cmap=colours, vmin=0, vmax=max(1.0, float(values.max())))
        figure.colorbar(image, ax=axes, label=f"{name} [requests]")
        axes.set_ylabel("instance")
    axes.set_xlabel(f"time [s], means over {seconds[1]:.3g} s")
    figure.suptitle(_title(result), x=0.02, ha="left", fontsize=10)
    return figure


def _figure(width: float, height: float) -> Any:
    """A figure that draws into files only, whatever display there is."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _title(result: Result) -> str:
    n = len(result.requests)
    routing = result.policies["routing"].name
    return f"{n:,} requests, {len(result.cluster.instances)} instances, {routing}, seed {result.seed}"


def _shares(n: int) -> Float64Vector:
    return np.arange(1, n + 1) / max(n, 1)


def _say_nothing(axes: Any, why: str) -> None:
    axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", color=_INK)
