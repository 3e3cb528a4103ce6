"""How much the router remembers of what it sent where."""

from typing import Any

import pytest

from blis.foundation.errors import ConfigError
from blis.prepare import prepare
from blis.scenario import Scenario
from blis.simulate import Simulation

CLUSTER = {"instances": 2, "kv_blocks": 40, "latency": {"kind": "affine", "alpha_us": [1, 1, 1], "beta_us": [9, 1, 1]}}
WORKLOAD = {
    "kind": "distribution", "num_requests": 200, "rate": 1000, "prompt_tokens_mean": 100, "prompt_tokens_min": 90,
    "prompt_tokens_max": 110, "prompt_tokens_stdev": 5, "output_tokens_mean": 3, "output_tokens_min": 3,
    "output_tokens_max": 3, "output_tokens_stdev": 0,
}  # fmt: skip


def remembered(semantics: str = "corrected", **cluster: Any) -> list[int]:
    """Blocks of each instance in the router's index after a run of 200 prompts of about six blocks."""
    mapping = {
        "cluster": CLUSTER | cluster, "workload": WORKLOAD, "semantics": semantics, "horizon_us": 10_000_000,
        "policies": {"routing": {"policy": "weighted", "scorers": "prefix-affinity:1,active-requests:1"}},
    }  # fmt: skip
    scenario = Scenario.from_mapping(mapping)
    simulation = Simulation(scenario.requests(1), prepare(scenario)).run()
    return [int(count) for count in simulation.state.router.runs.references[:2]]


def test_the_router_remembers_as_many_blocks_as_an_instance_has() -> None:
    assert remembered() == [40, 40]


def test_the_router_of_the_reference_remembers_more_than_these_prompts_have() -> None:
    assert 400 < sum(remembered("reference-2026-04")) < 10_000


@pytest.mark.parametrize("semantics", ["corrected", "reference-2026-04"])
def test_the_size_of_the_index_can_be_chosen_under_any_semantics(semantics: str) -> None:
    assert remembered(semantics, router_index_blocks=7) == [7, 7]


def test_an_index_without_room_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"cluster\.router_index_blocks must be an int in \[1, "):
        remembered(router_index_blocks=0)
