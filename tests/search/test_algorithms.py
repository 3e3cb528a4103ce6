import json
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from blis.foundation.errors import ConfigError
from blis.foundation.randomness import stream
from evolve.algorithms import Algorithm, cmaes, ga, gp, islands, nsga2
from evolve.genomes.seeding import Draws
from evolve.problem import Problem
from evolve.records import Genome, Score
from evolve.selection.ranking import hypervolume
from tests.search.conftest import BREEDING, SMALL, best_of, planted_score, rounds, score_for, shares, two_scores

NAMES = sorted(SMALL)
Made = Callable[[str], Algorithm]


@pytest.mark.parametrize("name", NAMES)
def test_first_round_holds_the_known_policies(made: Made, problem: Problem, name: str) -> None:
    asked = [proposal.genome for proposal in made(name).ask()]

    assert all(seed in asked for seed in problem.seeds.values())


@pytest.mark.parametrize("name", NAMES)
def test_asking_again_changes_nothing(made: Made, name: str) -> None:
    algorithm = made(name)
    rounds(algorithm, 2, score_for(name))

    assert algorithm.ask() == algorithm.ask()


@pytest.mark.parametrize("name", NAMES)
def test_a_restored_search_goes_on_exactly(made: Made, name: str) -> None:
    through = made(name)
    states = []
    asked = []
    for _ in range(22):  # long enough for stagnation and a restart
        states.append(json.dumps(through.state(), allow_nan=False))
        asked.append(through.ask())
        through.tell([score_for(name)(proposal.genome) for proposal in through.ask()])

    for generation, state in enumerate(states):
        again = made(name)
        again.restore(json.loads(state))
        assert again.generation == generation
        assert again.ask() == asked[generation]
        if generation + 1 < len(asked):
            again.tell([score_for(name)(proposal.genome) for proposal in again.ask()])
            assert again.ask() == asked[generation + 1]


@pytest.mark.parametrize("name", NAMES)
def test_global_generators_are_left_alone(made: Made, name: str) -> None:
    before = random.getstate(), np.random.get_state()  # noqa: NPY002
    rounds(made(name), 3, score_for(name))

    assert random.getstate() == before[0]
    for one, other in zip(np.random.get_state(), before[1], strict=True):  # noqa: NPY002
        assert np.array_equal(one, other)


@pytest.mark.parametrize("name", NAMES)
def test_seeds_differ(problem: Problem, name: str) -> None:
    module, params = SMALL[name]

    def asked(seed: int) -> list[Genome]:
        read = module.Params.from_mapping("algorithm", params)
        return rounds(module.search(problem, read, partial(stream, seed, "search"), []), 2, score_for(name))

    assert asked(1) == asked(1)
    assert asked(1) != asked(2)


@pytest.mark.parametrize("name", ["ga", "gp", "cmaes", "cmaes_optuna", "islands", "tpe", "cma_mae"])
def test_a_planted_optimum_is_found(made: Made, name: str) -> None:
    asked = rounds(made(name), 30)

    assert best_of(asked) > 0.93
    assert best_of(asked) > best_of(rounds(made("random"), 30)) + 0.02


def test_the_front_spreads_over_both_wishes(made: Made) -> None:
    asked = rounds(made("nsga2"), 15, two_scores)
    front = [two_scores(genome) for genome in asked]

    # The best front is the line from (1.1, 0.1) to (0.1, 1.1); the area below it is 0.71.
    assert hypervolume(front) > 0.65
    last = [shares(genome)[0] for genome in asked[-12:]]
    assert min(last) < 0.35 < 0.65 < max(last)


def test_children_know_their_parents(made: Made, problem: Problem) -> None:
    algorithm = made("ga")
    first = {problem.digest(genome) for genome in rounds(algorithm, 1)}
    children = algorithm.ask()

    assert all(child.parents and set(child.parents) <= first for child in children)
    assert any(len(child.parents) == 2 for child in children)


def test_the_best_is_never_lost(made: Made) -> None:
    algorithm: Any = made("ga")
    best = 0.0
    for _ in range(6):
        algorithm.tell([planted_score(proposal.genome) for proposal in algorithm.ask()])
        assert algorithm.population[0].score.fitness >= best
        best = algorithm.population[0].score.fitness


