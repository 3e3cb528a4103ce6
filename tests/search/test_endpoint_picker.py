"""A champion as llm-d's router reads it."""

from typing import Any

import yaml

from evolve.judging.baselines import read_policies
from evolve.outcome.endpoint_picker import endpoint_picker


def policies(**given: Any) -> dict[str, Any]:
    (one,) = read_policies("policies", {"one": given}).values()
    return dict(one.policies)


def weighted(**weights: float) -> dict[str, Any]:
    return {"policy": "weighted", "scorers": {name.replace("_", "-"): weight for name, weight in weights.items()}}


def test_weights_of_known_scorers_become_a_profile() -> None:
    text, note = endpoint_picker(policies(routing=weighted(prefix_affinity=3, queue_depth=2, kv_utilization=2)))

    document = yaml.safe_load(text or "")
    assert document["kind"] == "EndpointPickerConfig"
    (profile,) = document["schedulingProfiles"]
    assert profile["plugins"] == [
        {"pluginRef": "prefix-cache-scorer", "weight": 3.0},
        {"pluginRef": "queue-scorer", "weight": 2.0},
        {"pluginRef": "kv-cache-utilization-scorer", "weight": 2.0},
        {"pluginRef": "max-score-picker"},
    ]
    declared = {plugin.get("name", plugin["type"]) for plugin in document["plugins"]}
    assert {one["pluginRef"] for one in profile["plugins"]} <= declared
    assert note == "Routing as the champion does it."


def test_both_prefix_scorers_have_names_of_their_own_and_the_rest_is_told() -> None:
    routing = weighted(prefix_affinity=1, precise_prefix_cache=1)
    text, note = endpoint_picker(policies(routing=routing, scheduling="sjf"))

    references = [one["pluginRef"] for one in yaml.safe_load(text or "")["schedulingProfiles"][0]["plugins"]]
    assert len(set(references)) == len(references) == 3
    assert "KV events" in note
    assert "scheduling sjf" in note


def test_what_the_router_cannot_say_is_refused_with_the_reason() -> None:
    assert endpoint_picker(policies(routing="preble")) == (None, "it has no plugin for routing 'preble'.")
    text, reason = endpoint_picker(policies(routing=weighted(queue_depth=1, vllm_dp=1)))
    assert text is None
    assert "vllm-dp" in reason
    assert endpoint_picker(policies(routing="lmetric"))[0] is not None
