"""No search may have a policy that reads the future, however it would come in."""

from typing import Any

import pytest

from blis.foundation.errors import ConfigError
from evolve.judging.baselines import read_baselines, read_policies
from evolve.problem import Problem
from tests.genomes.problems import problem

GENE = {"kind": "answer", "policies": ["lru", "arc"]}
SAID = r"must not be 'belady' in a search: it reads the future"


@pytest.mark.parametrize(
    ("where", "mapping"),
    [
        ("problem.genes.eviction.policies[2]", {"genes": {"eviction": GENE | {"policies": ["lru", "arc", "belady"]}}}),
        ("problem.frozen.eviction", {"genes": {"routing": {"kind": "program"}}, "frozen": {"eviction": "belady"}}),
        ("problem.seeds.best.eviction", {"genes": {"eviction": GENE}, "seeds": {"best": {"eviction": "belady"}}}),
        ("problem.tuned.eviction", {"tuned": {"routing": "preble", "eviction": "belady"}}),
    ],
)  # fmt: skip
def test_a_problem_refuses_it(where: str, mapping: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=SAID) as error:
        Problem.from_mapping("problem", mapping)

    assert str(error.value).startswith(where)


def test_a_baseline_of_a_search_is_none_either() -> None:
    with pytest.raises(ConfigError, match=rf"baselines\.ceiling\.eviction {SAID}"):
        read_baselines("baselines", {"ceiling": {"eviction": "belady"}}, problem("eviction"))


def test_a_comparison_may_have_it() -> None:
    found = read_policies("policies", {"ceiling": {"eviction": "belady"}})

    assert found["ceiling"].policies["eviction"] == {"policy": "belady"}
