"""Who is told?

Each file with a class `Listener` is one listener that fulfils `Tracker`: `silent` (tracker=none), `console`, and
`mlflow_run` (tracker=mlflow, which also tells the console). `evolve.trackers.opening.open_tracker` makes the one that a
configuration names and guards it: a listener that fails is reported once and never ends a search, so callers need no
guard of their own. All calls carry plain data.

After a resume, `start` is called again with `is_resumed`, then `generation` for those that the checkpoint does not
know; a listener that keeps what it heard must not double it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from evolve.records import Genome, Score


@dataclass(frozen=True, slots=True)
class SearchStart:
    """What is about to be searched."""

    folder: Path  #: the run folder
    name: str  #: such as "routing_weights ga seed 1"
    parameters: Mapping[str, str | int | float]  #: flat: problem, algorithm, suite, budget, seed ...
    tags: Mapping[str, str]  #: lineage: parent run, git_commit, sweep folder ...
    config: Mapping[str, Any]  #: the resolved configuration
    baselines: Mapping[
        str, Mapping[str, float]
    ]  #: baseline -> figure -> value, means over training scenarios and seeds
    is_resumed: bool = False  #: whether an earlier process began this search in the same folder
    evaluations: int = 0  #: done before a resume
    budget_evaluations: int = 0  #: how many there may be in all; 0: only generations are limited
    generations: int = 0  #: how many there may be in all; 0: only evaluations are limited


@dataclass(frozen=True, slots=True)
class GenerationReport:
    """How one generation went."""

    generation: int  #: from 0
    figures: Mapping[str, float]  #: fitness/best, fitness/median, objective/<name>, diversity ...: deterministic
    speed: Mapping[str, float]  #: evaluations_per_second, evaluator/<name>: what differs between equal searches
    best: Genome
    best_score: Score
    evaluations: int  #: so far
    budget_evaluations: int  #: as in `SearchStart`


@dataclass(frozen=True, slots=True)
class Candidate:
    """A policy worth a row of its own: a baseline, a Pareto member or the champion."""

    name: str  #: unique within its role
    role: str  #: baseline, pareto, champion
    parameters: Mapping[str, str | int | float]
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class SearchEnd:
    """What a search leaves behind."""

    status: str  #: finished, interrupted, failed
    figures: Mapping[str, float]
    candidates: Sequence[Candidate]
    artifacts: Sequence[Path]  #: files and folders of the run folder to keep


class Tracker(Protocol):
    """Hears of a search."""

    def start(self, search: SearchStart) -> None:
        """Before the first generation, and again after a resume."""

    def progress(self, evaluations: int) -> None:
        """That many more evaluations are done; called often."""

    def generation(self, report: GenerationReport) -> None:
        """A generation is evaluated and told."""

    def end(self, search: SearchEnd) -> None:
        """The search is over, whatever the reason."""
