"""What a cluster says of instances that come and go: what is wrong gets one line, what is left out follows."""

from typing import Any

import numpy as np
import pytest

from blis.cluster.deployment import build_cluster
from blis.cluster.expected_prices import expected_prices
from blis.cluster.fleet import fleet_tables
from blis.cluster.plan import cluster_plan
from blis.cluster.start_up import StartUp
from blis.foundation.errors import ConfigError

AFFINE = {"latency": {"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": [5000, 20, 30]}, "kv_blocks": 100}
LLAMA = {"model": "meta-llama/llama-3.1-8b-instruct", "hardware": "H100", "tensor_parallel": 1}
NAN = float("nan")


def scaled(**autoscaling: Any) -> dict[str, Any]:
    return AFFINE | LLAMA | {"instances": 2, "autoscaling": {"maximum": 4} | autoscaling}


@pytest.mark.parametrize(
    ("autoscaling", "message"),
    [
        ({"minimum": 5}, "cluster.autoscaling.minimum must be at most the maximum, 4; got 5."),
        ({"minimum": 3}, "every pool must begin with at least its minimum and at most its maximum, 3 to 4"),
        ({"maximum": 1}, "at least its minimum and at most its maximum, 1 to 1"),
        ({"minimum": 0}, "cluster.autoscaling.minimum must leave at least one instance in one of the pools; got 0."),
        ({"minimum": -1}, "cluster.autoscaling.minimum must be an int in [0, 100000] [instances]; got -1."),
        ({"maximum": 2.5}, "cluster.autoscaling.maximum must be an int"),
        ({"maximum": [4, 4]}, "cluster.autoscaling.maximum must be one number, or one for each of the 1 pools; got 2"),
        ({"minimum": []}, "cluster.autoscaling.minimum must be one number, or one for each of the 1 pools; got 0"),
        ({"tick_s": 0}, "cluster.autoscaling.tick_s must be a finite number > 0"),
        ({"tick_s": NAN}, "cluster.autoscaling.tick_s must be a finite number > 0"),
        ({"tick_s": 1e-9}, "cluster.autoscaling.tick_s must be at least a microsecond; got 1e-09."),
        ({"reading_age_s": 16}, "cluster.autoscaling.reading_age_s must be a finite number in [0, 15] [s]; got 16."),
        ({"actuation_delay_s": -1}, "cluster.autoscaling.actuation_delay_s must be a finite number in [0, 15]"),
        ({"load_s": float("inf")}, "cluster.autoscaling.load_s must be a finite number in [0, "),
        ({"start_up": {"load_gb_per_s": 0}}, "cluster.autoscaling.start_up.load_gb_per_s must be a finite number > 0"),
        ({"start_up": {"compile": 5}}, "unknown key 'compile'; did you mean 'compile_s'?"),
        ({"drain": "handback"}, "cluster.autoscaling.drain: no choice named 'handback'; did you mean 'hand-back'?"),
        ({"inventory": {"H200": 8}}, "cluster.autoscaling.inventory: no choice named 'H200'"),
        ({"inventory": {"H100": 1}}, "cluster.autoscaling.inventory.H100 must hold the 2 GPUs that the pools begin"),
        ({"inventory": {"H100": 0}}, "cluster.autoscaling.inventory.H100 must be an int in [1, "),
        ({"inventory": 8}, "cluster.autoscaling.inventory must be a mapping of kinds of GPU to how many there are"),
        ({"ticks": 5}, "cluster.autoscaling: unknown key 'ticks'; did you mean 'tick_s'?"),
    ],
)  # fmt: skip
def test_wrong_bounds_and_times_are_refused(autoscaling: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        build_cluster(cluster_plan(scaled(**autoscaling)))
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("failures", "message"),
    [
        ("soon", "cluster.failures must be a list of mappings with at_s and instance; got 'soon'."),
        ([{"at_s": 1}], "cluster.failures[0]: key 'instance' is required"),
        ([{"at_s": -1, "instance": 0}], "cluster.failures[0].at_s must be a finite number in [0, "),
        ([{"at_s": NAN, "instance": 0}], "cluster.failures[0].at_s must be a finite number in [0, "),
        ([{"at_s": 1, "instance": 2}], "cluster.failures[0].instance must be an int in [0, 1]; got 2."),
        ([{"at_s": 1, "instance": 0, "recovers_after_s": 0}], "recovers_after_s must be a finite number > 0"),
        ([{"at_s": 1, "instance": 0, "requests": "drop"}], "cluster.failures[0].requests: no choice named 'drop'"),
        ([{"at": 1, "instance": 0}], "cluster.failures[0]: unknown key 'at'; did you mean 'at_s'?"),
    ],
)
def test_wrong_failures_are_refused(failures: object, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        cluster_plan(AFFINE | {"instances": 2, "failures": failures})
    assert message in str(raised.value)


def test_failures_may_name_any_instance_that_there_may_be() -> None:
    plan = cluster_plan(scaled() | {"failures": [{"at_s": 2, "instance": 3}, {"at_s": 1, "instance": 0}]})

    assert [failure.instance for failure in plan.failures] == [0, 3]


def test_a_cluster_has_the_most_instances_that_there_may_be() -> None:
    pools = [{"count": 1}, {"count": 2, "max_running_requests": 8}]
    cluster = build_cluster(cluster_plan(scaled(maximum=[3, 2], minimum=[0, 1]) | {"instances": pools}))
    tables = fleet_tables(cluster)

    assert [one.max_running_requests for one in cluster.instances] == [256] * 3 + [8] * 2
    assert tables is not None
    assert tables.pools.first_instance.tolist() == [0, 3]
    assert tables.pools.end_instance.tolist() == [3, 5]
    assert tables.pools.initial_instances.tolist() == [1, 2]


def test_loading_takes_what_the_steps_take() -> None:
    # 16 GB at 0.5 GB/s, and 52 + 54 + 94 s that do not depend on the size; with everything cached 5 GB/s and less.
    assert StartUp().seconds(16e9) == pytest.approx(232.0)
    assert StartUp(load_gb_per_s=5, compile_s=23, capture_s=7, engine_s=34).seconds(16e9) == pytest.approx(67.2)
    assert StartUp(download_gb_per_s=0.25, node_s=60).seconds(16e9) == pytest.approx(232 + 64 + 60)


def test_loading_follows_from_the_model_unless_it_is_given() -> None:
    def load_s(**autoscaling: Any) -> float:
        fleet = build_cluster(cluster_plan(scaled(**autoscaling))).fleet
        assert fleet is not None
        return fleet.pools[0].load_s

    assert load_s() == pytest.approx(200 + 16.06 / 0.5, abs=0.1)  # 8.03 billion parameters of two bytes
    assert load_s(load_s=12) == 12
    with pytest.raises(ConfigError, match="load_s must be given where a pool has no model to derive it from"):
        build_cluster(cluster_plan(AFFINE | {"instances": 2, "autoscaling": {"maximum": 4}}))


def test_expected_prices_are_those_of_the_latency_model() -> None:
    # A step costs 5000 µs, 20 for each prompt token and 30 for each decode, whatever the contexts.
    (one,) = build_cluster(cluster_plan(AFFINE)).instances

    prices = expected_prices("affine", one)

    assert prices.prefill_us_per_token == pytest.approx(20 + 5000 / 2048, rel=1e-3)
    assert prices.decode_us == pytest.approx(5000, abs=1)
    assert prices.decode_us_per_request == pytest.approx(30, rel=1e-3)
    assert prices.decode_us_per_token == 0


def test_measured_prices_of_decodes_grow_with_their_contexts() -> None:
    (one,) = build_cluster(cluster_plan(LLAMA)).instances

    prices = expected_prices("silicon", one)

    assert all(np.isfinite(prices))
    assert 0 < prices.decode_us_per_token < prices.decode_us_per_request < prices.decode_us
