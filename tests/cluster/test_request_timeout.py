"""How long clients wait: said of the cluster, or of its gateway, which has a default."""

import math
from typing import Any

import pytest

from blis.cluster.deployment import build_cluster
from blis.cluster.plan import cluster_plan
from blis.foundation.errors import ConfigError

PLAIN: dict[str, Any] = {"model": "meta-llama/llama-3.1-8b-instruct", "hardware": "H100", "tensor_parallel": 1}


def patience(**given: Any) -> tuple[int | None, int | None]:
    """Of the clients of a cluster, and of those who wait at its gateway."""
    cluster = build_cluster(cluster_plan(PLAIN | given))
    return cluster.request_timeout_us, cluster.gateway.request_timeout_us if cluster.gateway else None


def test_nobody_gives_up_without_a_gateway_unless_it_is_said() -> None:
    assert patience() == (None, None)
    assert patience(request_timeout_s=None) == (None, None)
    assert patience(request_timeout_s=2.5) == (2_500_000, None)


def test_clients_of_a_gateway_wait_for_300_s_unless_it_is_said_otherwise() -> None:
    assert patience(gateway={}) == (300_000_000, 300_000_000)
    assert patience(gateway={"request_timeout_s": 20}) == (20_000_000, 20_000_000)
    assert patience(gateway={"request_timeout_s": None}) == (None, None)


def test_what_the_cluster_says_holds_at_its_gateway_too() -> None:
    assert patience(gateway={}, request_timeout_s=5) == (5_000_000, 5_000_000)
    assert patience(gateway={}, request_timeout_s=None) == (300_000_000, 300_000_000)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"request_timeout_s": 0}, r"cluster.request_timeout_s must be a finite number > 0 and ≤ .* \[s\]; got 0"),
        ({"request_timeout_s": -1}, "cluster.request_timeout_s must be a finite number > 0"),
        ({"request_timeout_s": math.nan}, "cluster.request_timeout_s must be a finite number > 0"),
        ({"request_timeout_s": math.inf}, "cluster.request_timeout_s must be a finite number > 0"),
        ({"request_timeout_s": "5 s"}, "cluster.request_timeout_s must be a finite number > 0"),
        (
            {"request_timeout_s": 5, "gateway": {"request_timeout_s": 5}},
            "cluster.request_timeout_s must be said once; got it of the cluster and of its gateway",
        ),
    ],
)
def test_a_wrong_time_is_one_clear_error(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        patience(**given)
