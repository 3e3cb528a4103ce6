"""How a policy may be named, and what is said of anything else."""

from typing import Any

import pytest

from blis.foundation.errors import ConfigError
from blis.policies.binding import bind
from evolve.problem import Problem

WEIGHTS = {"genes": {"routing": {"kind": "weights", "scorers": ["queue-depth", "kv-utilization"]}}}


@pytest.mark.parametrize("choice", [None, 3, True, float("nan"), [], [1, 2], [["policy", "weighted"]]])
def test_neither_name_nor_mapping_is_refused_wherever_it_comes_from(choice: Any) -> None:
    said = "routing must be a policy's name, or a mapping with the key 'policy'; got"

    with pytest.raises(ConfigError, match=f"^{said}"):
        bind("routing", "routing", choice)
    if choice is not None:  # which is a question without an answer there
        with pytest.raises(ConfigError, match=f"^problem.seeds.mine.{said}"):
            Problem.from_mapping("problem", {**WEIGHTS, "seeds": {"mine": {"routing": choice}}})


def test_a_name_and_a_mapping_of_it_are_one_policy() -> None:
    by_name, by_mapping = (bind("routing", "routing", choice) for choice in ("lmetric", {"policy": "lmetric"}))

    assert by_name.name == by_mapping.name
    assert by_name.parameters.tolist() == by_mapping.parameters.tolist()
