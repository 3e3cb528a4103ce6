"""One picture of a workload: when, how long, whose, and what is shared."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from blis.foundation.errors import ConfigError
from blis.workload.description.sharing import prefix_tree
from blis.workload.description.summary import UNNAMED, rounds_of
from blis.workload.requests import Requests

_PROMPT, _OUTPUT, _INK = "#4c86b8", "#d9603b", "#1b1b1b"
_COLOURS = ("#4c86b8", "#d9603b", "#8fbf6a", "#7d3c98", "#c9a227", "#5bb5b0", "#b8c4d0")
MOST_BARS = 6


def write_picture(requests: Requests, description: Mapping[str, Any], title: str, path: Path) -> None:
    """Write a PNG file.

    Raises
    ------
    ConfigError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError("plots needs matplotlib; install it with pip install matplotlib.") from error
    figure = Figure(figsize=(12.0, 13.0), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(4, 2)
    over_time = description["arrivals"]["over_time"]
    _rate(grid[0, 0], over_time)
    _variation(grid[0, 1], over_time)
    _histogram(grid[1, 0], requests)
    _mix(grid[1, 1], description)
    _tree(figure, grid[2, 0], requests)
    _depths(grid[2, 1], description["prefixes"]["by_depth"])
    _rounds(grid[3, 0], requests)
    _parts(grid[3, 1], description["parts"])
    figure.suptitle(title, x=0.02, ha="left", fontsize=11)
    figure.savefig(path, dpi=110, format="png")


def _rate(axes: Any, over_time: Mapping[str, Any]) -> None:
    edges_s, rates = over_time["edges_s"], over_time["rate_per_s"]
    axes.set_title("arrival rate", fontsize=10, loc="left")
    if None in rates:
        _say(axes, "all requests arrive at once")
        return
    axes.stairs(rates, edges_s, fill=True, color=_PROMPT, alpha=0.6)
    axes.set_xlim(edges_s[0], edges_s[-1])
    axes.set_ylim(0, 1.08 * max(rates))
    axes.set_xlabel("time [s]")
    axes.set_ylabel("requests/s")


def _variation(axes: Any, over_time: Mapping[str, Any]) -> None:
    edges = np.array(over_time["edges_s"])
    cv = np.array([np.nan if value is None else value for value in over_time["gap_cv"]])
    axes.set_title("variation of gaps within each piece of time", fontsize=10, loc="left")
    if not np.isfinite(cv).any():
        _say(axes, "too few requests")
        return
    axes.plot((edges[1:] + edges[:-1]) / 2, cv, ".-", color=_OUTPUT, linewidth=0.9, markersize=4)
    axes.axhline(1.0, color=_INK, linewidth=0.8, linestyle=":", label="Poisson")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, 1.1 * max(1.0, float(np.nanmax(cv))))
    axes.set_xlabel("time [s]")
    axes.set_ylabel("CV of gaps")
    axes.legend(fontsize=8, frameon=False)


def _histogram(axes: Any, requests: Requests) -> None:
    longest = max(int(requests.input_tokens.max()), int(requests.output_tokens.max()), 2)
    edges = np.unique(np.floor(np.geomspace(1, longest + 1, 60)))
    for tokens, colour, name in (
        (requests.input_tokens, _PROMPT, "prompt"),
        (requests.output_tokens, _OUTPUT, "output"),
    ):
        counts = np.histogram(np.maximum(tokens, 1), edges)[0]
        label = f"{name}: mean {tokens.mean():,.0f}, p99 {np.percentile(tokens, 99):,.0f}"
        axes.stairs(counts / len(requests), edges, fill=True, alpha=0.5, color=colour, label=label)
    axes.set_xscale("log")
    axes.set_xlabel("tokens")
    axes.set_ylabel("share of requests")
    axes.set_title("lengths", fontsize=10, loc="left")
    axes.legend(fontsize=8, frameon=False)


