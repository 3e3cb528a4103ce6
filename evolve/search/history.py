"""Keeps every evaluation of a search while it runs: one part per stage.

A part is a file of JSON lines, written whole once its stage (the baselines, a generation, the finals) is over. Parts
hold everything exactly, so that a search that goes on later knows what it has simulated before.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from evolve.outcome.files import write_text_whole
from evolve.records import Genome, Record, Score, Task
from evolve.search.checkpoint import FILE, damaged


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom an evaluation was about."""

    stage: str  #: baseline, search, final, test
    generation: int  #: -1 for baselines
    candidate: int  #: place in the generation, or among the baselines or finalists
    name: str  #: of a baseline; "" for a candidate
    genome: Genome  #: {} for a baseline
    digest: str  #: of the genome
    parents: tuple[str, ...]  #: digests
    behaviour: str  #: signature of the phenotype: equal for candidates that decide alike
    score: Score  #: on this rung of the ladder, or in this role


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One row: a subject, what was to be simulated, and what came of it."""

    subject: Subject
    task: Task
    role: str  #: of the scenario: train, validation, test
    record: Record
    cache_hit: bool  #: whether the same task had been simulated before

    def line(self) -> str:
        """The row as a line of JSON, with all digits."""
        subject, task, record = self.subject, self.task, self.record
        row = {
            "stage": subject.stage,
            "generation": subject.generation,
            "candidate": subject.candidate,
            "name": subject.name,
            "genome": subject.genome,
            "digest": subject.digest,
            "parents": list(subject.parents),
            "behaviour": subject.behaviour,
            "fitness": subject.score.fitness,
            "objectives": list(subject.score.objectives),
            "violation": subject.score.violation,
            "rungs_short": subject.score.rungs_short,
            "role": self.role,
            "scenario": task.scenario,
            "seed": task.seed,
            "num_requests": task.num_requests,
            "task": task.digest,
            "cache_hit": self.cache_hit,
            "simulated_requests": record.simulated_requests,
            "error": record.error,
            "wall_ms": record.wall_ms,
            "figures": dict(record.figures),
        }
        return json.dumps(row, ensure_ascii=False, allow_nan=False)


class History:
    """The evaluations of a search, in a folder of parts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, part: str, evaluations: Iterable[Evaluation]) -> str:
        """Write a stage's part, whole or not at all; one of the same name is replaced. The digest of its contents.

        Raises
        ------
        ConfigError
            If the folder cannot be written.
        """
        text = "".join(f"{evaluation.line()}\n" for evaluation in evaluations)
        write_text_whole(self._path(part), text)
        return hashlib.sha256(text.encode()).hexdigest()

    def rows(self, parts: Mapping[str, str]) -> "Rows":
        """The rows of these parts (name -> digest), in their order, as `Evaluation.line` has them."""
        return Rows([partial(self._lines, part, digest) for part, digest in parts.items()])

    def _lines(self, part: str, digest: str) -> list[str]:
        path = self._path(part)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise damaged(str(path), f"it cannot be read ({error.strerror or error})") from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise damaged(str(path), f"its contents do not have the digest that {FILE} names")
        return content.decode().splitlines()

    def clear(self) -> None:
        """Remove the parts."""
        for path in self.folder.glob("*.jsonl"):
            path.unlink()

    def _path(self, part: str) -> Path:
        return self.folder / f"{part}.jsonl"


class Rows:
    """Rows that are read from their parts whenever they are gone through: a million of them would fill the memory.

    Parameters
    ----------
    parts : sequence of callable
        Read the lines of a part, or raise a ConfigError if it is absent or not as it was written.
    """

    def __init__(self, parts: Sequence[Callable[[], list[str]]]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for lines in self._parts:
            yield from map(json.loads, lines())


def generation_part(generation: int) -> str:
    """Name of a generation's part."""
    return f"generation-{generation:05d}"


def record_of(row: Mapping[str, Any]) -> Record:
    """The record in a row."""
    return Record(row["figures"], row["simulated_requests"], row["error"], row["wall_ms"])
