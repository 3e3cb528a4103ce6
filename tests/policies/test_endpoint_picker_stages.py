"""llm-d's profiles of three stages: who decodes, who computes prompts, who encodes."""

from typing import Any

import pytest

from blis.foundation.errors import ConfigError
from blis.policies.bundle import bundle_from_mapping

#: As the end-to-end tests of llm-d-router 0.9 have it for encode, prefill and decode apart.
STAGES: dict[str, Any] = {
    "apiVersion": "inference.networking.x-k8s.io/v1alpha1",
    "kind": "EndpointPickerConfig",
    "plugins": [
        {"type": "disagg-headers-handler"},
        {"type": "encode-filter"},
        {"type": "prefill-filter"},
        {"type": "decode-filter"},
        {"type": "queue-scorer"},
        {"type": "active-request-scorer"},
        {"type": "max-score-picker"},
        {"type": "always-disagg-multimodal-decider"},
        {"type": "prefix-based-pd-decider", "parameters": {"nonCachedTokens": 8}},
        {
            "type": "disagg-profile-handler",
            "parameters": {
                "deciders": {
                    "encode": "always-disagg-multimodal-decider",
                    "prefill": "prefix-based-pd-decider",
                }
            },
        },
    ],
    "schedulingProfiles": [
        {
            "name": "encode",
            "plugins": [{"pluginRef": "encode-filter"}, {"pluginRef": "active-request-scorer", "weight": 1}],
        },
        {"name": "prefill", "plugins": [{"pluginRef": "prefill-filter"}, {"pluginRef": "queue-scorer", "weight": 1}]},
        {"name": "decode", "plugins": [{"pluginRef": "decode-filter"}, {"pluginRef": "queue-scorer", "weight": 2}]},
    ],
}


def changed(deciders: dict[str, str] | None = None, profiles: list[str] | None = None) -> dict[str, Any]:
    """The document with other deciders, or without some profiles."""
    plugins = [
        {"type": one["type"], "parameters": {"deciders": deciders}}
        if deciders is not None and one["type"] == "disagg-profile-handler"
        else one
        for one in STAGES["plugins"]
    ]
    kept = [one for one in STAGES["schedulingProfiles"] if profiles is None or one["name"] in profiles]
    return STAGES | {"plugins": plugins, "schedulingProfiles": kept}


def test_three_profiles_choose_who_decodes_who_computes_the_prompt_and_who_encodes() -> None:
    policies = bundle_from_mapping("file", STAGES).policies

    assert policies["encoding"] == {"policy": "always-multimodal"}
    assert policies["encode_routing"]["scorers"] == {"active-requests": 1}
    assert policies["disaggregation"]["policy"] == "prefix-threshold"
    assert policies["prefill_routing"]["scorers"] == {"queue-depth": 1}
    assert policies["routing"]["scorers"] == {"queue-depth": 2}


def test_encoding_may_be_the_only_stage_apart() -> None:
    document = changed({"encode": "always-disagg-multimodal-decider"}, ["encode", "decode"])

    policies = bundle_from_mapping("file", document).policies

    assert policies["encoding"] == {"policy": "always-multimodal"}
    assert "disaggregation" not in policies


def test_a_stage_without_a_decider_is_never_asked_for() -> None:
    policies = bundle_from_mapping("file", changed({"prefill": "prefix-based-pd-decider"})).policies

    assert policies["encoding"] == {"policy": "never"}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (changed({"encode": "nobody"}), "deciders.encode must be a listed plugin; got 'nobody'"),
        (changed({"encode": "prefix-based-pd-decider"}), "deciders.encode: no choice named 'prefix-based-pd-decider'"),
        (changed({"encod": "queue-scorer"}), "unknown key 'encod'; did you mean 'encode'?"),
        (changed(profiles=["prefill", "decode"]), "schedulingProfiles must hold one named 'encode'"),
    ],
)
def test_a_stage_that_cannot_be_is_refused(document: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        bundle_from_mapping("file", document)

    assert words in str(refused.value)
