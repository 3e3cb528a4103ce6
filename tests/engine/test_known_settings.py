"""The kernel without what few clusters have does what the kernel for everything does."""

from typing import Any

import numpy as np
import pytest

from blis.engine.setting_fields import SETTING_NAMES, has_known_settings, setting_record
from blis.prepare import prepare
from blis.scenario import Scenario
from blis.simulate import Simulation

PRICES = {"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": [5000, 30, 20]}
PLAIN: dict[str, Any] = {
    "cluster": {"instances": 3, "kv_blocks": 300, "max_running_requests": 12, "latency": PRICES},
    "workload": {"kind": "distribution", "num_requests": 400, "rate": 60, "prefix_groups": 5, "prefix_tokens": 64},
}
POLICIES: list[dict[str, Any]] = [
    {},
    {"routing": {"policy": "weighted", "scorers": "prefix-affinity:3,queue-depth:2"}, "scheduling": "sjf"},
    {"admission": {"policy": "token-bucket", "capacity_tokens": 3000, "refill_tokens_per_s": 20_000}},
    {"priority": "slo-based", "scheduling": "priority-fcfs"},
]


@pytest.mark.parametrize("policies", POLICIES)
def test_both_kernels_do_the_same(policies: dict[str, Any]) -> None:
    scenario = Scenario.from_mapping(PLAIN | {"policies": policies})
    without, with_all = (Simulation(scenario.requests(7), prepare(scenario), seed=7) for _ in range(2))
    assert has_known_settings(without.settings)
    values = {name: int(without.settings[name]) for name in SETTING_NAMES}
    with_all.settings = setting_record(**values | {"has_fleet": 1})
    with_all.settings["has_fleet"] = 0
    assert not has_known_settings(with_all.settings)

    for one in (without, with_all):
        one.run()

    assert without.state.requests.tobytes() == with_all.state.requests.tobytes()
    assert without.state.instances.tobytes() == with_all.state.instances.tobytes()


@pytest.mark.parametrize(
    ("cluster", "policies"),
    [
        ({"gateway": {}}, {}),
        ({"kv_tiers": {"tiers": [{"device": "cpu-pcie5", "capacity_blocks": 500}], "kv_bytes_per_token": 1000}}, {}),
        ({"autoscaling": {"maximum": 4, "load_s": 1}}, {}),
        ({"swap": {"kv_bytes_per_token": 1000}}, {"preemption_mode": "swap"}),
        ({"request_timeout_s": 60}, {}),
        ({}, {"eviction": "arc"}),
    ],
)
def test_whoever_has_more_gets_the_kernel_for_everything(cluster: dict[str, Any], policies: dict[str, Any]) -> None:
    scenario = Scenario.from_mapping(PLAIN | {"cluster": PLAIN["cluster"] | cluster, "policies": policies})

    simulation = Simulation(scenario.requests(7), prepare(scenario))

    assert not has_known_settings(simulation.settings)


def test_a_record_says_what_it_was_given_whatever_its_type() -> None:
    for known in (0, 1):
        values = {name: place for place, name in enumerate(SETTING_NAMES)} | {"has_gateway": known}

        record = setting_record(**values)

        assert [int(record[name]) for name in SETTING_NAMES] == list(values.values())
        assert np.dtype(record.dtype).itemsize == 8 * len(SETTING_NAMES)
