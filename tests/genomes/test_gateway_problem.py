"""Every policy of a gateway is a genome, a first one and a rival; at a gateway they differ in what they do."""

from typing import Any

import pytest

from blis.cluster.gateway import Gateway
from blis.foundation.answers import GATEWAY_QUESTIONS, choices
from blis.outcome import outcome
from tests.gateway import small_gateway
from tests.gateway.test_gateway_laws import random_requests
from tests.genomes.problems import problem

ANSWERS = [(question, name) for question in GATEWAY_QUESTIONS for name in choices(question)]


@pytest.mark.parametrize(("question", "name"), ANSWERS)
def test_every_shipped_answer_is_a_genome_that_decodes_to_it(question: str, name: str) -> None:
    searched = problem("gateway")

    genome = searched.encode({"routing": "shortest-expected-work", question: name})

    assert genome is not None
    assert searched.decode(genome).policies[question]["policy"] == name


@pytest.mark.parametrize(("question", "name"), ANSWERS)
def test_every_shipped_answer_is_among_the_first_genomes(question: str, name: str) -> None:
    searched = problem("gateway")

    first = {searched.decode(genome).policies[question]["policy"] for genome in searched.seeds.values()}

    assert name in first


def test_a_gateway_tells_first_genomes_apart() -> None:
    searched = problem("gateway")

    def waits_us(policies: dict[str, Any]) -> bytes:
        simulation = small_gateway.simulation(random_requests(3, 80), Gateway(), policies)
        found = outcome(simulation.run()).gateway
        assert found is not None
        return bytes(found.wait_us.tobytes())

    different = {waits_us(dict(searched.decode(genome).policies)) for genome in searched.seeds.values()}

    assert len(different) >= 3
