"""Every policy of tiers is a genome, and a first one."""

import pytest

from blis.foundation.answers import choices
from tests.genomes.problems import problem


@pytest.mark.parametrize("name", choices("tiering"))
def test_every_shipped_answer_is_a_genome_and_a_first_one(name: str) -> None:
    searched = problem("tiering")
    routing = {"policy": "weighted", "scorers": {"tiered-prefix": 3, "queue-depth": 2, "kv-utilization": 2}}

    genome = searched.encode({"routing": routing, "tiering": name})

    assert genome is not None
    assert searched.decode(genome).policies["tiering"]["policy"] == name
    assert name in {searched.decode(first).policies["tiering"]["policy"] for first in searched.seeds.values()}
