"""Keeps every evaluation of a search while it runs: one part per stage.

A part is a file of JSON lines, written whole once its stage (the baselines, a generation, the finals) is over. Parts
hold everything exactly, so that a search that goes on later knows what it has simulated before.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evolve.outcome.files import write_text_whole
from evolve.records import Genome, Record, Score, Task


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

    def write(self, part: str, evaluations: Iterable[Evaluation]) -> None:
        """Write a stage's part, whole or not at all; one of the same name is replaced.

        Raises
        ------
        ConfigError
            If the folder cannot be written.
        """
        write_text_whole(self._path(part), "".join(f"{evaluation.line()}\n" for evaluation in evaluations))

    def rows(self, parts: Sequence[str]) -> list[dict[str, Any]]:
        """The rows of these parts, in their order, as `Evaluation.line` has them."""
        lines = [line for part in parts for line in self._path(part).read_text(encoding="utf-8").splitlines()]
        return [json.loads(line) for line in lines]

    def clear(self) -> None:
        """Remove the parts."""
        for path in self.folder.glob("*.jsonl"):
            path.unlink()

    def _path(self, part: str) -> Path:
        return self.folder / f"{part}.jsonl"


def generation_part(generation: int) -> str:
    """Name of a generation's part."""
    return f"generation-{generation:05d}"


def record_of(row: Mapping[str, Any]) -> Record:
    """The record in a row."""
    return Record(row["figures"], row["simulated_requests"], row["error"], row["wall_ms"])
