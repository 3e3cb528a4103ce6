"""Every policy that divides requests is a genome, a first one and a rival; in two pools they differ in what they do."""

import pytest

from blis.cluster.disaggregation import Disaggregation
from blis.foundation.answers import choices
from tests.disaggregation.small_pools import cluster, instance, requests, run
from tests.genomes.problems import problem

ANSWERS = choices("disaggregation")


@pytest.mark.parametrize("name", ANSWERS)
def test_every_shipped_answer_is_a_genome_that_decodes_to_it(name: str) -> None:
    searched = problem("pd")
    choice = {"policy": name, "mode": "isl-or-load"} if name == "conditional" else name

    genome = searched.encode({"routing": "least-loaded", "disaggregation": choice})

    assert genome is not None
    policies = searched.decode(genome).policies
    assert policies["disaggregation"]["policy"] == name
    # What is left to the routing policy has its weights.
    assert policies["prefill_routing"]["scorers"] == policies["routing"]["scorers"]


@pytest.mark.parametrize("name", ANSWERS)
def test_every_shipped_answer_is_among_the_first_genomes(name: str) -> None:
    searched = problem("pd")

    first = {searched.decode(genome).policies["disaggregation"]["policy"] for genome in searched.seeds.values()}

    assert name in first


def test_both_routers_have_weights_of_their_own() -> None:
    searched = problem("pd")
    weighted = {"policy": "weighted", "scorers": {"queue-depth": 1}}

    genome = searched.encode({"routing": "least-loaded", "prefill_routing": weighted, "disaggregation": "always"})

    assert genome is not None
    policies = searched.decode(genome).policies
    assert [one["name"] for one in policies["routing"]["scorers"]] == ["load-balance"]
    assert [one["name"] for one in policies["prefill_routing"]["scorers"]] == ["queue-depth"]


def test_two_pools_tell_first_genomes_apart() -> None:
    searched = problem("pd")
    arriving = requests(list(range(0, 60_000, 900)), input_tokens=[40, 900, 300, 2500] * 16 + [40, 900, 300])
    made = cluster(instance("prefill"), instance("decode"), instance("decode"), divided=Disaggregation())

    different = {
        run(arriving, made, dict(searched.decode(genome).policies)).requests.ttft_us.tobytes()
        for genome in searched.seeds.values()
    }

    assert len(different) >= 4
