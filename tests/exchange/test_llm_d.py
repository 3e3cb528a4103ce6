"""What is written for llm-d keeps its published schema, and comes back as it was."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.foundation.errors import ConfigError
from blis.policies.binding import bind
from blis.policies.bundle import bundle_from_mapping, complete_policy
from evolve.exchange import APPROXIMATE, EXACT, MISSING, Champion, worst
from evolve.exchange.llm_d.schema import check_document
from evolve.exchange.routers import llm_d

PUBLISHED = Path(__file__).parents[1] / "data" / "llm-d"
SAID = (
    *("prefix-affinity", "precise-prefix-cache", "queue-depth", "kv-utilization", "running-requests"),
    *("active-requests", "load-aware", "no-hit-lru", "token-load", "session-affinity", "context-length"),
    *("lora-affinity", "latency-slack"),
)
WEIGHTS = st.dictionaries(st.sampled_from(SAID), st.floats(0.01, 1000), min_size=1, max_size=6)


def weighted(scorers: dict[str, float], picker: str = "largest") -> dict[str, Any]:
    return {"policy": "weighted", "scorers": scorers, "picker": picker}


ROUTINGS = st.one_of(
    st.builds(weighted, WEIGHTS, st.sampled_from(["largest", "weighted-random"])),
    st.just({"policy": "lmetric"}),
    st.builds(
        lambda threshold, tokens, load: {
            "policy": "sticky-until-saturated",
            "affinity_threshold": threshold,
            "most_extra_tokens": float(tokens),
            "load": load,
        },
        st.floats(0, 1),
        st.integers(0, 10**9),
        st.sampled_from(["tokens", "requests"]),
    ),
)
FILTERS = st.sampled_from(
    [
        None,
        {"policy": "session-affinity"},
        {"policy": "slo-headroom", "exploration_probability": 0.25},
        {"policy": "utilization", "waiting_queue": 7.0, "kv_cache_utilization": 0.5, "fallback_on_empty": "yes"},
        {"policy": "prefix-cache-affinity", "affinity_threshold": 0.3, "most_extra_tokens": 900.0},
        {"policy": "chain", "filters": [{"policy": "session-affinity"}, {"policy": "slo-headroom"}]},
    ]
)
DIVISIONS = st.one_of(
    st.none(),
    st.just({"policy": "always"}),
    st.builds(
        lambda tokens, prompt: {"policy": "prefix-threshold", "tokens": float(tokens), "prompt_tokens": float(prompt)},
        st.integers(1, 10**6),
        st.integers(0, 10**6),
    ),
)
GATEWAYS = st.fixed_dictionaries(
    {
        "saturation": st.one_of(
            st.builds(
                lambda queue, share: {
                    "policy": "utilization", "queue_depth_threshold": float(queue), "kv_cache_util_threshold": share,
                    "staleness_ms": 150.0,
                },
                st.integers(1, 1000), st.floats(0.01, 1),
            ),
            st.builds(
                lambda most, mode: {"policy": "concurrency", "mode": mode, "max_concurrency": float(most)},
                st.integers(1, 10**6), st.sampled_from(["requests", "tokens", "hybrid"]),
            ),
        ),
        "fairness": st.sampled_from(
            ["strict", "round-robin", {"policy": "least-attained", "service_weight": 0.3, "half_life_s": 5.0}]
        ),
        "queue_order": st.sampled_from(["fcfs", "edf", "slo-deadline"]),
        "ceiling": st.sampled_from(
            ["static", "soft-reflective", {"policy": "priority-holdback", "min_ceiling": 0.4, "domain": "value"}]
        ),
    }
)  # fmt: skip
LIMITS = st.sampled_from(
    [
        None,
        {"ttl_ms": 1500.0, "capacity_requests": 40, "evict_running": True},
        {"ttl_ms": 60_000.0, "bands": {"critical": 500, "standard": 200, "sheddable": 50}},
    ]
)


@st.composite
def champions(draw: st.DrawFn) -> Champion:
    policies: dict[str, Any] = {"routing": draw(ROUTINGS)}
    filtering, division = draw(FILTERS), draw(DIVISIONS)
    if filtering is not None and policies["routing"]["policy"] == "weighted":
        policies["filtering"] = filtering
    if division is not None:
        policies |= {"disaggregation": division, "prefill_routing": draw(ROUTINGS)}
    if draw(st.booleans()):
        policies |= {"encoding": {"policy": "always-multimodal"}, "encode_routing": draw(ROUTINGS)}
    gateway = None
    if draw(st.booleans()):
        policies |= draw(GATEWAYS)
        gateway = draw(LIMITS)
    complete = {question: complete_policy(question, policy) for question, policy in policies.items()}
    return Champion(complete, gateway=gateway)


def bound(policies: Any, question: str, default: Any) -> Any:
    one = bind(question, question, policies.get(question, default))
    return one.name, one.scorers, one.parameters.tolist(), [(own.name, own.parameters.tolist()) for own in one.filters]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(champions())
def test_champions_that_can_be_said_come_back_unchanged(champion: Champion) -> None:
    exported = llm_d.export(champion)
    assert MISSING not in {one.grade for one in exported.signals}
    text = exported.text or ""

    back = llm_d.read("epp.yaml", text, None)

    for question, policy in champion.policies.items():
        assert bound(back.policies, question, policy) == bound(champion.policies, question, policy), question
    if champion.gateway is not None:
        assert back.gateway == champion.gateway
    again = llm_d.export(Champion(back.policies, gateway=back.gateway if champion.gateway is not None else None))
    assert yaml.safe_load(again.text or "") == yaml.safe_load(text)


@pytest.mark.parametrize("path", sorted(PUBLISHED.glob("*.yaml")), ids=lambda path: path.name)
def test_published_files_keep_the_schema_and_are_written_as_equivalent_ones(path: Path) -> None:
    first = llm_d.read(path.name, path.read_text(), None)

    exported = llm_d.export(Champion(first.policies, gateway=first.gateway))

    second = llm_d.read("again.yaml", exported.text or "", None)
    assert list(second.policies) == list(first.policies)
    for question, policy in first.policies.items():
        assert bound(second.policies, question, policy) == bound(first.policies, question, policy)
    assert (second.gateway or {}) == (first.gateway or {})


def test_admitters_are_admission() -> None:
    text = (PUBLISHED / "probabilistic-admitter-epp-config.yaml").read_text()

    assert llm_d.read("epp", text, None).policies["admission"] == {"policy": "probabilistic"}


def test_what_is_left_out_of_a_published_file_has_a_signal() -> None:
    found = llm_d.read("epp", (PUBLISHED / "flow-control.values.yaml").read_text(), None)

    assert [(one.name, one.grade) for one in found.signals if one.grade == MISSING] == [("maxBytes 10Gi", MISSING)]


def test_each_scorer_has_a_grade_and_those_that_are_not_there_are_left_out() -> None:
    scorers = {"queue-depth": 2.0, "prefix-affinity": 1.0, "vllm-dp": 3.0}

    exported = llm_d.export(Champion({"routing": weighted(scorers)}))

    grades = {one.name: one.grade for one in exported.signals}
    assert (grades["queue-depth"], grades["prefix-affinity"], grades["vllm-dp"]) == (EXACT, APPROXIMATE, MISSING)
    (profile,) = yaml.safe_load(exported.text or "")["schedulingProfiles"]
    assert [one["pluginRef"] for one in profile["plugins"]] == [
        "queue-scorer", "prefix-cache-scorer", "max-score-picker"
    ]  # fmt: skip
    assert worst(exported.signals) == MISSING


def test_numbers_that_are_whole_there_are_rounded_and_say_so() -> None:
    policies = {"routing": weighted({"queue-depth": 1.0}),
                "saturation": {"policy": "concurrency", "max_concurrency": 7.4}}  # fmt: skip

    exported = llm_d.export(Champion(policies))

    (signal,) = [one for one in exported.signals if one.question == "saturation"]
    assert (signal.grade, "whole number there: 7 for 7.4" in signal.why) == (APPROXIMATE, True)


def test_a_queue_is_written_although_the_routing_cannot_be_said() -> None:
    exported = llm_d.export(Champion({"routing": {"policy": "preble"}, "saturation": {"policy": "concurrency"}}))

    assert yaml.safe_load(exported.text or "")["featureGates"] == ["flowControl"]
    assert llm_d.export(Champion({"routing": {"policy": "preble"}})).text is None


def test_a_queue_that_evicts_and_displaces() -> None:
    policies = {"routing": weighted({"queue-depth": 1.0}), "saturation": {"policy": "concurrency"}}
    limits = {"evict_running": True, "most_evictions": 5, "displace_least_urgent": True}

    exported = llm_d.export(Champion(policies, gateway=limits))

    assert yaml.safe_load(exported.text or "")["flowControl"]["enableEviction"] is True
    grades = {one.name: one.grade for one in exported.signals if one.question == "gateway"}
    assert (grades["evict_running"], grades["displace_least_urgent"]) == (APPROXIMATE, MISSING)


@pytest.mark.parametrize(
    ("division", "grade", "decider"),
    [
        ({"policy": "above-prefix-threshold", "tokens": 16.0}, EXACT, {"nonCachedTokens": 17}),
        ({"policy": "prefix-threshold", "tokens": 15.5}, EXACT, {"nonCachedTokens": 16}),
        ({"policy": "conditional", "mode": "isl-bounding", "new_tokens": 100.0}, APPROXIMATE, {"nonCachedTokens": 100}),
        ({"policy": "drift-plus-penalty"}, MISSING, None),
    ],
)
def test_deciders_are_the_same_or_the_nearest(division: dict[str, Any], grade: str, decider: Any) -> None:
    exported = llm_d.export(Champion({"routing": weighted({"queue-depth": 1.0}), "disaggregation": division}))

    (signal,) = [one for one in exported.signals if one.question == "disaggregation"]
    plugins = {one["type"]: one.get("parameters") for one in yaml.safe_load(exported.text or "")["plugins"]}
    assert signal.grade == grade
    assert plugins.get("prefix-based-pd-decider") == decider


def test_encoding_apart_is_a_stage_with_a_profile_of_its_own() -> None:
    exported = llm_d.export(
        Champion({"routing": weighted({"queue-depth": 1.0}), "encoding": {"policy": "always-multimodal"}})
    )

    written = yaml.safe_load(exported.text or "")
    kinds = {one["type"]: one.get("parameters") for one in written["plugins"]}
    assert kinds["disagg-profile-handler"] == {"deciders": {"encode": "always-disagg-multimodal-decider"}}
    profiles = {one["name"]: [part["pluginRef"] for part in one["plugins"]] for one in written["schedulingProfiles"]}
    assert list(profiles) == ["encode", "decode"]
    assert profiles["encode"][0] == "encode-filter"
    assert {one.question: one.grade for one in exported.signals}["encoding"] == EXACT


def document(**changes: Any) -> dict[str, Any]:
    return {
        "apiVersion": "llm-d.ai/v1",
        "kind": "EndpointPickerConfig",
        "plugins": [{"type": "queue-scorer"}, {"type": "utilization-detector"}, {"type": "max-score-picker"}],
        "schedulingProfiles": [{"name": "default", "plugins": [{"pluginRef": "queue-scorer", "weight": 1}]}],
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"apiVersion": "llm-d.ai/v2"}, "apiVersion: no choice named 'llm-d.ai/v2'"),
        ({"plugin": []}, "unknown key 'plugin'; did you mean 'plugins'?"),
        ({"plugins": None}, "pluginRef must be the name of a plugin of the file; got 'queue-scorer'"),
        ({"plugins": [{"type": "queue-scorers"}]}, r"plugins\[0\].type: no choice named 'queue-scorers'; did you mean"),
        ({"plugins": [{"type": "queue-scorer", "paramters": {}}]}, "'paramters'; did you mean 'parameters'"),
        (
            {"plugins": [{"type": "queue-scorer"}, {"type": "utilization-detector",
                                                    "parameters": {"queueDepthThreshold": 5.0}}]},
            "queueDepthThreshold must be written as a whole number; got 5.0",
        ),
        (
            {"plugins": [{"type": "queue-scorer"},
                         {"type": "utilization-filter", "parameters": {"conditions": [{"type": "waiting-queue"}]}}]},
            r"conditions\[0\]: unknown key 'type'",
        ),
        (
            {"plugins": [{"type": "queue-scorer"},
                         {"type": "prefix-cache-affinity-filter", "parameters": {"affinityThreshold": float("nan")}}]},
            "affinityThreshold must be a finite number",
        ),
        (
            {"schedulingProfiles": [{"name": "a", "plugins": [{"pluginRef": "max-score-picker", "weight": 1}]}]},
            "weight: the type of what is weighted: no choice named 'max-score-picker'",
        ),
        ({"schedulingProfiles": [{"name": "a", "plugins": [{"pluginRef": "queue"}]}]}, "got 'queue'"),
        ({"flowControl": {"maxRequests": "many"}}, "maxRequests must be a quantity"),
        ({"flowControl": {"enableEviction": "yes"}}, "enableEviction must be true or false"),
        ({"flowControl": {"saturationDetector": {"pluginRef": "queue-scorer"}}}, "no choice named 'queue-scorer'"),
        ({"featureGates": ["flowcontrol"]}, "did you mean 'flowControl'"),
    ],
)  # fmt: skip
def test_a_file_that_the_router_would_not_take_is_refused(changes: dict[str, Any], message: str) -> None:
    assert check_document("epp", document())

    with pytest.raises(ConfigError, match=message):
        check_document("epp", document(**changes))


def test_conditions_are_read_by_the_published_key_and_the_one_of_older_files() -> None:
    for key in ("metric", "type"):
        plugin = {"type": "utilization-filter", "parameters": {"conditions": [{key: "waiting-queue", "maxValue": 3}]}}
        given = {"kind": "EndpointPickerConfig", "plugins": [plugin, {"type": "queue-scorer"}]}
        assert bundle_from_mapping("epp", given).policies["filtering"]["waiting_queue"] == 3
