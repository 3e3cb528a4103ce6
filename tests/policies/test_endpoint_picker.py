"""Configurations of llm-d's router mean the routing that they mean there, or are refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from blis.foundation.errors import ConfigError
from blis.policies.binding import bind
from blis.policies.bundle import Bundle, bundle_from_mapping, complete_policy, read_bundle
from evolve.outcome.endpoint_picker import endpoint_picker

GUIDE = """
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: token-load-scorer
- type: inflight-load-producer
- type: approx-prefix-cache-producer
- type: prefix-cache-affinity-filter
  parameters: {affinityThreshold: 0.80, maxTokensInFlightPenalty: 286720, maxTTFTPenaltyMs: 0}
schedulingProfiles:
- name: default
  plugins: [{pluginRef: prefix-cache-affinity-filter}, {pluginRef: token-load-scorer}]
"""


def read(plugins: list[Any], profile: list[Any] | None = None, **more: Any) -> Bundle:
    document: dict[str, Any] = {"apiVersion": "llm-d.ai/v1", "kind": "EndpointPickerConfig", "plugins": plugins, **more}
    if profile is not None:
        document["schedulingProfiles"] = [{"name": "default", "plugins": profile}]
    return bundle_from_mapping("epp", document)


def test_the_present_guide_is_sticky_until_saturated(tmp_path: Path) -> None:
    path = tmp_path / "epp.yaml"
    path.write_text(GUIDE)

    bundle = read_bundle(path)

    assert bundle.policies == {
        "routing": {
            "policy": "sticky-until-saturated",
            "affinity_threshold": 0.8,
            "most_extra_tokens": 286_720.0,
            "load": "tokens",
        }
    }
    assert bundle.lineage["left_out"] == ["inflight-load-producer", "approx-prefix-cache-producer"]


def test_scorers_without_a_weight_count_one_and_the_picker_is_the_largest() -> None:
    plugins = [{"type": "queue-scorer"}, {"type": "prefix-cache-scorer", "name": "mine"}]

    bundle = read(plugins, [{"pluginRef": "mine", "weight": 3}, {"pluginRef": "queue-scorer"}])

    assert bundle.policies["routing"] == {
        "policy": "weighted",
        "scorers": {"prefix-affinity": 3.0, "queue-depth": 1.0},
        "picker": "largest",
    }


@pytest.mark.parametrize(
    ("picker", "expected"), [("weighted-random-picker", "weighted-random"), ("random-picker", "random-of-best")]
)
def test_pickers_are_known(picker: str, expected: str) -> None:
    bundle = read([{"type": "active-request-scorer"}, {"type": picker}])  # without a profile everything listed counts

    assert bundle.policies["routing"]["picker"] == expected


def test_prefixes_are_scored_by_what_feeds_the_scorer() -> None:
    precise = {"type": "precise-prefix-cache-producer"}
    named = {"type": "prefix-cache-scorer", "parameters": {"prefixMatchInfoProducerName": precise["type"]}}
    approximate = {"type": "approx-prefix-cache-producer"}

    assert list(read([precise, named, approximate]).policies["routing"]["scorers"]) == ["precise-prefix-cache"]
    assert list(read([precise, {"type": "prefix-cache-scorer"}]).policies["routing"]["scorers"]) == [
        "precise-prefix-cache"
    ]
    assert list(read([precise, approximate, {"type": "prefix-cache-scorer"}]).policies["routing"]["scorers"]) == [
        "prefix-affinity"
    ]


def test_a_penalty_in_time_is_one_in_tokens() -> None:
    given = {
        "type": "prefix-cache-affinity-filter",
        "parameters": {"peakPrefillThroughput": 10_000, "maxTTFTPenaltyMs": 500},
    }

    routing = read([given, {"type": "active-request-scorer"}]).policies["routing"]

    assert (routing["most_extra_tokens"], routing["load"]) == (5_000.0, "requests")


@pytest.mark.parametrize(
    ("plugins", "profile", "message"),
    [
        ([{"type": "topology-affinity-scorer"}], None, "plugin 'topology-affinity-scorer' routes in a way"),
        ([{"type": "queue-scorer"}], [{"pluginRef": "queue"}], "pluginRef must be a listed plugin; got 'queue'"),
        ([{"type": "queue-scorer"}, {"type": "queue-scorer"}], None, r"plugins\[1\] must have a name of its own"),
        (
            [{"type": "load-aware-scorer", "parameters": {"threshold": 5}}],
            None,
            "threshold must be 128, as here; got 5",
        ),
        ([{"type": "max-score-picker"}], None, "must have a scorer, or random-picker"),
        ([{"type": "lmetric-scorer"}, {"type": "queue-scorer"}], None, "lmetric-scorer must be alone"),
        (
            [{"type": "utilization-filter"}, {"type": "queue-scorer"}],
            None,
            "utilization-filter.conditions must be a list; got None",
        ),
        (
            [{"type": "prefill-filter"}, {"type": "queue-scorer"}],
            None,
            "plugin 'prefill-filter' routes in a way",
        ),
        ("queue-scorer", None, "plugins must be a list; got 'queue-scorer'"),
    ],
)
def test_what_routes_otherwise_is_refused(plugins: Any, profile: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(plugins, profile)


def test_two_profiles_are_refused() -> None:
    profiles = [{"name": name, "plugins": []} for name in ("prefill", "decode")]

    with pytest.raises(ConfigError, match="schedulingProfiles must be one"):
        read([{"type": "queue-scorer"}], schedulingProfiles=profiles)


@pytest.mark.parametrize(
    "routing",
    [
        "lmetric",
        {"policy": "sticky-until-saturated", "affinity_threshold": 0.5, "load": "requests"},
        {"policy": "weighted", "scorers": {"token-load": 1.0, "session-affinity": 2.0}, "picker": "weighted-random"},
        {"policy": "weighted", "scorers": {"precise-prefix-cache": 3.0, "latency-slack": 1.0}},
        {"policy": "weighted", "scorers": {"queue-depth": 1.0}, "picker": "random-of-best"},
    ],
)
def test_what_is_written_for_the_router_is_read_back(routing: Any) -> None:
    complete = complete_policy("routing", routing)
    text, _ = endpoint_picker({"routing": complete})

    again = bundle_from_mapping("epp", yaml.safe_load(text or "")).policies["routing"]

    one, other = bind("routing", "routing", complete), bind("routing", "routing", again)
    assert (one.name, one.scorers, one.parameters.tolist()) == (other.name, other.scorers, other.parameters.tolist())


def test_a_picker_that_the_router_lacks_cannot_be_written() -> None:
    softmax = complete_policy("routing", {"policy": "weighted", "picker": "softmax", "temperature": 0.5})

    assert endpoint_picker({"routing": softmax}) == (None, "it has no picker that is softmax as here.")


AFFINITY = "prefix-cache-affinity-filter"


def test_the_guide_by_predicted_latency_is_three_filters_and_a_scorer() -> None:
    late = {"ttftSource": "latencyPredictor", "maxTTFTPenaltyMs": 5000}
    strict = {"type": AFFINITY, "name": "strict", "parameters": {"affinityThreshold": 0.99, **late}}
    loose = {"type": AFFINITY, "name": "loose", "parameters": {"affinityThreshold": 0.8, **late}}
    others = ["latency-scorer", "weighted-random-picker", "slo-headroom-tier-filter", "latency-slo-admitter"]
    profile = ["strict", "slo-headroom-tier-filter", "loose", "latency-scorer", "weighted-random-picker"]

    bundle = read([strict, loose, *({"type": name} for name in others)], [{"pluginRef": name} for name in profile])

    assert bundle.policies["routing"] == {
        "policy": "weighted",
        "scorers": {"latency-slack": 1.0},
        "picker": "weighted-random",
    }
    chain = bundle.policies["filtering"]["filters"]
    assert [one["policy"] for one in chain] == ["prefix-cache-affinity", "slo-headroom", "prefix-cache-affinity"]
    assert [one.get("affinity_threshold") for one in chain] == [0.99, None, 0.8]
    assert [one.get("most_extra_ttft_ms") for one in chain] == [5_000, None, 5_000]
    assert bundle.policies["admission"] == {"policy": "latency-slo"}
    assert bundle.lineage["left_out"] == []
    bind("filtering", "filtering", bundle.policies["filtering"])


def test_an_affinity_filter_before_other_scorers_is_a_filter() -> None:
    bundle = read([{"type": AFFINITY}, {"type": "queue-scorer"}, {"type": "kv-cache-utilization-scorer"}])

    assert bundle.policies["routing"]["scorers"] == {"queue-depth": 1.0, "kv-utilization": 1.0}
    assert bundle.policies["filtering"] == {
        "policy": "prefix-cache-affinity",
        "affinity_threshold": 0.8,
        "exploration_probability": 0.0,
        "gate": "tokens",
        "most_extra_tokens": 15_928.0 * 18,
    }


def test_conditions_must_all_hold() -> None:
    conditions = [{"metric": "waiting-queue", "maxValue": 8}, {"metric": "kv-cache-utilization", "maxValue": 0.9}]
    given = {"type": "utilization-filter", "parameters": {"conditions": conditions, "fallbackOnEmpty": True}}

    assert read([given, {"type": "queue-scorer"}]).policies["filtering"] == {
        "policy": "utilization", "fallback_on_empty": "yes", "waiting_queue": 8, "kv_cache_utilization": 0.9
    }  # fmt: skip


def test_a_detector_named_in_a_profile_is_a_filter_and_else_is_none() -> None:
    detectors = [
        {"type": "utilization-detector", "parameters": {"headroom": 0.2}},
        {"type": "concurrency-detector", "parameters": {"maxConcurrency": 50}},
    ]
    listed = [
        {"pluginRef": "utilization-detector"},
        {"pluginRef": "concurrency-detector"},
        {"pluginRef": "queue-scorer"},
    ]

    named, unnamed = (read([*detectors, {"type": "queue-scorer"}], profile) for profile in (listed, listed[2:]))

    assert named.policies["filtering"]["filters"] == [
        {"policy": "utilization", "waiting_queue": 6.0, "kv_cache_utilization": pytest.approx(0.96)},
        {"policy": "utilization", "active_requests": 50.0},
    ]
    assert "filtering" not in unnamed.policies
    assert unnamed.lineage["left_out"] == ["utilization-detector", "concurrency-detector"]


@pytest.mark.parametrize(
    "filtering",
    [
        "kv-threshold",
        {"policy": "prefix-cache-affinity", "affinity_threshold": 0.5, "exploration_probability": 0.1},
        {"policy": "utilization", "waiting_queue": 4, "active_requests": 40, "fallback_on_empty": "yes"},
        {"policy": "chain", "filters": ["session-affinity", {"policy": "slo-headroom"}, "queue-threshold"]},
        {"policy": "chain", "filters": [{"policy": "prefix-cache-affinity", "gate": "predicted"}] * 2},
    ],
)
def test_filters_that_are_written_for_the_router_keep_the_same(filtering: Any) -> None:
    routing = complete_policy("routing", {"policy": "weighted", "scorers": {"queue-depth": 1.0, "kv-utilization": 2.0}})
    text, _ = endpoint_picker({"routing": routing, "filtering": complete_policy("filtering", filtering)})

    again = bundle_from_mapping("epp", yaml.safe_load(text or "")).policies

    one, other = bind("filtering", "filtering", filtering), bind("filtering", "filtering", again["filtering"])
    assert [_as_utilization(part) for part in one.filters] == [_as_utilization(part) for part in other.filters]
    assert bind("routing", "routing", again["routing"]).scorers == ("queue-depth", "kv-utilization")


def _as_utilization(policy: Any) -> tuple[str, list[float]]:
    """Name and parameters; the thresholds are utilization with one condition and a fall-back."""
    values = policy.parameters.tolist()
    if policy.name == "kv-threshold":
        return "utilization", [values[0], 1e9, 1e9, 1e9, 1.0]
    if policy.name == "queue-threshold":
        return "utilization", [1.0, values[0], 1e9, 1e9, 1.0]
    return policy.name, values


def test_a_filter_that_the_router_lacks_cannot_be_written() -> None:
    prefill = complete_policy("filtering", {"policy": "by-role", "role": "prefill"})

    assert endpoint_picker({"routing": complete_policy("routing", "lmetric"), "filtering": prefill}) == (
        None,
        "it has no filter for 'by-role'.",
    )


DIVIDED: dict[str, Any] = {
    "apiVersion": "llm-d.ai/v1alpha1",
    "kind": "EndpointPickerConfig",
    "plugins": [
        {"type": "approx-prefix-cache-producer"},
        {"type": "prefix-cache-scorer"},
        {"type": "queue-scorer"},
        {"type": "prefill-filter"},
        {"type": "decode-filter"},
        {"type": "max-score-picker"},
        {"type": "disagg-profile-handler", "parameters": {"deciders": {"prefill": "prefix-based-pd-decider"}}},
        {"type": "prefix-based-pd-decider", "parameters": {"nonCachedTokens": 16}},
    ],
    "schedulingProfiles": [
        {
            "name": "prefill",
            "plugins": [
                {"pluginRef": "prefill-filter"},
                {"pluginRef": "max-score-picker"},
                {"pluginRef": "queue-scorer", "weight": 1},
            ],
        },
        {
            "name": "decode",
            "plugins": [
                {"pluginRef": "decode-filter"},
                {"pluginRef": "max-score-picker"},
                {"pluginRef": "prefix-cache-scorer", "weight": 2},
                {"pluginRef": "queue-scorer", "weight": 1},
            ],
        },
    ],
}


def test_two_profiles_choose_who_decodes_and_who_computes_the_prompt() -> None:
    bundle = bundle_from_mapping("file", DIVIDED)

    assert bundle.policies["routing"]["scorers"] == {"prefix-affinity": 2, "queue-depth": 1}
    assert bundle.policies["prefill_routing"]["scorers"] == {"queue-depth": 1}
    assert bundle.policies["disaggregation"] == {"policy": "prefix-threshold", "tokens": 16, "prompt_tokens": 0}
    assert bundle.lineage["left_out"] == ["approx-prefix-cache-producer"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stageOrder": "prefill-first"}, "stageOrder must be decode-first"),
        ({"deciders": {"prefill": "nobody"}}, "deciders.prefill must be a listed plugin"),
        ({"profiles": {"prefill": "other"}}, "schedulingProfiles must hold one named 'other'"),
    ],
)
def test_a_handler_that_divides_otherwise_is_refused(change: dict[str, Any], words: str) -> None:
    plugins = [
        {**plugin, "parameters": plugin["parameters"] | change}
        if plugin["type"] == "disagg-profile-handler"
        else plugin
        for plugin in DIVIDED["plugins"]
    ]

    with pytest.raises(ConfigError, match=words):
        bundle_from_mapping("file", DIVIDED | {"plugins": plugins})


def test_two_profiles_without_a_handler_are_refused() -> None:
    plugins = [plugin for plugin in DIVIDED["plugins"] if plugin["type"] != "disagg-profile-handler"]

    with pytest.raises(ConfigError, match="must be one, or two with a disagg-profile-handler"):
        bundle_from_mapping("file", DIVIDED | {"plugins": plugins})


def test_who_divides_requests_is_written_as_two_profiles_and_read_back() -> None:
    policies = bundle_from_mapping("file", DIVIDED).policies

    text, _ = endpoint_picker(policies)

    assert bundle_from_mapping("file", yaml.safe_load(text or "")).policies == policies


def test_a_decider_that_the_router_lacks_is_not_written() -> None:
    text, why = endpoint_picker({"routing": "lmetric", "disaggregation": "drift-plus-penalty"})

    assert text is None
    assert "no decider that is drift-plus-penalty" in why
