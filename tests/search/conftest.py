"""A problem of routing weights, and a planted optimum to be found in it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest

from blis.foundation.randomness import stream
from evolve.algorithms import Algorithm, cma_mae, cmaes, cmaes_optuna, ga, gp, islands, nsga2, random_search, tpe
from evolve.genomes.seeding import Draws
from evolve.problem import Problem
from evolve.records import Genome, Score

SCORERS = ["prefix-affinity", "queue-depth", "kv-utilization", "active-requests"]
#: Shares of the scorers in the planted best genome; the last scorer is useless.
PLANTED = np.array([0.55, 0.3, 0.15, 0.0])

BREEDING = {"population": 12, "offspring": 12, "crossover": 0.7, "patience": 8}
SMALL: dict[str, tuple[Any, dict[str, Any]]] = {
    "random": (random_search, {"population": 12}),
    "ga": (ga, {**BREEDING, "tournament": 3}),
    "gp": (gp, {**BREEDING, "tournament": 3, "parsimony": 1.4}),
    "nsga2": (nsga2, BREEDING),
    "cmaes": (cmaes, {"population": 12, "sigma": 0.3, "patience": 8}),
    "cmaes_optuna": (cmaes_optuna, {"population": 12, "sigma": 0.3, "patience": 8}),
    "tpe": (tpe, {"population": 12, "candidates": 24}),
    "cma_mae": (cma_mae, {"population": 12, "emitters": 2, "sigma": 0.3, "learning_rate": 0.1, "cells": 8}),
    "islands": (
        islands,
        {
            "islands": 3, "every": 2, "migrants": 1,
            "inner": {"name": "ga", **BREEDING, "population": 4, "offspring": 4, "tournament": 2},
        },
    ),
}  # fmt: skip

PROBLEM = {
    "genes": {"routing": {"kind": "weights", "scorers": SCORERS}},
    "seeds": {
        "equal": {"routing": {"policy": "weighted", "scorers": [{"name": name, "weight": 1} for name in SCORERS]}},
        "least-loaded": {"routing": {"policy": "weighted", "scorers": [{"name": "queue-depth", "weight": 1}]}},
    },
}


@pytest.fixture(scope="session")
def problem() -> Problem:
    return Problem.from_mapping("problem", PROBLEM)


@pytest.fixture
def draws() -> Draws:
    return partial(stream, 7, "search")


@pytest.fixture
def made(problem: Problem, draws: Draws) -> Callable[[str], Algorithm]:
    """An algorithm by its name, small."""

    def make(name: str) -> Algorithm:
        module, params = SMALL[name]
        algorithm: Algorithm = module.search(
            problem, module.Params.from_mapping("algorithm", params), draws, list(problem.seeds.values())
        )
        return algorithm

    return make


def shares(genome: Genome) -> np.ndarray:
    weights = np.array([genome["routing"].get(name, 0.0) for name in SCORERS], float)
    return weights / weights.sum()


def planted_score(genome: Genome) -> Score:
    """1 at the planted optimum, less with the distance to it; who weighs the first scorer finds more in a cache."""
    figures = {"cache_hit_rate": float(shares(genome)[0]), "routed_max_over_mean": 1.0 + float(shares(genome)[3])}
    return Score((float(np.exp(-np.abs(shares(genome) - PLANTED).sum())),), figures=figures)


def two_scores(genome: Genome) -> Score:
    """Two wishes that cannot both be had: the first scorer's weight, and the second's."""
    first, second = shares(genome)[:2]
    return Score((0.1 + float(first), 0.1 + float(second)))


def score_for(name: str) -> Callable[[Genome], Score]:
    """What the algorithm of this name is made for."""
    return two_scores if name == "nsga2" else planted_score


def rounds(algorithm: Algorithm, count: int, score: Callable[[Genome], Score] = planted_score) -> list[Genome]:
    """Let it search; all genomes that it asked for."""
    asked: list[Genome] = []
    for _ in range(count):
        genomes = [proposal.genome for proposal in algorithm.ask()]
        asked += genomes
        algorithm.tell([score(genome) for genome in genomes])
    return asked


def best_of(genomes: Sequence[Genome]) -> float:
    return max(planted_score(genome).fitness for genome in genomes)
