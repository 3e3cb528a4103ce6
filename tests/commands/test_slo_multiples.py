"""Targets as multiples of what the class's median request takes alone."""

import math
from typing import Any

import pytest

from blis.foundation.errors import ConfigError
from blis.foundation.slo_targets import SloTarget
from blis.result import simulate
from blis.scenario import Scenario
from blis.scenario_file import names, read_scenario

# a prompt token takes 10 µs, a step 1 ms, a decode 100 µs on top
CLUSTER = {"kv_blocks": 1000, "latency": {"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": [1000, 10, 100]}}


def client(name: str, prompt_tokens: int, output_tokens: int, **changes: Any) -> dict[str, Any]:
    lengths = {
        f"{part}_distribution": {"type": "constant", "params": {"value": value}}
        for part, value in (("input", prompt_tokens), ("output", output_tokens))
    }
    return {"id": name, "rate_fraction": 1.0, "arrival": {"process": "poisson"}, **lengths, **changes}


def targets(slo: dict[str, Any], *clients: dict[str, Any], **changes: Any) -> Any:
    workload = {"kind": "spec", "rate": 3.0, "num_requests": 50, "spec": {"aggregate_rate": 1, "clients": [*clients]}}
    return Scenario.from_mapping({"cluster": CLUSTER, "workload": workload, "slo": slo, **changes}).slo


def test_each_class_is_measured_by_its_own_median() -> None:
    slo = targets(
        {"critical": {"ttft_multiple": 5, "itl_multiple": 2}, "default": {"e2e_multiple": 3, "itl_ms": 9}},
        client("small", 100, 11, slo_class="critical"),
        client("large", 1000, 21, slo_class="batch"),
        client("plain", 200, 1),
    )

    assert slo.of("critical") == SloTarget(ttft_ms=5 * 2.0, itl_ms=2 * 1.1)
    assert slo.of("batch") == SloTarget(itl_ms=9.0, e2e_ms=pytest.approx(3 * (11.0 + 20 * 1.1)))
    assert slo.of("") == SloTarget(itl_ms=9.0, e2e_ms=3 * 3.0)


def test_a_class_that_nobody_sends_is_measured_by_everybody() -> None:
    slo = targets({"batch": {"ttft_multiple": 2}}, client("only", 100, 5, slo_class="critical"))

    assert slo.of("batch") == SloTarget(ttft_ms=4.0)
    assert slo.of("critical") == SloTarget()


def test_there_is_no_time_between_tokens_of_a_single_token() -> None:
    slo = targets({"default": {"itl_multiple": 2, "ttft_multiple": 1}}, client("one", 100, 1))

    assert slo.of("") == SloTarget(ttft_ms=2.0)


def test_promise_depends_neither_on_seed_nor_on_length_nor_on_load() -> None:
    scenario = read_scenario("unfair")

    promised = {
        repr(Scenario.from_mapping({**scenario.mapping(load, count), "seed": seed}).slo)
        for load, count, seed in ((None, None, 1), (0.3, 100, 2), (2.0, 3000, 3))
    }

    assert len(promised) == 1


def test_faster_hardware_is_promised_more() -> None:
    scenario = read_scenario("unfair")
    mapping = scenario.mapping()
    slower = {**mapping, "cluster": {**mapping["cluster"], "hardware": "L40S"}}

    fast, slow = (Scenario.from_mapping(one).slo.of("realtime") for one in (mapping, slower))

    assert fast.ttft_ms is not None
    assert slow.ttft_ms is not None
    assert fast.ttft_ms < slow.ttft_ms


@pytest.mark.parametrize("name", names())
def test_shipped_targets_are_multiples_that_an_idle_cluster_meets(name: str) -> None:
    scenario = read_scenario(name)
    entries = scenario.slo.values()

    assert all(key.endswith("_multiple") and value >= 1 for entry in entries for key, value in entry.items())
    # Adapters have to be loaded once, which an idle cluster does as well.
    count = 600 if "lora" in scenario.mapping()["cluster"] else 30
    mapping = scenario.mapping(0.02, count) if scenario.load else scenario.mapping(num_requests=5)
    result = simulate(Scenario.from_mapping({**mapping, "policies": {"routing": "least-loaded"}}))
    # half of the lengths are above the median, and some multiples are near one
    assert result.metrics()["slo_attainment"] > 0.4


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, "fast", True, [1]])
def test_a_multiple_is_finite_and_above_zero(value: object) -> None:
    with pytest.raises(ConfigError, match=r"slo.default.ttft_multiple must be a finite number > 0; got"):
        targets({"default": {"ttft_multiple": value}}, client("one", 1, 1))


@pytest.mark.parametrize(
    ("slo", "message"),
    [
        ({"default": {"ttft_multiple": 2, "ttft_ms": 3}}, "must have ttft_ms or ttft_multiple, not both; got 3 and 2"),
        ({"default": {"ttft_multipel": 2}}, "unknown key 'ttft_multipel'; did you mean 'ttft_multiple'"),
        ({"defalt": {"ttft_multiple": 2}}, "unknown key 'defalt'; did you mean 'default'"),
    ],
)
def test_wrong_multiples_are_refused(slo: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        targets(slo, client("one", 1, 1))


def test_a_multiple_of_null_is_none() -> None:
    slo = targets({"default": {"ttft_multiple": None, "e2e_ms": 3}}, client("one", 1, 1))

    assert slo.of("") == SloTarget(e2e_ms=3.0)
