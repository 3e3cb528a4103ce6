"""A champion as llm-d's router reads it: an EndpointPickerConfig, where its policies can be said there.

Field names, plugin types and their defaults are those of llm-d-router 0.9 (`apix/config/v1alpha1`).
"""

from collections.abc import Mapping
from typing import Any

import yaml

FILE = "endpoint-picker.yaml"

_PRECISE = "precise-prefix-cache-producer"
#: Scorer -> the plugins that llm-d's router has for it: its own last, what feeds it before.
PLUGINS: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "prefix-affinity": ({"type": "approx-prefix-cache-producer"}, {"type": "prefix-cache-scorer"}),
    "precise-prefix-cache": (
        {"type": _PRECISE},
        {
            "type": "prefix-cache-scorer",
            "name": "precise-prefix-cache-scorer",
            "parameters": {"prefixMatchInfoProducerName": _PRECISE},
        },
    ),
    "queue-depth": ({"type": "queue-scorer"},),
    "kv-utilization": ({"type": "kv-cache-utilization-scorer"},),
    "running-requests": ({"type": "running-requests-size-scorer"},),
    "active-requests": ({"type": "active-request-scorer"},),
    "load-aware": ({"type": "load-aware-scorer"},),
    "no-hit-lru": ({"type": "no-hit-lru-scorer"},),
}
_LMETRIC = (
    {"type": "inflight-load-producer"},
    {"type": "approx-prefix-cache-producer"},
    {"type": "lmetric-scorer"},
)
_PICKER = {"type": "max-score-picker"}
#: Answers that ask nothing of the engines or the gateway beyond what they do anyway.
_PLAIN = ("always-admit", "constant", "fcfs", "newest")


def endpoint_picker(policies: Mapping[str, Mapping[str, Any]]) -> tuple[str | None, str]:
    """The configuration as YAML, and what to know about it; None where it cannot be said, and why.

    Parameters
    ----------
    policies : mapping
        Question -> policy with its parameters, as a bundle has them.
    """
    routing = policies["routing"]
    if routing["policy"] == "lmetric":
        scored: list[tuple[tuple[Mapping[str, Any], ...], float]] = [(_LMETRIC, 1.0)]
    elif routing["policy"] == "weighted":
        weights = _weights(routing["scorers"])
        unknown = [name for name in weights if name not in PLUGINS]
        if unknown:
            return None, f"it has no scorer for {', '.join(unknown)} (problem=llm_d searches those that it has)."
        scored = [(PLUGINS[name], weight) for name, weight in weights.items()]
    else:
        return None, f"it has no plugin for routing {routing['policy']!r}."
    references = [
        {"pluginRef": plugins[-1].get("name", plugins[-1]["type"]), "weight": weight} for plugins, weight in scored
    ]
    document = {
        "apiVersion": "llm-d.ai/v1alpha1",
        "kind": "EndpointPickerConfig",
        "plugins": [*(dict(plugin) for plugins, _ in scored for plugin in plugins), dict(_PICKER)],
        "schedulingProfiles": [
            {"name": "default", "plugins": [*references, {"pluginRef": _PICKER["type"]}]},
        ],
    }
    note = "Routing as the champion does it."
    if any(plugin["type"] == _PRECISE for plugins, _ in scored for plugin in plugins):
        note += f" The {_PRECISE} needs the engines' KV events: its data sources and block size are the deployment's."
    others = [
        f"{question} {policy['policy']}"
        for question, policy in policies.items()
        if question != "routing" and policy["policy"] not in _PLAIN
    ]
    if others:
        note += f" What is no router's business must be set in the engines or the gateway: {', '.join(others)}."
    return yaml.safe_dump(document, sort_keys=False), note


def _weights(scorers: Any) -> dict[str, float]:
    """Weights by scorer, as a bundle or a genome writes them."""
    if isinstance(scorers, Mapping):
        return {str(name): float(weight) for name, weight in scorers.items()}
    return {str(scorer["name"]): float(scorer["weight"]) for scorer in scorers}
