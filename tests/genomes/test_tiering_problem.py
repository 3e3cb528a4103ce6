"""Every policy of tiers is a genome, together with every other one, and a first one."""

from itertools import product

import numpy as np
import pytest

from blis.foundation.answers import choices
from tests.genomes.problems import problem

QUESTIONS = ("tiering", "tier_eviction", "tier_writing")
ROUTING = {"policy": "weighted", "scorers": {"tiered-prefix": 3, "queue-depth": 2, "kv-utilization": 2}}


@pytest.mark.parametrize(("question", "name"), [(one, name) for one in QUESTIONS for name in choices(one)])
def test_every_shipped_answer_is_a_genome_and_a_first_one(question: str, name: str) -> None:
    searched = problem("tiering")

    genome = searched.encode({"routing": ROUTING, question: name})

    assert genome is not None
    assert searched.decode(genome).policies[question]["policy"] == name
    assert name in {searched.decode(first).policies[question]["policy"] for first in searched.seeds.values()}


def test_all_that_ships_can_be_had_together() -> None:
    searched = problem("tiering")

    for names in product(*map(choices, QUESTIONS)):
        genome = searched.encode({"routing": ROUTING} | dict(zip(QUESTIONS, names, strict=True)))
        assert genome is not None
        policies = searched.decode(genome).policies
        assert tuple(policies[question]["policy"] for question in QUESTIONS) == names


def test_each_tier_may_get_a_rule_of_its_own() -> None:
    searched, random = problem("tiering"), np.random.default_rng(3)

    drawn = [searched.decode(searched.sample(random)).policies["tier_eviction"] for _ in range(200)]

    rules = {tuple(one[f"tier_{place}"] for place in (1, 2)) for one in drawn if one["policy"] == "by-tier"}
    assert rules == {(0, 0), (0, 1), (1, 0), (1, 1)}
