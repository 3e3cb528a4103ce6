"""A champion as llm-d's router reads it: an EndpointPickerConfig, where its policies can be said there.

Field names, plugin types and their defaults are those of llm-d-router 0.9 (`apix/config/v1alpha1`).
"""

from collections.abc import Mapping
from typing import Any

import yaml

from blis.foundation.answers import GATEWAY_QUESTIONS
from evolve.outcome.endpoint_picker_filters import filter_plugins
from evolve.outcome.endpoint_picker_flow import Flow, flow_control

FILE = "endpoint-picker.yaml"

_PRECISE = "precise-prefix-cache-producer"
_PREDICTED = "predicted-latency-producer"
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
    "token-load": (
        {"type": "inflight-load-producer"},
        {"type": "approx-prefix-cache-producer"},
        {"type": "token-load-scorer"},
    ),
    "session-affinity": ({"type": "session-affinity-scorer"},),
    "context-length": ({"type": "context-length-aware"},),
    "lora-affinity": ({"type": "lora-affinity-scorer"},),
    "latency-slack": (
        {"type": "approx-prefix-cache-producer"},
        {"type": _PREDICTED},
        {"type": "latency-scorer"},
    ),
}
_LMETRIC = (
    {"type": "inflight-load-producer"},
    {"type": "approx-prefix-cache-producer"},
    {"type": "lmetric-scorer"},
)
_FILTER = "prefix-cache-affinity-filter"
#: Picker -> the plugin; softmax has none, and random-picker takes any of all.
PICKERS = {
    "largest": "max-score-picker",
    "weighted-random": "weighted-random-picker",
    "random-of-best": "random-picker",
}
_LOADS = {"tokens": PLUGINS["token-load"], "requests": PLUGINS["active-requests"]}
#: Answers that ask nothing of the engines or the gateway beyond what they do anyway.
_PLAIN = ("always-admit", "constant", "fcfs", "newest", "lru", "fixed", "never", "strict", "static", "same-as-routing")


def endpoint_picker(
    policies: Mapping[str, Mapping[str, Any]], gateway: Mapping[str, Any] | None = None
) -> tuple[str | None, str]:
    """The configuration as YAML, and what to know about it; None where it cannot be said, and why.

    Parameters
    ----------
    policies : mapping
        Question -> policy with its parameters, as a bundle has them. Those of the gateway are flow control there.
    gateway : mapping or None
        What `cluster.gateway` is given: the limits of the queue; None: they are left to the deployment.
    """
    divided = policies.get("disaggregation", {"policy": "never"})
    if divided["policy"] != "never":
        return None, "it divides requests, which llm-d says with two profiles: those are read here, but not written."
    routing = policies["routing"]
    picker = str(routing.get("picker", "largest"))
    first: list[str] = []
    if routing["policy"] == "lmetric":
        scored: list[tuple[tuple[Mapping[str, Any], ...], float]] = [(_LMETRIC, 1.0)]
    elif routing["policy"] == "sticky-until-saturated":
        scored, first = [((_affinity_filter(routing), *_LOADS[routing["load"]]), 1.0)], [_FILTER]
    elif routing["policy"] == "weighted":
        weights = _weights(routing["scorers"])
        unknown = [name for name in weights if name not in PLUGINS]
        if unknown:
            return None, f"it has no scorer for {', '.join(unknown)} (problem=llm_d searches those that it has)."
        if picker not in PICKERS or (picker == "random-of-best" and routing.get("best", 0) != 0):
            return None, f"it has no picker that is {picker} as here."
        scored = [(PLUGINS[name], weight) for name, weight in weights.items()]
    else:
        return None, f"it has no plugin for routing {routing['policy']!r}."
    filters = filter_plugins(policies.get("filtering", {"policy": "none"}))
    if isinstance(filters, str):
        return None, filters
    first = [*(own[-1].get("name", own[-1]["type"]) for own in filters), *first]
    references = [{"pluginRef": own[-1].get("name", own[-1]["type"]), "weight": weight} for own, weight in scored]
    plugins = {
        plugin.get("name", plugin["type"]): dict(plugin)
        for own in (*filters, *(own for own, _ in scored))
        for plugin in own
    }
    document: dict[str, Any] = {
        "apiVersion": "llm-d.ai/v1alpha1",
        "kind": "EndpointPickerConfig",
        "plugins": [*plugins.values(), {"type": PICKERS[picker]}],
        "schedulingProfiles": [
            {
                "name": "default",
                "plugins": [*({"pluginRef": name} for name in first), *references, {"pluginRef": PICKERS[picker]}],
            },
        ],
    }
    note = "Routing as the champion does it."
    flow = flow_control(policies, gateway)
    if isinstance(flow, Flow):
        document["featureGates"] = ["flowControl"]
        document["plugins"] = [*document["plugins"], *flow.plugins]
        document["flowControl"] = flow.section
        if gateway is None:
            note += " Its queue is llm-d's by default: capacities and times to live are the deployment's."
    if _PRECISE in plugins:
        note += f" The {_PRECISE} needs the engines' KV events: its data sources and block size are the deployment's."
    if _PREDICTED in plugins:
        note += f" The {_PREDICTED} needs its side-car, and requests the headers of their targets."
    if "session-affinity-scorer" in plugins:
        note += " The session-affinity-scorer needs requests with the header that names their session."
    others = [
        f"{question} {policy['policy']}"
        for question, policy in policies.items()
        if question not in ("routing", "filtering") and policy["policy"] not in _PLAIN
        if not (isinstance(flow, Flow) and question in GATEWAY_QUESTIONS)
    ]
    if others:
        note += f" What is no router's business must be set in the engines or the gateway: {', '.join(others)}."
    return yaml.safe_dump(document, sort_keys=False), note


def _affinity_filter(routing: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": _FILTER,
        "parameters": {
            "affinityThreshold": routing["affinity_threshold"],
            "maxTokensInFlightPenalty": round(routing["most_extra_tokens"]),
            "maxTTFTPenaltyMs": 0,
        },
    }


def _weights(scorers: Any) -> dict[str, float]:
    """Weights by scorer, as a bundle or a genome writes them."""
    if isinstance(scorers, Mapping):
        return {str(name): float(weight) for name, weight in scorers.items()}
    return {str(scorer["name"]): float(scorer["weight"]) for scorer in scorers}
