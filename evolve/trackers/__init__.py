"""Who is told?

Each file is one listener with a class `Listener` that fulfils `Tracker`. A listener that fails is reported once and never ends a search:
`evolve.search` wraps every call. All calls carry plain data. After a resume, `generation` is called again for generations that the
checkpoint does not know; a listener that keeps what it heard must not double it.
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
    tags: Mapping[str, str]  #: lineage: parent run, git commit, sweep folder ...
    config: Mapping[str, Any]  #: the resolved configuration
    baselines: Mapping[str, Mapping[str, float]]  #: baseline -> figure -> value, means over train scenarios and seeds


@dataclass(frozen=True, slots=True)
class GenerationReport:
    """How one generation went."""

    generation: int  #: from 0
    figures: Mapping[str, float]  #: fitness/best, fitness/median, objective/<name>, diversity, evaluations ...: deterministic
    speed: Mapping[str, float]  #: evaluations_per_second and other figures of the wall clock
    best: Genome
    best_score: Score
    evaluations: int  #: so far
    budget_evaluations: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A policy worth a row of its own: a baseline, a Pareto member or the champion."""

    name: str
    role: str  #: baseline, pareto, champion
    parameters: Mapping[str, str | int | float]
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class SearchEnd:
    """What a search leaves behind."""

    status: str  #: finished, interrupted, failed
    figures: Mapping[str, float]
    candidates: Sequence[Candidate]
    artifacts: Sequence[Path]  #: files of the run folder to keep


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
