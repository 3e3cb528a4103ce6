import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from blis.foundation.errors import ConfigError
from blis.foundation.randomness import stream
from evolve.algorithms import policy_iteration
from evolve.algorithms.policy_iteration import PolicyIteration
from evolve.practice import Lessons
from evolve.problem import Problem
from evolve.records import Phenotype, Score
from tests.learning.lessons import planted_lessons
from tests.search.conftest import PLANTED, SCORERS, best_of, planted_score, rounds

PARAMS = {"decisions": 40, "candidates": 8, "population": 8, "crossover": 0.7, "tournament": 3, "patience": 2}


class PlantedTeacher:
    """Lessons in which the planted weights are right; each turn with chance of its own."""

    def __init__(self, gain: dict[str, float]) -> None:
        self.gain = gain
        self.asked: list[tuple[int, int]] = []

    def lessons(self, phenotype: Phenotype, decisions: int, turn: int) -> Lessons:
        self.asked.append((decisions, turn))
        return planted_lessons(self.gain, decisions, noise=0.05, seed=turn)


RIGHT = dict(zip(SCORERS, PLANTED.tolist(), strict=True))
Made = Callable[..., PolicyIteration]


@pytest.fixture
def made(problem: Problem) -> Made:
    def make(teacher: Any, seed: int = 7) -> PolicyIteration:
        params = policy_iteration.Params.from_mapping("algorithm", PARAMS)
        first = list(problem.seeds.values())
        return policy_iteration.search(problem, params, partial(stream, seed, "search"), first, teacher)

    return make


def test_the_known_policies_are_judged_first(made: Made, problem: Problem) -> None:
    assert [one.genome for one in made(PlantedTeacher(RIGHT)).ask()] == list(problem.seeds.values())


def test_one_round_of_lessons_finds_the_planted_weights(made: Made) -> None:
    asked = rounds(made(PlantedTeacher(RIGHT)), 2)

    assert best_of(asked) > 0.9
    assert len(asked) == 2 + PARAMS["candidates"]


def test_lessons_are_on_the_best_and_asking_again_takes_no_more(made: Made, problem: Problem) -> None:
    teacher = PlantedTeacher(RIGHT)
    algorithm = made(teacher)
    rounds(algorithm, 1)

    first, again = algorithm.ask(), algorithm.ask()

    assert first == again
    assert teacher.asked == [(40, 0)]
    best = max(problem.seeds.values(), key=lambda genome: planted_score(genome).fitness)
    assert all(one.parents == (problem.digest(best),) for one in first)


def test_without_progress_lessons_are_longer_and_then_it_breeds(made: Made) -> None:
    teacher = PlantedTeacher(RIGHT)
    algorithm = made(teacher)
    rounds(algorithm, 1)
    value = algorithm.population[0].score.fitness

    rounds(algorithm, 4, lambda genome: Score((value / 2,)))

    assert teacher.asked == [(40, 0), (80, 1)]


def test_progress_by_breeding_leads_to_new_lessons(made: Made) -> None:
    teacher = PlantedTeacher(RIGHT)
    algorithm = made(teacher)
    rounds(algorithm, 1)
    rounds(algorithm, 3, lambda genome: Score((0.1,)))
    assert len(teacher.asked) == 2

    rounds(algorithm, 1, lambda genome: Score((9.0,)))
    rounds(algorithm, 1)

    assert teacher.asked[2:] == [(40, 2)]


def test_it_breeds_where_lessons_teach_nothing(made: Made, problem: Problem) -> None:
    algorithm = made(PlantedTeacher({}))
    algorithm.teacher.lessons = lambda phenotype, decisions, turn: planted_lessons({}, 0)  # type: ignore[method-assign]

    asked = rounds(algorithm, 20)

    assert best_of(asked) > best_of(list(problem.seeds.values())) + 0.1


def test_a_restored_search_goes_on_exactly(made: Made) -> None:
    through = made(PlantedTeacher(RIGHT))
    states, asked = [], []
    for _ in range(10):
        states.append(json.dumps(through.state(), allow_nan=False))
        asked.append(through.ask())
        through.tell([planted_score(one.genome) for one in through.ask()])

    for generation, state in enumerate(states):
        again = made(PlantedTeacher(RIGHT))
        again.restore(json.loads(state))
        assert again.generation == generation
        assert again.ask() == asked[generation]


def test_a_problem_without_routing_is_refused() -> None:
    scheduling = {"kind": "answer", "policies": ["fcfs", "sjf"]}
    problem = Problem.from_mapping("problem", {"genes": {"scheduling": scheduling}})
    params = policy_iteration.Params.from_mapping("algorithm", PARAMS)

    with pytest.raises(ConfigError, match="must have a gene 'routing'"):
        policy_iteration.search(problem, params, partial(stream, 1, "search"), [], PlantedTeacher(RIGHT))


@pytest.mark.parametrize(
    ("key", "value"),
    [("decisions", 0), ("candidates", 0), ("population", 1), ("crossover", 2), ("tournament", 0), ("patience", 0)],
)
def test_values_out_of_range_are_refused(key: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"algorithm.{key} must be"):
        policy_iteration.Params.from_mapping("algorithm", {**PARAMS, key: value})
