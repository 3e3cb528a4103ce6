from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from blis.engine._jit import plain
from blis.engine.program import STACK_SIZE, encode, evaluate_routing
from blis.foundation.errors import ConfigError
from evolve.genomes import program, weights
from evolve.genomes.expression import parse
from evolve.learning import formulas
from evolve.learning import weights as weights_learner
from evolve.learning.evaluating import values
from evolve.learning.ranking import fitted, pairs_of
from evolve.learning.routing import learnt, pupils_of
from evolve.problem import Problem
from tests.learning.lessons import planted_lessons

SCORERS = ["prefix-affinity", "queue-depth", "kv-utilization", "active-requests"]
GENE = weights.GeneKind.from_mapping("routing", "gene", {"scorers": SCORERS})
FORMULA = program.GeneKind.from_mapping("routing", "gene", {})


def shares(value: dict[str, int]) -> np.ndarray:
    found = np.array([value.get(name, 0) for name in SCORERS], float)
    return found / found.sum()


def test_lessons_reveal_the_right_weights() -> None:
    lessons = planted_lessons({"prefix-affinity": 0.6, "active-requests": 0.3, "queue-depth": 0.1}, noise=0.02)

    best = weights_learner.learn(GENE, lessons, None)[0]

    assert shares(best) == pytest.approx([0.6, 0.1, 0.0, 0.3], abs=0.05)


def test_a_signal_that_misleads_gets_no_weight() -> None:
    lessons = planted_lessons({"prefix-affinity": 0.6, "queue-depth": -0.6})

    assert all("queue-depth" not in value for value in weights_learner.learn(GENE, lessons, None))


def test_half_way_to_the_incumbent_is_proposed() -> None:
    lessons = planted_lessons({"prefix-affinity": 1.0})

    learnt_alone = weights_learner.learn(GENE, lessons, None)
    beside = weights_learner.learn(GENE, lessons, {"kv-utilization": 1})[len(learnt_alone) :]

    assert beside
    assert all(shares(value)[2] == pytest.approx(0.5, abs=0.01) for value in beside)


def test_a_sum_of_features_is_found() -> None:
    lessons = planted_lessons({"in_flight_requests": -2.0, "used_share": -1.0}, noise=0.01)

    sums = formulas.learn(FORMULA, lessons, None)

    columns = dict(
        zip(["in_flight_requests", "used_share"], [lessons.features[:, 6], lessons.features[:, 4]], strict=True)
    )
    two = next(parse(text) for text in sums if {"in_flight_requests", "used_share"} == _features(text))
    ranks = values(two, columns).reshape(-1, 4).argmax(axis=1)
    truth = (-2.0 * columns["in_flight_requests"] - columns["used_share"]).reshape(-1, 4).argmax(axis=1)
    assert (ranks == truth).mean() > 0.95


def test_formulas_keep_to_what_the_gene_allows() -> None:
    lessons = planted_lessons({"in_flight_requests": -2.0, "used_share": -1.0})
    small = program.GeneKind.from_mapping(
        "routing", "gene", {"features": ["used_share", "queued_requests"], "max_words": 5}
    )

    for text in formulas.learn(small, lessons, None):
        assert small.check("formula", text) == text


def test_nothing_is_learnt_from_nothing() -> None:
    nothing = planted_lessons({}, n_decisions=0)
    indifferent = planted_lessons({}, noise=0.0)

    for lessons in (nothing, indifferent):
        assert weights_learner.learn(GENE, lessons, {"queue-depth": 1}) == []
        assert formulas.learn(FORMULA, lessons, "effective_load neg") == []


def test_scenarios_count_alike_and_single_decisions_little() -> None:
    lessons = planted_lessons({"queue-depth": 1.0})
    lessons.scenario[120:] = 1
    lessons.advantage[:, 120:] *= 1000.0
    lessons.advantage[:, 5] = 1e9

    pairs = pairs_of(lessons, 0)

    first = lessons.scenario[pairs.better] == 0
    assert pairs.weight[first].sum() == pytest.approx(0.5)
    assert pairs.weight.max() < 0.02


def test_a_fit_does_not_depend_on_the_order_of_pairs() -> None:
    lessons = planted_lessons({"queue-depth": 1.0, "kv-utilization": 0.5})
    pairs = pairs_of(lessons, 0)
    turned = type(pairs)(*(column[::-1] for column in pairs))

    assert fitted(lessons.scores, turned, 1e-3) == pytest.approx(fitted(lessons.scores, pairs, 1e-3), abs=1e-6)


@pytest.mark.parametrize(
    "formula",
    ["queued_requests running_requests div", "used_share log1p neg 2 max", "queued_requests used_share less",
     "used_share queued_requests 3 if", "used_share 0.5 sub abs sqrt", "queued_requests queued_requests sub 1 div"],
)  # fmt: skip
def test_formulas_over_many_rows_are_those_of_the_engine(formula: str) -> None:
    random = np.random.default_rng(2)
    names = ["queued_requests", "running_requests", "used_share"]
    columns = {name: np.where(random.random(30) < 0.3, 0.0, random.standard_normal(30)) for name in names}

    found = np.broadcast_to(values(parse(formula), columns), 30)

    for row in range(30):
        assert found[row] == pytest.approx(
            _engine(formula, {name: one[row] for name, one in columns.items()}), abs=1e-12
        )


def test_a_problem_without_routing_to_learn_is_refused() -> None:
    problem = Problem.from_mapping(
        "problem", {"genes": {"scheduling": {"kind": "answer", "policies": ["fcfs", "sjf"]}}}
    )

    with pytest.raises(ConfigError, match=r"policy_iteration must have a gene 'routing' .* got scheduling. Choose ga"):
        pupils_of(problem)


def test_of_several_ways_those_that_can_learn_do() -> None:
    ways = [
        {"kind": "answer", "policies": ["lmetric", "preble"]},
        {"kind": "weights", "scorers": SCORERS},
        {"kind": "program"},
    ]
    problem = Problem.from_mapping("problem", {"genes": {"routing": {"kind": "either", "ways": ways}}})
    incumbent = problem.encode({"routing": "preble"})
    lessons = planted_lessons({"prefix-affinity": 1.0, "in_flight_requests": -1.0})

    found = learnt(pupils_of(problem), lessons, incumbent)

    assert {genome["routing"]["way"] for genome in found} == {1, 2}
    assert all(problem.check("genome", genome) == genome for genome in found)


def _features(text: str) -> set[str]:
    return {word for word in text.split() if "_" in word}


def _engine(formula: str, row: dict[str, float]) -> float:
    """The value by the engine's own interpreter, with features put in as constants."""
    constants = encode("formula", " ".join(str(row.get(word, word)) for word in formula.split()), "routing")
    alone: Any = SimpleNamespace(candidates=np.zeros(1, int))
    found = np.zeros(1)
    plain(evaluate_routing)(constants, np.zeros(STACK_SIZE), alone, alone, found)
    return float(found[0])