def _mix(axes: Any, description: Mapping[str, Any]) -> None:
    """Stacked bars: a row for each kind of label."""
    axes.set_title("who sends", fontsize=10, loc="left")
    headings = {"prefix_groups": "prefix groups", "clients": "clients", "tenants": "tenants", "slo_classes": "classes"}
    kinds = [(key, name) for key, name in headings.items() if any(row["name"] != UNNAMED for row in description[key])]
    if not kinds:
        _say(axes, "no names")
        return
    for place, (key, _) in enumerate(kinds):
        left = 0.0
        rows = description[key]
        shares = [(row["name"], row["share"]) for row in rows[:MOST_BARS]]
        if len(rows) > MOST_BARS:
            shares.append(("others", sum(row["share"] for row in rows[MOST_BARS:])))
        for (name, share), colour in zip(shares, _COLOURS, strict=False):
            axes.barh(place, share, left=left, color=colour, height=0.62, edgecolor="white")
            if share > 0.1:
                shown = name if len(name) <= 60 * share else name[: int(60 * share)] + "…"
                axes.text(left + share / 2, place, shown, ha="center", va="center", fontsize=7, color="white")
            left += share
    axes.set_yticks(range(len(kinds)), [name for _, name in kinds], fontsize=8)
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of requests")


def _tree(figure: Any, axes: Any, requests: Requests) -> None:
    from matplotlib.colors import LogNorm

    axes.set_title("tree of shared prefixes: equal beginnings side by side", fontsize=10, loc="left")
    depth_tokens, sharers = prefix_tree(requests)
    if sharers.size == 0:
        _say(axes, "no two prompts share a block")
        return
    depth_tokens[0] = depth_tokens[1] // 2  # a logarithm has no 0
    columns = np.arange(sharers.shape[1] + 1) / sharers.shape[1]
    most = max(float(np.nanmax(sharers)), 3.0)
    image = axes.pcolormesh(columns, depth_tokens, sharers, cmap="viridis_r", norm=LogNorm(2, most), rasterized=True)
    figure.colorbar(image, ax=axes, label="requests that share it")
    axes.set_yscale("log")
    axes.invert_yaxis()
    axes.set_xlabel("requests that share a prefix, in the order of their prefixes")
    axes.set_ylabel("depth [tokens]")


def _depths(axes: Any, by_depth: Mapping[str, Any]) -> None:
    labels = {"present": "prompt is so long", "shared": "shared with another", "repeated": "came before"}
    for (name, label), colour in zip(labels.items(), (_INK, _PROMPT, _OUTPUT), strict=True):
        axes.plot(
            by_depth["tokens"], by_depth[name], color=colour, label=label, linewidth=1.4, marker=".", markersize=3
        )
    axes.set_xscale("log")
    axes.set_ylim(0, 1.05)
    axes.set_xlabel("depth [tokens]")
    axes.set_ylabel("share of requests")
    axes.set_title("sharing by depth", fontsize=10, loc="left")
    axes.legend(fontsize=8, frameon=False)


def _rounds(axes: Any, requests: Requests) -> None:
    axes.set_title("rounds of a session", fontsize=10, loc="left")
    rounds = rounds_of(requests)
    if len(rounds) == 0:
        _say(axes, "no sessions")
        return
    counts = np.bincount(rounds)
    axes.bar(np.arange(1, len(counts)), counts[1:], color=_PROMPT, width=0.85)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("rounds")
    axes.set_ylabel("sessions")


def _parts(axes: Any, parts: Mapping[str, Any]) -> None:
    axes.set_title("what prompts are made of", fontsize=10, loc="left")
    names = ("text", "image", "audio", "video")
    axes.bar(names, [parts[name]["share"] for name in names], color=_COLOURS[: len(names)], width=0.6)
    for place, name in enumerate(names):
        axes.text(place, parts[name]["share"], f"{parts[name]['share']:.1%}", ha="center", va="bottom", fontsize=8)
    axes.set_ylim(0, 1.12)
    axes.set_ylabel("share of prompt tokens")


def _say(axes: Any, why: str) -> None:
    axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", color=_INK)
    axes.set_xticks([])
    axes.set_yticks([])
