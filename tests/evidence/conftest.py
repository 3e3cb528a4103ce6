import hashlib
import math
from collections.abc import Callable, Sequence

import pytest

from blis.fitness.objectives import OBJECTIVES
from evolve.comparing import Objective
from evolve.comparing.sequential import Cell, MeasureCells
from evolve.evidence import Condition, Measure
from evolve.records import Phenotype, Record


@pytest.fixture
def objectives() -> list[Objective]:
    return [
        Objective("ttft-p99", 1.0, OBJECTIVES["ttft_p99_ms"], lambda record: record.figures.get("ttft")),
        Objective("goodput", 1.0, OBJECTIVES["goodput_rps"], lambda record: record.figures.get("goodput")),
    ]


@pytest.fixture
def measured() -> Callable[[Callable[[Phenotype, Condition], float]], Measure]:
    """A measure whose policies are as good as a function says, times a noise that all policies of a pair share."""

    def make(quality: Callable[[Phenotype, Condition], float], noise: float = 0.0) -> Measure:
        def record(one: Phenotype, condition: Condition, seed: int) -> Record:
            value = quality(one, condition)
            shared = math.exp(_noise(f"{condition} {seed}"))
            own = math.exp(noise * _noise(f"{one.policies} {one.limits} {condition} {seed}"))
            return Record({"ttft": 100.0 * shared / (value * own), "goodput": shared * value * own}, 1000)

        def measure(
            phenotypes: Sequence[Phenotype], conditions: Sequence[Condition], seeds: Sequence[int]
        ) -> list[list[list[Record]]]:
            return [[[record(one, at, seed) for seed in seeds] for at in conditions] for one in phenotypes]

        return measure

    return make


def by_cells(measure: Measure) -> MeasureCells:
    """The measure, asked for single runs."""

    def measure_cells(phenotypes: Sequence[Phenotype], cells: Sequence[Cell]) -> list[list[Record]]:
        columns = [measure(phenotypes, [Condition(scenario)], [seed]) for scenario, seed in cells]
        return [[column[place][0][0] for column in columns] for place in range(len(phenotypes))]

    return measure_cells


def _noise(text: str) -> float:
    """Uniform in [-1, 1], a function of the text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") / 2**63 - 1.0
