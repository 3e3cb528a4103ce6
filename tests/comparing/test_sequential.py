"""Comparing until it is sure enough: what it asks for, when it ends, and how often it is wrong."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from blis.fitness.objectives import OBJECTIVES
from evolve.comparing import Objective
from evolve.comparing.sequential import Cell, Precision, compare_until, own_seeds
from evolve.comparing.verdict import is_better, readings
from evolve.records import Phenotype, Record

LATENESS = [Objective("lateness", 1.0, OBJECTIVES["lateness"], lambda record: record.figures["lateness"])]
#: Standard deviations of log gains by scenario, as measured between good policies.
NOISE = {"calm": 0.01, "logs": 0.03, "even": 0.03, "chat": 0.08, "agents": 0.11, "spikes": 0.2, "cliff": 0.3}


class World:
    """Policies with a true gain; the noise of each is its own, and of two peaks in the scenario `cliff`."""

    def __init__(self, trial: int, gains: dict[str, float], noise: dict[str, float] | None = None) -> None:
        self.trial, self.gains, self.noise = trial, gains, noise or NOISE
        self.asked: Counter[tuple[str, str]] = Counter()

    def policy(self, name: str) -> Phenotype:
        return Phenotype({"name": name})

    def measure(self, phenotypes: Sequence[Phenotype], cells: Sequence[Cell]) -> list[list[Record]]:
        return [[self.record(one.policies["name"], *cell) for cell in cells] for one in phenotypes]

    def record(self, name: str, scenario: str, seed: int) -> Record:
        self.asked[name, scenario] += 1
        draw = np.random.default_rng([self.trial, seed, list(self.gains).index(name), list(self.noise).index(scenario)])
        noise = draw.normal() / math.sqrt(2)
        if scenario == "cliff":
            noise = (draw.random() < 0.3) * 1.5 + noise * 0.1
        return Record({"lateness": 10.0 * math.exp(self.noise[scenario] * noise - self.gains[name])}, 10)

    def compared(self, precision: Precision = Precision()):  # noqa: B008
        first, *others = self.gains
        return compare_until(
            self.policy(first), {name: self.policy(name) for name in others}, list(self.noise), LATENESS, self.measure,
            own_seeds(str(self.trial)), precision, 1,
        )  # fmt: skip


def test_equal_policies_are_rarely_called_better() -> None:
    wrong = Counter(World(trial, {"a": 0.0, "b": 0.0}).compared()[0].overall.reading for trial in range(400))

    assert wrong["better"] <= 0.05 * 400
    assert wrong["worse"] <= 0.05 * 400


def test_a_gain_of_five_percent_is_found() -> None:
    found = Counter(
        World(1000 + trial, {"a": math.log(1.05), "b": 0.0}).compared()[0].overall.reading for trial in range(100)
    )

    assert found["better"] >= 80
    assert not found["worse"]


def test_it_ends_when_the_interval_is_narrow_enough_and_runs_go_where_the_noise_is() -> None:
    world = World(1, {"a": 0.0, "b": 0.0})

    (found,) = world.compared(Precision(half_width=0.03, most_runs=100_000))

    assert found.overall.half_width <= 0.03
    assert world.asked["a", "calm"] == world.asked["b", "calm"] < 10
    assert world.asked["a", "cliff"] > 2 * world.asked["a", "chat"] > 2 * world.asked["a", "calm"]
    assert found.overall.n_pairs == sum(world.asked["a", name] for name in NOISE)
    assert found.noisiest[0] in ("cliff", "spikes")


def test_it_ends_with_its_budget_and_asks_for_each_run_once() -> None:
    world = World(2, {"a": 0.0, "b": 0.0})

    (found,) = world.compared(Precision(half_width=0.0001, most_runs=101))

    assert found.overall.n_pairs == 101
    assert world.asked.total() == 2 * 101


def test_who_is_clearly_behind_is_not_measured_any_further() -> None:
    world = World(3, {"a": 0.0, "b": -0.02, "far": -1.0})

    near, far = world.compared()

    assert near.overall.n_pairs > far.overall.n_pairs == 6 * len(NOISE)
    assert far.overall.reading == "better"


def test_who_comes_back_into_question_is_measured_on_the_same_runs() -> None:
    world = World(4, {"a": 0.0, "b": 0.0, "c": -0.05, "d": -0.05, "e": -0.06})

    for one in world.compared(Precision(half_width=0.02, most_runs=600)):
        assert one.overall.n_pairs <= 600
        for name, effect in one.scenarios.items():
            assert effect.n_pairs == world.asked[one.rival, name]


def test_nothing_more_is_asked_where_nothing_varies() -> None:
    world = World(5, {"a": 0.1, "b": 0.0}, dict.fromkeys(("log", "other log"), 0.0))

    (found,) = world.compared()

    assert world.asked["a", "log"] == Precision().first_seeds
    assert found.overall.gain_percent == pytest.approx(100 * math.expm1(0.1))
    assert is_better([found])


def test_seeds_belong_to_one_comparison_alone() -> None:
    mine, theirs = own_seeds("mine"), own_seeds("theirs")

    assert [mine(place) for place in range(50)] == [mine(place) for place in range(50)]
    assert len({*(mine(place) for place in range(1000)), *(theirs(place) for place in range(1000))}) == 2000
    assert all(0 <= mine(place) < 2**53 for place in range(1000))


def test_of_many_equal_rivals_hardly_any_is_called_worse_or_better() -> None:
    wrong = 0
    for trial in range(60):
        comparisons = World(5000 + trial, dict.fromkeys("abcdefghijk", 0.0)).compared(Precision(most_runs=1))
        wrong += any(reading != "unclear" for reading in readings(comparisons))

    assert wrong <= 6
