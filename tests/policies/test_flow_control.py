"""llm-d's flow control means the same queue here."""

from typing import Any

import pytest
import yaml

from blis.cluster.gateway import Gateway
from blis.foundation.errors import ConfigError
from blis.policies.binding import bind_all
from blis.policies.bundle import Bundle, bundle_from_mapping

#: The flow-control guide of llm-d (guides/flow-control), without its comments.
GUIDE = """
apiVersion: llm-d.ai/v1
kind: EndpointPickerConfig
featureGates: [flowControl]
plugins:
- type: queue-scorer
- type: kv-cache-utilization-scorer
- type: prefix-cache-scorer
- type: round-robin-fairness-policy
- type: fcfs-ordering-policy
- type: concurrency-detector
  parameters: {maxConcurrency: 132, concurrencyMode: requests, headroom: 0.0}
schedulingProfiles:
- name: default
  plugins:
  - {pluginRef: queue-scorer, weight: 2}
  - {pluginRef: kv-cache-utilization-scorer, weight: 2}
  - {pluginRef: prefix-cache-scorer, weight: 3}
flowControl:
  maxBytes: "10Gi"
  maxRequests: "1k"
  defaultRequestTTL: "60s"
  saturationDetector: {pluginRef: concurrency-detector}
  priorityBands:
  - {priority: 100, maxRequests: "500", fairnessPolicyRef: round-robin-fairness-policy}
  - {priority: 0, maxRequests: "200", fairnessPolicyRef: round-robin-fairness-policy}
  - {priority: -10, maxRequests: "50", fairnessPolicyRef: round-robin-fairness-policy}
"""


def read(
    flow: dict[str, Any] | None = None, plugins: tuple[dict[str, Any], ...] = (), gate: str = "flowControl"
) -> Bundle:
    document = {
        "kind": "EndpointPickerConfig",
        "featureGates": [gate],
        "plugins": [{"type": "queue-scorer"}, *plugins],
        "schedulingProfiles": [{"plugins": [{"pluginRef": "queue-scorer"}]}],
        "flowControl": flow,
    }
    return bundle_from_mapping("epp", document)


def test_the_guide_is_round_robin_up_to_132_requests_in_flight() -> None:
    bundle = bundle_from_mapping("epp", yaml.safe_load(GUIDE))

    assert bundle.policies["saturation"] == {"policy": "concurrency", "max_concurrency": 132, "mode": "requests"}
    assert bundle.policies["fairness"] == {"policy": "round-robin"}
    assert bundle.policies["queue_order"] == {"policy": "fcfs"}
    assert bundle.policies["ceiling"] == {"policy": "static"}
    assert bundle.lineage["left_out"] == []
    bind_all(bundle.policies)
    gateway = Gateway.from_mapping("gateway", bundle.lineage["gateway"])
    assert (gateway.capacity_requests, gateway.ttl_us) == (1000, 60_000_000)
    assert gateway.bands == ((0, 500), (1, 200), (3, 50))


def test_what_is_left_out_is_as_there() -> None:
    bundle = read()

    assert bundle.policies["saturation"] == {"policy": "utilization"}
    assert bundle.policies["fairness"] == {"policy": "strict"}
    assert bundle.lineage["gateway"] == {"ttl_ms": 60_000.0}


def test_ceilings_and_detectors_keep_their_parameters() -> None:
    plugins = (
        {"type": "priority-holdback-policy", "parameters": {"minCeiling": 0.7, "domain": "value"}},
        {"type": "utilization-detector", "name": "mine", "parameters": {"metricsStalenessThreshold": "1m0.5s"}},
    )
    flow = {"usageLimitPolicyPluginRef": "priority-holdback-policy", "saturationDetector": {"pluginRef": "mine"}}

    policies = read(flow, plugins).policies

    assert policies["ceiling"] == {"policy": "priority-holdback", "min_ceiling": 0.7, "domain": "value"}
    assert policies["saturation"] == {"policy": "utilization", "staleness_ms": 60_500.0}
    bind_all(policies)


def test_no_time_to_live_and_no_limit_are_none() -> None:
    assert read({"defaultRequestTTL": "0s", "maxRequests": 0}).lineage["gateway"] == {}


def test_without_the_gate_there_is_no_gateway() -> None:
    bundle = read({"maxRequests": 3}, gate="flowControl=false")

    assert list(bundle.policies) == ["routing"]
    assert "flowControl" in bundle.lineage["left_out"]


@pytest.mark.parametrize(
    ("flow", "message"),
    [
        ({"maxRequest": 3}, "flowControl: unknown key 'maxRequest'; did you mean 'maxRequests'?"),
        ({"maxRequests": "many"}, "flowControl.maxRequests must be a quantity such as 500 or '1k'; got 'many'."),
        ({"defaultRequestTTL": "soon"}, "flowControl.defaultRequestTTL must be a duration such as '60s'; got 'soon'."),
        ({"enableEviction": True}, "flowControl.enableEviction must be false"),
        ({"saturationDetector": {"pluginRef": "queue-scorer"}}, "saturation must be one of utilization-detector, conc"),
        (
            {"priorityBands": [{"priority": 1, "fairnessPolicyRef": "a"}, {"priority": 0, "fairnessPolicyRef": "b"}]},
            "fairnessPolicyRef must be the same in all bands",
        ),
        ({"priorityBands": [{"priority": 2}, {"priority": 1}]}, "must be at most one above priority 0"),
    ],
)
def test_what_has_no_counterpart_is_refused(flow: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read(flow)

    assert message in str(raised.value)
