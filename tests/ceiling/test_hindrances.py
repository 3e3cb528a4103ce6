"""Where a look-ahead cannot tell what decisions are worth, it says so."""

from typing import Any

import pytest

from blis.foundation.errors import ConfigError
from blis.scenario import Scenario
from evolve.ceiling.hindrances import hindrances
from evolve.ceiling.lookahead import Looking
from evolve.ceiling.measuring import reach
from evolve.trials.workloads import prepare
from tests.ceiling.conftest import CLUSTER, CROWDED, ROUND_ROBIN

PARTS: list[tuple[str, dict[str, Any]]] = [
    ("a gateway", {"gateway": {"request_timeout_s": None}}),
    ("autoscaling", {"autoscaling": {"minimum": 1, "maximum": 4}}),
    ("failures", {"failures": [{"at_s": 1, "instance": 0}]}),
    ("kv_tiers", {"kv_tiers": {"tiers": [{"device": "cpu-pcie5", "capacity_gb": 10}]}}),
    ("disaggregation", {"disaggregation": {}}),
    (
        "instances of the role encode",
        {"instances": [{"count": 2}, {"count": 1, "role": "encode"}], "encoder": {"us_per_token": 12}},
    ),
    ("clients that give up", {"request_timeout_s": 10}),
]


@pytest.mark.parametrize(("name", "part"), PARTS, ids=[name for name, _ in PARTS])
def test_what_no_look_ahead_foresees_is_named(name: str, part: dict[str, Any]) -> None:
    scenario = Scenario.from_mapping({"cluster": CLUSTER | part, "workload": CROWDED})

    assert hindrances(scenario) == [name]


def test_plain_instances_hinder_nothing_and_swapping_does_not_either() -> None:
    for part in ({}, {"swap": {}}):
        assert hindrances(Scenario.from_mapping({"cluster": CLUSTER | part, "workload": CROWDED})) == []


def test_clients_that_come_again_are_not_foreseen() -> None:
    again = {**CROWDED, "retries": {"attempts": 1}}

    assert hindrances(Scenario.from_mapping({"cluster": CLUSTER, "workload": again})) == ["clients that come again"]


def test_nobody_looks_ahead_there() -> None:
    prepared = prepare({"cluster": {**CLUSTER, **PARTS[3][1]}, "workload": CROWDED})

    with pytest.raises(ConfigError, match=r"ceiling: a look-ahead needs .*; got a scenario with kv_tiers"):
        reach(prepared, ROUND_ROBIN, Looking(1.0, 1), {}, 5)
