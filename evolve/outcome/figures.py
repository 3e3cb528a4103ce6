"""Figures of a search: how fitness grew, what the front offers, how genes moved, and what each scenario gained.

Colours are those of Okabe and Ito (Color Universal Design, 2008), which all kinds of colour vision tell apart; lines
also differ in style.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from evolve.records import Genome
from evolve.trackers.flat import genes

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", "-.", ":")
MARKERS = "os^vDPX"
#: Baselines that the convergence shows, the strongest.
MOST_BASELINES = 5
#: The name under which `Story.scenarios` has the champion.
CHAMPION = "champion"
_INK, _PALE = "#1b1b1b", "#9aa5b1"

#: More genes than this are not told apart by eye; those that moved most are drawn.
MOST_GENES = 10


class Interval(NamedTuple):
    """A value and the bounds of its confidence interval."""

    value: float
    low: float
    high: float


class Story(NamedTuple):
    """What the figures of one search tell."""

    name: str  #: such as "routing_weights, ga, seed 1"
    fitness: Mapping[str, Sequence[float]]  #: best and median -> value of each generation; others are not drawn
    best: Sequence[Genome]  #: the best genome of each generation
    baselines: Mapping[str, float]  #: baseline -> fitness
    objectives: Sequence[str] = ()  #: names; a front is drawn for two or more
    candidates: Sequence[Sequence[float]] = ()  #: objectives of every candidate
    front: Sequence[Sequence[float]] = ()  #: those of the Pareto front
    scenarios: Mapping[str, Mapping[str, float]] = MappingProxyType({})  #: policy -> test scenario -> fitness there


def write_figures(folder: Path, story: Story) -> list[Path]:
    """Write convergence.png, genes.png, scenarios.png and, for several objectives, pareto.png; their paths.

    A figure that would be empty is not written.
    """
    drawn = {}
    if any(len(values) for values in story.fitness.values()):
        drawn["convergence"] = convergence_figure(story)
    if any(genes(genome) for genome in story.best):
        drawn["genes"] = genes_figure(story)
    if len(story.objectives) >= 2 and len(story.front):
        drawn["pareto"] = pareto_figure(story)
    if CHAMPION in story.scenarios:
        drawn["scenarios"] = scenarios_figure(story)
    return [save(figure, folder / f"{name}.png") for name, figure in drawn.items()]


def save(figure: Any, path: Path) -> Path:
    """Write a figure as PNG, the same bytes for the same figure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    return path


def convergence_figure(story: Story) -> Any:
    """Fitness of each generation, with the baselines as horizontal lines."""
    figure = new_figure(8.0, 4.2)
    axes = figure.add_subplot()
    best = np.asarray(story.fitness.get("best", ()), float)
    generations = np.arange(1, len(best) + 1)
    if len(best):
        axes.plot(generations, np.fmax.accumulate(best), color=_INK, linewidth=2.0, label="best so far")
    for place, name in enumerate(("best", "median")):
        values = story.fitness.get(name, ())
        own = np.arange(1, len(values) + 1)
        label = f"{name} of the generation"
        axes.plot(own, values, color=COLOURS[place], linewidth=1.2, marker="o^"[place], markersize=3.5, label=label)
    strongest = sorted(story.baselines, key=lambda name: -story.baselines[name])[:MOST_BASELINES]
    _lines(axes, {name: story.baselines[name] for name in strongest})
    rest = len(story.baselines) - len(strongest)
    if rest:
        axes.plot([], [], " ", label=f"({rest} weaker baselines)")
    _limit(axes, [*best, *story.fitness.get("median", ()), *(story.baselines[name] for name in strongest)])
    axes.set_xlabel("generation")
    axes.set_ylabel("fitness, relative to the best baseline [1]")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    axes.set_title(f"Fitness over generations: {story.name}", fontsize=10, loc="left")
    return figure


def pareto_figure(story: Story) -> Any:
    """The first two objectives of all candidates, and the front; a third is the colour."""
    figure = new_figure(6.4, 4.8)
    axes = figure.add_subplot()
    front = np.asarray(story.front, float)
    front = front[np.argsort(front[:, 0])]
    if len(story.candidates):
        everyone = np.asarray(story.candidates, float)
        axes.scatter(everyone[:, 0], everyone[:, 1], s=10, color=_PALE, alpha=0.5, label="every candidate")
    if front.shape[1] > 2:
        dots = axes.scatter(front[:, 0], front[:, 1], c=front[:, 2], cmap="cividis", s=44, edgecolor=_INK, zorder=3)
        figure.colorbar(dots, ax=axes, label=_relative(story.objectives[2]))
    else:
        axes.plot(front[:, 0], front[:, 1], color=COLOURS[1], drawstyle="steps-pre", linewidth=1.0)
        axes.scatter(front[:, 0], front[:, 1], color=COLOURS[1], s=30, zorder=3, label="Pareto front")
    axes.scatter([1.0], [1.0], marker="*", s=120, color=COLOURS[0], zorder=4, label="best baseline")
    axes.set_xlabel(_relative(story.objectives[0]))
    axes.set_ylabel(_relative(story.objectives[1]))
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8)
    axes.set_title(f"Objectives, larger is better: {story.name}", fontsize=10, loc="left")
    return figure


