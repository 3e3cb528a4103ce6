"""llm-d's flow control means the same queue here."""

from typing import Any

import pytest
import yaml

from blis.cluster.gateway import Gateway
from blis.foundation.answers import GATEWAY_QUESTIONS
from blis.foundation.errors import ConfigError
from blis.policies.binding import bind, bind_all
from blis.policies.bundle import Bundle, bundle_from_mapping, complete_policy
from evolve.outcome.endpoint_picker import endpoint_picker

#: What llm-d does where nothing is said.
DEFAULTS = {"saturation": "utilization", "fairness": "strict", "queue_order": "fcfs", "ceiling": "static"}

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
        ({"enableEviction": 1}, "flowControl.enableEviction must be true or false; got 1"),
        ({"defaultPriorityBand": {"maxRequest": 1}}, "flowControl.defaultPriorityBand: unknown key 'maxRequest'"),
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


def test_eviction_of_running_requests_is_read() -> None:
    assert read({"enableEviction": True}).lineage["gateway"] == {"ttl_ms": 60_000.0, "evict_running": True}


SAID = [
    {"saturation": {"policy": "utilization", "queue_depth_threshold": 3.0, "staleness_ms": 150.5}},
    {"saturation": {"policy": "concurrency", "mode": "hybrid", "max_concurrency": 20.0}, "fairness": "round-robin"},
    {"saturation": "utilization", "fairness": "least-attained", "queue_order": "edf", "ceiling": "soft-reflective"},
    {
        "saturation": {"policy": "concurrency", "max_concurrency": 7.0},
        "queue_order": "slo-deadline",
        "ceiling": {"policy": "priority-holdback", "min_ceiling": 0.7, "domain": "value"},
    },
]
LIMITS = [
    {},
    {"ttl_ms": 1500.0, "capacity_requests": 40, "evict_running": True},
    {"ttl_ms": 60_000.0, "bands": {"critical": 500, "standard": 200, "batch": 30, "sheddable": 50}},
]


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("given", SAID)
def test_what_is_written_for_llm_d_is_read_as_it_was(given: dict[str, Any], limits: dict[str, Any]) -> None:
    chosen = {question: complete_policy(question, policy) for question, policy in given.items()}
    routing = complete_policy("routing", {"policy": "weighted", "scorers": {"queue-depth": 1.0}})

    text, _ = endpoint_picker({"routing": routing, **chosen}, limits)
    assert text is not None
    back = bundle_from_mapping("epp", yaml.safe_load(text))

    for question in GATEWAY_QUESTIONS:
        one, other = (bind(question, question, policies.get(question, DEFAULTS[question]))
                      for policies in (chosen, back.policies))  # fmt: skip
        assert (one.name, one.parameters.tolist()) == (other.name, other.parameters.tolist())
    assert back.lineage["gateway"] == limits


@pytest.mark.parametrize("saturation", ["never", "token-headroom", "queue-and-kv"])
def test_what_llm_d_has_no_detector_for_is_left_to_the_gateway(saturation: str) -> None:
    routing = complete_policy("routing", {"policy": "weighted", "scorers": {"queue-depth": 1.0}})

    text, note = endpoint_picker({"routing": routing, "saturation": complete_policy("saturation", saturation)})

    assert text is not None
    assert "flowControl" not in text
    assert (saturation == "never") != (f"saturation {saturation}" in note)


def test_bands_that_would_come_back_as_others_are_not_written() -> None:
    routing = complete_policy("routing", {"policy": "weighted", "scorers": {"queue-depth": 1.0}})
    policies = {"routing": routing, "saturation": complete_policy("saturation", "utilization")}

    text, note = endpoint_picker(policies, {"bands": {"batch": 3}})

    assert "priorityBands" not in yaml.safe_load(text or "")["flowControl"]
    assert "gateway bands" in note
