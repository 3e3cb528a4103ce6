"""Everything that a fleet decides: every answer that ships is a genome, and a first one that a search begins with."""

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from blis.foundation.answers import choices
from blis.foundation.files import conf_folder
from evolve.problem import Problem

#: What shows how bad a policy can be, and what knows the future.
NOT_TO_BE_FOUND = {
    "admission": {"reject-all"},
    "scheduling": {"reverse-priority"},
    "scaling": {"oscillator"},
    "eviction": {"belady"},
}


@pytest.fixture(scope="module")
def fleet() -> Problem:
    with initialize_config_dir(str(conf_folder().resolve()), version_base="1.3"):
        composed = compose("evolve", ["problem=fleet"])
    return Problem.from_mapping("problem", OmegaConf.to_container(composed.problem, resolve=True))


@pytest.mark.parametrize(
    "question",
    ["admission", "scheduling", "preemption", "saturation", "fairness", "queue_order", "ceiling", "scaling", "eviction",
     "tiering", "tier_eviction", "tier_writing", "preemption_mode", "disaggregation", "encoding"],
)  # fmt: skip
def test_every_shipped_answer_is_a_first_genome(fleet: Problem, question: str) -> None:
    first = {fleet.decode(one).policies[question]["policy"] for one in fleet.seeds.values()}

    assert first == set(choices(question)) - NOT_TO_BE_FOUND.get(question, set())


def test_what_is_best_of_each_part_is_tried_together(fleet: Problem) -> None:
    policies = fleet.decode(fleet.seeds["by-part"]).policies

    assert policies["routing"]["policy"] == "preble"
    assert policies["disaggregation"]["policy"] == "drift-plus-penalty"
    assert policies["encoding"]["policy"] == "queue-threshold"
