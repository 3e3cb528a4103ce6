"""Which algorithm searches best? A table over the searches of a sweep: algorithms by seeds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from blis.foundation.checks import check_int, check_number
from blis.foundation.errors import ConfigError
from blis.policies.bundle import read_bundle
from evolve.evidence.text import table
from evolve.outcome.champion import FILE as CHAMPION
from evolve.outcome.figures import COLOURS, new_figure
from evolve.outcome.run_folder import CONFIG

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Outcome:
    """One search of the sweep."""

    folder: str
    problem: str
    algorithm: str
    suite: str
    seed: int
    fitness: Mapping[str, float]  #: train, validation, test


@dataclass(frozen=True, slots=True)
class MedianInterval:
    """A median and two order statistics around it."""

    median: float
    low: float
    high: float
    coverage: float  #: chance that the interval holds the median of all searches

    def __str__(self) -> str:
        return f"{self.median:.4f} [{self.low:.4f}, {self.high:.4f}] ({100.0 * self.coverage:.0f} %)"


def read_sweep(folder: Path) -> tuple[list[Outcome], list[str]]:
    """The finished searches in a sweep's folder, and what is to be said about the others.

    Raises
    ------
    ConfigError
        If there is none.
    """
    outcomes: list[Outcome] = []
    notes: list[str] = []
    for path in sorted((one for one in folder.iterdir() if one.is_dir()), key=_by_number):
        try:
            if not (path / CHAMPION).is_file():
                if (path / CONFIG).is_file():
                    notes.append(f"{path.name}: left out, it has no champion.")
                continue
            outcome = _outcome(path)
        except (ConfigError, OSError) as error:
            notes.append(f"{path.name}: left out, {error}")
            continue
        known = {(one.problem, one.suite, one.algorithm, one.seed) for one in outcomes}
        if outcome is not None and (outcome.problem, outcome.suite, outcome.algorithm, outcome.seed) in known:
            notes.append(f"{path.name}: left out, another search has the same problem, suite, algorithm and seed.")
        elif outcome is None:
            notes.append(f"{path.name}: left out, its champion has not taken the test.")
        else:
            outcomes.append(outcome)
    if not outcomes:
        raise ConfigError(f"{folder} must be the folder of a search, or of a sweep with finished searches; found none.")
    return outcomes, notes


def median_interval(values: Sequence[float]) -> MedianInterval:
    """The median of a sample, and the narrowest symmetric pair of order statistics that holds the true one with 95 %.

    Where the sample is too small for that it is the whole range, with the chance that this has. Exact for any
    continuous distribution (David and Nagaraja, Order Statistics, 7.1).
    """
    ordered = sorted(values)
    n = len(ordered)
    outside, rank = 0.0, 0  # rank: how many values are cut off at each end
    while rank < n // 2:
        more = outside + 2.0 * math.comb(n, rank) / 2.0**n
        if rank and 1.0 - more < CONFIDENCE:
            break
        outside, rank = more, rank + 1
    cut = max(rank - 1, 0)
    coverage = 1.0 - outside if n > 1 else 0.0
    return MedianInterval(median(ordered), ordered[cut], ordered[n - 1 - cut], coverage)


def sweep_plain(outcomes: Sequence[Outcome], notes: Sequence[str]) -> dict[str, Any]:
    """The sweep for JSON."""
    groups = []
    for name, own in grouped(outcomes).items():
        problem, suite, algorithm = name
        found = median_interval([one.fitness["test"] for one in own])
        wins = against_random(own, outcomes)
        groups.append(
            {
                "problem": problem,
                "suite": suite,
                "algorithm": algorithm,
                "seeds": [one.seed for one in own],
                "test": [one.fitness["test"] for one in own],
                "median": found.median,
                "low": found.low,
                "high": found.high,
                "coverage": found.coverage,
                "wins_against_random": None if wins is None else wins[0],
                "pairs_with_random": None if wins is None else wins[1],
            }
        )
    searches = [
        {"folder": one.folder, "algorithm": one.algorithm, "seed": one.seed, "fitness": dict(one.fitness)}
        for one in outcomes
    ]
    return {"algorithms": groups, "searches": searches, "notes": list(notes)}


def sweep_markdown(outcomes: Sequence[Outcome], notes: Sequence[str]) -> str:
    """The sweep as Markdown."""
    groups = grouped(outcomes)
    rows = []
    for (problem, suite, algorithm), own in groups.items():
        wins = against_random(own, outcomes)
        rows.append(
            (
                problem,
                suite,
                algorithm,
                str(len(own)),
                str(median_interval([one.fitness["test"] for one in own])),
                f"{median(one.fitness['validation'] for one in own):.4f}",
                "-" if wins is None else f"{wins[0]} of {wins[1]}",
            )
        )
    titles = ("problem", "suite", "algorithm", "searches", "test fitness", "validation", "better than random search")
    seeds = sorted({one.seed for one in outcomes})
    by_seed = []
    for (problem, _, algorithm), own in groups.items():
        of_seed = {one.seed: f"{one.fitness['test']:.4f}" for one in own}
        by_seed.append((problem, algorithm, *(of_seed.get(seed, "-") for seed in seeds)))
    lines = [
        "# Searches compared",
        "",
        "Fitness of the champions on the test scenarios: 1 is the best baseline, below 0 by how much constraints are",
        "broken. Medians over seeds, in brackets the interval of order statistics and the chance that it holds the",
        "median of all such searches.",
        "",
        *table(titles, rows),
        "",
        "Test fitness by seed:",
        "",
        *table(("problem", "algorithm", *(f"seed {seed}" for seed in seeds)), by_seed),
        "",
    ]
    return "\n".join([*lines, *(f"- {note}" for note in notes), *([""] if notes else [])])


def sweep_figure(outcomes: Sequence[Outcome]) -> Any:
    """Test fitness of every search, with the median and the interval of each algorithm."""
    groups = grouped(outcomes)
    several = len({(problem, suite) for problem, suite, _ in groups}) > 1
    figure = new_figure(7.0, 1.2 + 0.5 * len(groups))
    axes = figure.add_subplot()
    for place, (_, own) in enumerate(groups.items()):
        values = [one.fitness["test"] for one in own]
        found = median_interval(values)
        colour = COLOURS[place % len(COLOURS)]
        axes.plot([found.low, found.high], [place, place], color=colour, linewidth=2.0)
        axes.plot(values, [place] * len(values), "o", color=colour, alpha=0.6, markersize=5)
        axes.plot([found.median], [place], "|", color="#1b1b1b", markersize=16, markeredgewidth=2.0)
    axes.axvline(1.0, color="#1b1b1b", linestyle="--", linewidth=1.0)
    labels = [f"{algorithm}\n{problem}, {suite}" if several else algorithm for problem, suite, algorithm in groups]
    axes.set_yticks(range(len(groups)), labels)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.set_xlabel("test fitness, relative to the best baseline (dashed) [1]")
    axes.grid(alpha=0.25, axis="x")
    axes.set_title("Champions on held-out scenarios; bar: median and its interval", fontsize=10, loc="left")
    return figure


def grouped(outcomes: Sequence[Outcome]) -> dict[tuple[str, str, str], list[Outcome]]:
    """The searches of each problem, suite and algorithm, in the order in which they were found."""
    groups: dict[tuple[str, str, str], list[Outcome]] = {}
    for one in outcomes:
        groups.setdefault((one.problem, one.suite, one.algorithm), []).append(one)
    return groups


def against_random(own: Sequence[Outcome], everyone: Sequence[Outcome]) -> tuple[int, int] | None:
    """How often these searches did better than random search of the same seed, and of how many pairs; None: no pair."""
    rivals = {(one.problem, one.suite, one.seed): one.fitness["test"] for one in everyone if is_random(one.algorithm)}
    if is_random(own[0].algorithm):
        return None
    pairs = [
        (one.fitness["test"], rivals[one.problem, one.suite, one.seed])
        for one in own
        if (one.problem, one.suite, one.seed) in rivals
    ]
    return (sum(ours > theirs for ours, theirs in pairs), len(pairs)) if pairs else None


def is_random(algorithm: str) -> bool:
    """Whether an algorithm's name is that of random search."""
    return algorithm.replace("-", "_") in ("random", "random_search")


def _outcome(path: Path) -> Outcome | None:
    """What came of one search; None if its champion has not taken the test.

    Raises
    ------
    ConfigError
        If its champion is not as a search writes it.
    """
    lineage = read_bundle(path / CHAMPION).lineage
    fitness = lineage.get("fitness")
    if not isinstance(fitness, Mapping) or not {"validation", "test"} <= set(fitness):
        return None
    where = f"{path / CHAMPION}: lineage"
    return Outcome(
        folder=str(path),
        problem=str(lineage.get("problem")),
        algorithm=str(lineage.get("algorithm")),
        suite=str(lineage.get("suite")),
        seed=check_int(f"{where}.seed", lineage.get("seed", 0)),
        fitness={str(name): check_number(f"{where}.fitness.{name}", value) for name, value in fitness.items()},
    )


def _by_number(path: Path) -> tuple[int, str]:
    return (int(path.name) if path.name.isdecimal() else 10**9, path.name)
