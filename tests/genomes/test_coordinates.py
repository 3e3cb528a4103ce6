"""Genomes as choices and numbers: whoever dictates a genome's coordinates gets that genome."""

from collections.abc import Sequence

import numpy as np
import pytest

from blis.foundation.randomness import stream
from evolve.genomes.coordinates import Coordinates, assembled, coordinates, options
from evolve.problem import Problem
from tests.genomes.problems import EVERYTHING, ORDERS, problem

SEVERAL_WAYS = {
    "kind": "either",
    "ways": [
        {"kind": "answer", "policies": ["lmetric", {"policy": "preble", "parameters": {"most_load_ratio": None}}]},
        {"kind": "weights", "scorers": ["prefix-affinity", "queue-depth", "kv-utilization"]},
    ],
}
#: Everything that ships and has no formula, and a gene of several ways.
DICTATED = {
    "weights": problem("routing_weights"),
    "orders": Problem.from_mapping("problem", ORDERS),
    "everything": Problem.from_mapping(
        "problem",
        {
            "genes": {
                **{key: gene for key, gene in EVERYTHING["genes"].items() if key != "priority"},
                "routing": SEVERAL_WAYS,
            }
        },
    ),
}


class Dictation:
    """Coordinates as they were read."""

    def __init__(self, known: Coordinates) -> None:
        self.known = known
        self.asked: list[str] = []

    def number(self, name: str) -> float:
        self.asked.append(name)
        return float(self.known[name])

    def choice(self, name: str, options: Sequence[str]) -> str:
        self.asked.append(name)
        assert self.known[name] in options
        return str(self.known[name])


@pytest.mark.parametrize("name", DICTATED)
def test_a_genome_comes_back_from_its_coordinates(name: str) -> None:
    searched, random = DICTATED[name], stream(3, "test", name)
    for _ in range(100):
        genome = searched.sample(random)
        read = coordinates(searched.genes, genome)
        dictation = Dictation(read)

        again = assembled(searched.genes, dictation)

        assert searched.digest(again) == searched.digest(genome)
        assert dictation.asked == list(read)


@pytest.mark.parametrize("name", DICTATED)
def test_every_coordinate_is_among_those_that_there_may_be(name: str) -> None:
    searched, random = DICTATED[name], stream(4, "test", name)
    known = options(searched.genes)
    for _ in range(100):
        for coordinate, value in coordinates(searched.genes, searched.sample(random)).items():
            among = known[coordinate]
            assert value in among if among else 0.0 <= float(value) <= 1.0


def test_only_what_is_chosen_has_numbers() -> None:
    searched = Problem.from_mapping("problem", {"genes": {"routing": SEVERAL_WAYS}})
    genome = searched.encode({"routing": {"policy": "preble", "most_load_ratio": 1.0}})
    assert genome is not None

    assert coordinates(searched.genes, genome) == {"routing": "0", "routing.0": "preble", "routing.0.preble.0": 0.0}
    assert list(options(searched.genes)) == [
        "routing", "routing.0", "routing.0.preble.0", "routing.1.0", "routing.1.1", "routing.1.2",
    ]  # fmt: skip


def test_any_numbers_make_a_genome() -> None:
    searched, random = DICTATED["weights"], stream(5, "test")
    names = list(options(searched.genes))
    for _ in range(50):
        known: Coordinates = dict(zip(names, np.round(random.random(len(names)), 1).tolist(), strict=True))
        genome = assembled(searched.genes, Dictation(known))
        assert searched.check("genome", genome) == genome
