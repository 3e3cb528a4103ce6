"""Every policy that encodes apart is a genome, and a first one."""

import pytest

from blis.foundation.answers import choices
from tests.genomes.problems import problem


@pytest.mark.parametrize("name", choices("encoding"))
def test_every_shipped_answer_is_a_genome_and_a_first_one(name: str) -> None:
    searched = problem("epd")

    genome = searched.encode({"routing": "least-loaded", "encode_routing": "least-loaded", "encoding": name})

    assert genome is not None
    assert searched.decode(genome).policies["encoding"]["policy"] == name
    first = {searched.decode(one).policies["encoding"]["policy"] for one in searched.seeds.values()}
    assert name in first


def test_who_encodes_has_weights_of_its_own() -> None:
    searched = problem("epd")
    by_queue = {"policy": "weighted", "scorers": {"queue-depth": 1}}

    genome = searched.encode({"routing": "least-loaded", "encode_routing": by_queue, "encoding": "always-multimodal"})

    assert genome is not None
    policies = searched.decode(genome).policies
    assert [one["name"] for one in policies["routing"]["scorers"]] == ["load-balance"]
    assert [one["name"] for one in policies["encode_routing"]["scorers"]] == ["queue-depth"]
