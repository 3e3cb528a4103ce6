"""The gateway of a cluster's configuration."""

from typing import Any

import pytest

from blis.cluster.gateway import Gateway, gateway_bands
from blis.cluster.plan import cluster_plan
from blis.foundation.errors import ConfigError


def test_what_is_left_out_has_its_default() -> None:
    gateway = Gateway.from_mapping("gateway", {})

    assert gateway == Gateway()
    assert (gateway.tick_us, gateway.request_timeout_us, gateway.ttl_us) == (1_000, 300_000_000, None)


def test_null_is_the_default_but_for_the_patience_of_clients() -> None:
    keys = ("capacity_requests", "bands", "ttl_ms", "tick_us", "sweep_ms", "displace_least_urgent")

    assert Gateway.from_mapping("gateway", dict.fromkeys(keys)) == Gateway()
    assert Gateway.from_mapping("gateway", {"request_timeout_s": None}).request_timeout_us is None


def test_classes_of_one_urgency_share_a_band() -> None:
    given = {"critical": 5, "realtime": {"capacity_requests": 5}, "batch": {"capacity_requests": None}}

    bands = gateway_bands(Gateway.from_mapping("gateway", {"bands": given}))

    assert bands.is_active.tolist() == [1, 0, 1, 0, 0]
    assert bands.capacity_requests[0] == 5
    assert bands.urgency.tolist() == [4.0, 3.0, -1.0, -2.0, -3.0]


def test_a_cluster_has_none_unless_it_says_so() -> None:
    cluster: dict[str, Any] = {"latency": {"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": [1, 1, 1]}}

    assert cluster_plan(cluster).gateway is None
    assert cluster_plan(cluster | {"gateway": None}).gateway is None
    assert cluster_plan(cluster | {"gateway": {}}).gateway == Gateway()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"capacity": 3}, "gateway: unknown key 'capacity'; did you mean 'capacity_requests'?"),
        ({"capacity_requests": 0}, "gateway.capacity_requests must be an int in [1,"),
        ({"capacity_requests": 1.5}, "gateway.capacity_requests must be an int in [1,"),
        ({"ttl_ms": 0}, "gateway.ttl_ms must be a finite number > 0"),
        ({"ttl_ms": float("inf")}, "gateway.ttl_ms must be a"),
        ({"request_timeout_s": -1}, "gateway.request_timeout_s must be a finite number > 0"),
        ({"tick_us": 0}, "gateway.tick_us must be an int in [1,"),
        ({"sweep_ms": float("nan")}, "gateway.sweep_ms must be a"),
        ({"displace_least_urgent": 1}, "gateway.displace_least_urgent must be true or false; got 1."),
        ({"bands": {"urgent": 3}}, "gateway.bands: unknown key 'urgent'"),
        ({"bands": {"critical": 0}}, "gateway.bands.critical must be an int in [1,"),
        ({"bands": {"critical": {"capacity": 3}}}, "gateway.bands.critical: unknown key 'capacity'"),
        (
            {"bands": {"critical": 3, "realtime": 4}},
            "gateway.bands: critical and realtime must have one capacity, because they are equally urgent and share a "
            "band; got 3 and 4.",
        ),
        ([], "gateway must be a mapping of keys to values; got []."),
    ],
)
def test_wrong_gateways_are_told(given: Any, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Gateway.from_mapping("gateway", given)

    assert message in str(raised.value)