def genes_figure(story: Story) -> Any:
    """Numbers of each generation's best genome; those that moved most, where there are many."""
    rows = [genes(genome) for genome in story.best]
    names = list(dict.fromkeys(name for row in rows for name in row))
    values = {name: np.array([row.get(name, 0.0) for row in rows]) for name in names}
    spread = {name: float(np.ptp(values[name])) / max(1e-12, float(np.abs(values[name]).max())) for name in names}
    shown = sorted(names, key=lambda name: -spread[name])[:MOST_GENES]
    large = any(float(np.abs(values[name]).max()) > 20.0 for name in shown)
    figure = new_figure(8.0, 4.2)
    axes = figure.add_subplot()
    generations = np.arange(1, len(rows) + 1)
    for place, name in enumerate(name for name in names if name in shown):
        style, colour = STYLES[place // len(COLOURS) % len(STYLES)], COLOURS[place % len(COLOURS)]
        marker = MARKERS[place % len(MARKERS)]
        axes.plot(generations, values[name], style, color=colour, marker=marker, markersize=4, label=name)
    if large:
        axes.set_yscale("symlog")
    axes.set_xlabel("generation")
    axes.set_ylabel("value in the best genome (0: absent)")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    hidden = f" ({len(names) - len(shown)} more did not move as much)" if len(names) > len(shown) else ""
    axes.set_title(f"Genes of the best{hidden}: {story.name}", fontsize=10, loc="left")
    return figure


def scenarios_figure(story: Story) -> Any:
    """The champion's fitness on each test scenario beside that of the baselines, the strongest by name."""
    scenarios = list(story.scenarios[CHAMPION])
    others = {name: row for name, row in story.scenarios.items() if name != CHAMPION}
    ranked = sorted(others, key=lambda name: -float(np.mean([others[name][one] for one in scenarios])))
    named = ranked[: len(COLOURS) - 2]
    figure = new_figure(8.0, 1.5 + 0.5 * len(scenarios))
    axes = figure.add_subplot()
    rows = np.arange(len(scenarios))
    for place, name in enumerate(ranked):
        values = [others[name][one] for one in scenarios]
        if name in named:
            colour, marker = COLOURS[place if place < 1 else place + 1], MARKERS[place + 1]
            axes.scatter(values, rows, s=34, color=colour, marker=marker, label=name, zorder=2)
        else:
            label = "other baselines" if place == len(named) else None
            axes.scatter(values, rows, s=14, color=_PALE, label=label, zorder=1)
    champion = [story.scenarios[CHAMPION][one] for one in scenarios]
    axes.hlines(rows, 1.0, champion, color=COLOURS[1], linewidth=4.0, alpha=0.6, zorder=1)
    axes.scatter(champion, rows, s=110, color=COLOURS[1], marker="*", edgecolor=_INK, label=CHAMPION, zorder=3)
    axes.axvline(1.0, color=_INK, linestyle="--", linewidth=1.0)
    axes.set_ylim(-0.6, len(scenarios) - 0.4)
    axes.set_yticks(rows, scenarios, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(left=0.0)
    axes.set_xlabel("fitness, relative to the best baseline of the scenario [1]")
    axes.grid(alpha=0.25, axis="x")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    axes.set_title(f"Test scenarios: {story.name}", fontsize=10, loc="left")
    return figure


def gain_figure(gains: Mapping[str, Mapping[str, Interval]], title: str) -> Any:
    """Gain over each rival (outer key) on each scenario (inner key) as bars with intervals [%]."""
    scenarios = list(dict.fromkeys(name for row in gains.values() for name in row))
    figure = new_figure(8.0, 1.4 + 0.2 * len(scenarios) * (len(gains) + 1))
    axes = figure.add_subplot()
    height = 0.8 / max(1, len(gains))
    for place, (rival, row) in enumerate(gains.items()):
        known = [name for name in scenarios if name in row]
        at = np.array([scenarios.index(name) for name in known]) + (place - (len(gains) - 1) / 2) * height
        value = np.array([row[name].value for name in known])
        error = np.array([[row[name].value - row[name].low, row[name].high - row[name].value] for name in known]).T
        colour = COLOURS[place % len(COLOURS)]
        style = {"elinewidth": 1.0, "ecolor": _INK, "capsize": 2}
        axes.barh(at, value, 0.92 * height, xerr=np.maximum(error, 0.0), color=colour, label=rival, error_kw=style)
    axes.axvline(0.0, color=_INK, linewidth=1.0)
    axes.set_yticks(range(len(scenarios)), scenarios, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("gain in fitness [%], with its interval; right of 0: the champion is better")
    axes.grid(alpha=0.25, axis="x")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, title="against")
    axes.set_title(title, fontsize=10, loc="left")
    return figure


def new_figure(width: float, height: float) -> Any:
    """A figure that draws into files only, whatever display there is."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _lines(axes: Any, baselines: Mapping[str, float]) -> None:
    for place, (name, value) in enumerate(baselines.items()):
        colour, style = COLOURS[(place + 2) % len(COLOURS)], STYLES[1 + place % (len(STYLES) - 1)]
        axes.axhline(value, color=colour, linestyle=style, linewidth=1.2, label=f"{name}: {value:.3g}")


def _limit(axes: Any, values: Sequence[float]) -> None:
    """Show what matters: broken candidates, whose fitness is below 0, must not flatten everything else."""
    finite = np.array([value for value in values if np.isfinite(value)])
    if not len(finite):
        return
    sound = finite[finite > 0.0]
    low, high = float(np.percentile(sound if len(sound) else finite, 5)), float(finite.max())
    margin = 0.08 * max(high - low, 0.02)
    axes.set_ylim(low - margin, high + margin)


def _relative(objective: str) -> str:
    return f"{objective}, relative to the best baseline [1]"
