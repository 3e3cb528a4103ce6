"""Whatever the operators make is a genome of the problem, in canonical form, and depends on its generator alone."""

import json
import random as global_random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.foundation.randomness import stream
from blis.policies.binding import bind_all
from evolve.genomes.seeding import deap_draws
from evolve.problem import Problem
from evolve.records import Genome
from tests.genomes.problems import SHIPPED, problem

PROBLEMS = (*SHIPPED, "everything", "orders")


def bred(searched: Problem, seed: int, rounds: int = 12) -> list[Genome]:
    """A few generations of everything that operators do."""
    random = stream(seed, "test")
    genomes = [*searched.seeds.values(), *(searched.sample(random) for _ in range(6))]
    for _ in range(rounds):
        one, other = random.integers(len(genomes), size=2)
        first, second = searched.mate(genomes[one], genomes[other], random)
        genomes[one], genomes[other] = searched.mutate(first, random), searched.mutate(second, random)
    return genomes


@pytest.mark.parametrize("name", PROBLEMS)
@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6))
def test_operators_stay_within_the_problem(name: str, seed: int) -> None:
    searched = problem(name)
    for genome in bred(searched, seed):
        assert searched.canonical(genome) == genome
        assert searched.check("genome", json.loads(json.dumps(genome))) == genome
        bind_all(searched.decode(genome).policies)
        assert searched.complexity(genome) > 0
        assert all(searched.describe(genome).values())


@pytest.mark.parametrize("name", PROBLEMS)
def test_what_a_genome_decodes_to_encodes_to_it(name: str) -> None:
    searched = problem(name)
    for genome in bred(searched, 3):
        phenotype = searched.decode(genome)
        assert searched.encode(phenotype.policies, phenotype.limits) == genome


@pytest.mark.parametrize("name", PROBLEMS)
def test_operators_leave_the_parents_alone(name: str) -> None:
    searched = problem(name)
    random = stream(1, "test")
    one, other = searched.sample(random), searched.sample(random)
    before = json.dumps([one, other])

    searched.mate(one, other, random)
    searched.mutate(one, random)

    assert json.dumps([one, other]) == before


@pytest.mark.parametrize("name", PROBLEMS)
def test_equal_generators_breed_equal_genomes_and_no_global_generator_moves(name: str) -> None:
    global_random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    expected = (global_random.random(), np.random.random())  # noqa: NPY002
    global_random.seed(5)
    np.random.seed(5)  # noqa: NPY002

    first = bred(problem(name), 7)
    found = (global_random.random(), np.random.random())  # noqa: NPY002
    second = bred(problem(name), 7)

    assert json.dumps(first) == json.dumps(second)
    assert first != bred(problem(name), 8)
    assert found == expected


def test_breeding_is_equal_in_other_processes() -> None:
    program = (
        "from tests.genomes.test_operators import *\nprint(json.dumps(bred(problem('everything'), 7, 40)), end='')"
    )
    results = {
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }

    assert results == {json.dumps(bred(problem("everything"), 7, 40))}


def test_global_generators_are_put_back_after_an_error() -> None:
    before = global_random.getstate()

    with pytest.raises(ZeroDivisionError), deap_draws(stream(0, "x")):
        1 / global_random.sample([0], 1)[0]

    assert global_random.getstate() == before


@pytest.mark.parametrize("name", PROBLEMS)
def test_mutation_changes_most_genomes(name: str) -> None:
    searched, random = problem(name), stream(2, "test")
    genomes = [searched.sample(random) for _ in range(50)]

    changed = [searched.mutate(genome, random) != genome for genome in genomes]

    assert sum(changed) > 30


def test_every_gene_is_mutated_at_its_own_rate() -> None:
    mapping = {
        "genes": {
            "scheduling": {"kind": "answer", "policies": ["fcfs", "sjf"], "rate": 1},
            "preemption": {"kind": "answer", "policies": ["newest", "lowest-priority"], "rate": 0.1},
        }
    }
    searched, random = Problem.from_mapping("problem", mapping), stream(0, "test")
    genome = searched.sample(random)

    mutants = [searched.mutate(genome, random) for _ in range(2000)]

    changed = np.mean([[mutant[name] != genome[name] for name in genome] for mutant in mutants], axis=0)
    assert changed[0] == pytest.approx(0.1 if next(iter(genome)) == "preemption" else 1.0, abs=0.03)
    assert changed[1] == pytest.approx(0.1, abs=0.03)


def test_children_take_each_gene_from_either_parent() -> None:
    searched, random = problem("orders"), stream(0, "test")
    one, other = searched.sample(random), searched.sample(random)
    while any(one[name] == other[name] for name in one):
        other = searched.sample(random)

    children = [searched.mate(one, other, random) for _ in range(200)]

    for first, second in children:
        for name in one:
            assert sorted([first[name]["policy"], second[name]["policy"]]) == sorted(
                [one[name]["policy"], other[name]["policy"]]
            )
    assert len({json.dumps(first) for first, _ in children}) == 2 ** len(one)


@pytest.mark.parametrize("name", ["routing_weights", "numbers"])
def test_the_continuous_form_is_that_of_the_genome(name: str) -> None:
    numbers = {
        "genes": {
            "priority": {
                "kind": "answer",
                "policies": [{"policy": "linear", "parameters": {"age": None, "round": {"low": -2, "high": 2}}}],
            },
            "cluster": {"max_running_requests": {"kind": "number", "low": 1, "high": 1024, "scale": "log"}},
        }
    }
    searched = Problem.from_mapping("problem", numbers) if name == "numbers" else problem(name)
    random = stream(4, "test")
    for _ in range(50):
        genome = searched.sample(random)
        vector = searched.to_vector(genome)
        assert vector.shape == (searched.n_continuous,)
        assert ((vector >= 0) & (vector <= 1)).all()
        assert searched.from_vector(vector) == genome
    beyond = searched.from_vector(np.full(searched.n_continuous, 7.0))
    assert beyond == searched.from_vector(np.ones(searched.n_continuous))
    assert searched.check("genome", searched.from_vector(np.zeros(searched.n_continuous)))
