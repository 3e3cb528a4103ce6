"""Every answer to what becomes of a victim's blocks is a genome and a first one, and its numbers are searched."""

from dataclasses import replace

import numpy as np
import pytest

from blis.cluster.swap_space import SwapPlan, SwapSpace
from blis.foundation.answers import choices
from blis.outcome import outcome
from blis.policies.prepared import prepare_policies
from blis.prepare import prepare_cluster, prepared_run
from blis.simulate import Simulation
from tests.genomes.problems import problem
from tests.genomes.simulated import scenarios

ROUTING = {"policy": "weighted", "scorers": {"prefix-affinity": 3, "queue-depth": 2, "kv-utilization": 2}}


@pytest.mark.parametrize("name", choices("preemption_mode"))
def test_every_shipped_answer_is_a_genome_and_a_first_one(name: str) -> None:
    searched = problem("swapping")

    genome = searched.encode({"routing": ROUTING, "preemption_mode": name})

    assert genome is not None
    assert searched.decode(genome).policies["preemption_mode"]["policy"] == name
    first = {searched.decode(one).policies["preemption_mode"]["policy"] for one in searched.seeds.values()}
    assert name in first


def test_numbers_of_the_rules_are_searched() -> None:
    searched, random = problem("swapping"), np.random.default_rng(5)

    drawn = [searched.decode(searched.sample(random)).policies["preemption_mode"] for _ in range(60)]

    for policy, number in (("minimum-tokens", "minimum_tokens"), ("break-even", "worth")):
        assert len({one[number] for one in drawn if one["policy"] == policy}) > 5


def test_a_candidate_runs_where_there_is_swap_space_and_where_there_is_none() -> None:
    """There nobody asks: one policy set serves clusters that differ in what they have."""
    policies = prepare_policies({"preemption_mode": "swap"})
    requests, cluster = scenarios()[1]
    swap = SwapSpace(SwapPlan.from_mapping("swap", {"capacity_blocks": 40}), (4000.0,) * 3, (1,) * 3)

    without, within = (
        outcome(Simulation(requests, prepared_run(prepare_cluster(one), policies)).run())
        for one in (cluster, replace(cluster, swap=swap))
    )

    assert without.instances.preemptions.sum() > 0
    assert without.swap is None
    assert within.swap is not None
    assert within.swap.spaces.out_requests.sum() > 0