def test_stagnation_starts_anew(made: Made) -> None:
    algorithm: Any = made("ga")
    rounds(algorithm, BREEDING["patience"] + 1, lambda genome: Score((1.0,)))

    assert algorithm.population == []
    assert all(not proposal.parents for proposal in algorithm.ask())


def test_infeasible_genomes_do_not_survive(made: Made) -> None:
    def score(genome: Genome) -> Score:
        broken = float(shares(genome)[0])
        return Score((5.0 + broken,), violation=max(0.0, broken - 0.2))

    algorithm: Any = made("ga")
    rounds(algorithm, 10, score)

    assert all(individual.score.is_feasible for individual in algorithm.population)


def test_parsimony_prefers_the_shorter_of_equals(problem: Problem, draws: Draws) -> None:
    def mean_size(module: Any, params: dict[str, Any]) -> float:
        algorithm = module.search(problem, module.Params.from_mapping("algorithm", params), draws, [])
        asked = rounds(algorithm, 12, lambda genome: Score((1.0,)))
        return float(np.mean([problem.complexity(genome) for genome in asked[12:]]))

    patient = {**BREEDING, "patience": 100, "tournament": 2}

    assert mean_size(gp, {**patient, "parsimony": 2.0}) < mean_size(ga, patient)


def test_migrants_arrive_on_the_next_island(problem: Problem, draws: Draws) -> None:
    inner = {"name": "ga", **BREEDING, "population": 4, "offspring": 4, "tournament": 2}
    params = islands.Params.from_mapping("algorithm", {"islands": 3, "every": 2, "migrants": 1, "inner": inner})
    archipelago = islands.search(problem, params, draws, [])

    def best() -> list[float]:
        return [island.population[0].score.fitness for island in archipelago.islands]

    rounds(archipelago, 1)
    apart = best()
    rounds(archipelago, 1)

    assert any(apart[place] < apart[place - 1] for place in range(3))
    assert all(fitness >= apart[place - 1] for place, fitness in enumerate(best()))


def test_cma_names_the_gene_that_is_no_number(draws: Draws) -> None:
    scheduling = {"kind": "answer", "policies": ["fcfs", "sjf"]}
    problem = Problem.from_mapping("problem", {"genes": {"scheduling": scheduling}})
    params = cmaes.Params.from_mapping("algorithm", {"population": 8, "sigma": 0.3, "patience": 5})

    with pytest.raises(ConfigError, match="cmaes must have genes that are numbers only; got the gene 'scheduling'"):
        cmaes.search(problem, params, draws, [])


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_strict(name: str) -> None:
    module, params = SMALL[name]

    with pytest.raises(ConfigError, match="unknown key 'populaton'"):
        module.Params.from_mapping("algorithm", {**params, "populaton": 3})
    with pytest.raises(ConfigError, match="is required"):
        module.Params.from_mapping("algorithm", {})


@pytest.mark.parametrize(
    ("module", "key", "value"),
    [
        (ga, "population", 1), (ga, "crossover", 1.5), (ga, "crossover", float("nan")), (ga, "tournament", 0),
        (nsga2, "patience", 0), (gp, "parsimony", 2.5), (cmaes, "sigma", 0), (cmaes, "population", 3),
        (islands, "islands", 1), (islands, "migrants", 0), (islands, "every", 2.5),
    ],
)  # fmt: skip
def test_values_out_of_range_are_refused(module: Any, key: str, value: float) -> None:
    name = module.__name__.rpartition(".")[2]

    with pytest.raises(ConfigError, match=f"algorithm.{key} must be"):
        module.Params.from_mapping("algorithm", {**SMALL[name][1], key: value})


def test_only_algorithms_with_a_population_live_on_islands() -> None:
    with pytest.raises(ConfigError, match=r"algorithm\.inner\.name: no choice named 'cmaes'"):
        islands.Params.from_mapping("algorithm", {**SMALL["islands"][1], "inner": {"name": "cmaes"}})
