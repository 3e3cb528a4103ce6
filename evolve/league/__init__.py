"""Which policy of those that are known does best at a problem, as anyone can check?

A *board* is a folder: `board.yaml` says on which scenarios and seeds, by which objectives and under which constraints
policies are judged, and against which of them; `entries/` holds them, champions of searches and rivals, as policy
bundles with the digest that they had when they were added; `standings.json` holds what was measured. What is measured
of an entry depends on the entry, the reference and the question alone, so that any row can be measured again by itself,
and must come out byte for byte.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evolve.judging.goals import Goals
from evolve.judging.scoring import Rules
from evolve.records import Phenotype
from evolve.trials.suite import SuiteScenario

BOARD, ENTRIES, STANDINGS = "board.yaml", "entries", "standings.json"
FOLDER = "leaderboard"
KINDS = ("champion", "rival")


@dataclass(frozen=True, slots=True)
class Budget:
    """On how much a row is measured."""

    scenarios: tuple[SuiteScenario, ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A policy on a board."""

    name: str
    kind: str  #: one of `KINDS`
    digest: str  #: of its policies, when it was added
    phenotype: Phenotype | None  #: None: it is refused
    refusal: str = ""  #: why
    source: str = ""  #: where it comes from


@dataclass(frozen=True, slots=True)
class Board:
    """A problem, and what is known about it."""

    name: str
    folder: Path
    title: str
    suite: str
    rules: Rules
    reference: str  #: the entry that all are compared with
    entries: Mapping[str, Entry]
    full: Budget  #: of the standings
    check: Budget  #: of a quick look whether a row still comes out the same
    digest: str  #: of the question: scenarios, seeds, objectives, constraints and the reference

    @property
    def goals(self) -> Goals:
        """What counts."""
        return self.rules.goals


#: What was measured of an entry, ready for JSON: see `evolve.league.measuring`.
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Standings:
    """What `standings.json` holds."""

    digest: str  #: of the question that was asked
    rows: Sequence[Row]  #: the best first, the disqualified last
