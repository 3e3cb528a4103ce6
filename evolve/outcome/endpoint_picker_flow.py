"""A gateway's policies and limits as llm-d's flow control has them: the inverse of `blis.policies.flow_control`."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from blis.foundation.answers import GATEWAY_QUESTIONS
from blis.policies.flow_control import PLUGINS

#: Key of the section under which a question's plugin is named, where it is not one of the bands.
_REFERENCES = {"ceiling": "usageLimitPolicyPluginRef"}
_OF_BANDS = {"fairness": "fairnessPolicyRef", "queue_order": "orderingPolicyRef"}
#: Priority of a band by the class that stands for it; equally urgent classes share one.
_PRIORITIES = {
    "critical": 100, "realtime": 100, "standard": 0, "interactive": 0, "unnamed": 0, "batch": -10, "sheddable": -20,
    "background": -30,
}  # fmt: skip
#: Sets of classes below priority 0 that come back as they are, see `blis.policies.flow_control`.
_NEGATIVE = ({"sheddable"}, {"batch", "sheddable"}, {"batch", "sheddable", "background"})


class Flow(NamedTuple):
    """What the configuration gets."""

    plugins: list[dict[str, Any]]
    section: dict[str, Any]


def flow_control(policies: Mapping[str, Mapping[str, Any]], gateway: Mapping[str, Any] | None) -> Flow | str | None:
    """The plugins and the flowControl section.

    Parameters
    ----------
    policies : mapping
        Question -> policy with its parameters; questions of the gateway that are left out have llm-d's default.
    gateway : mapping or None
        What `cluster.gateway` is given; None: its limits are not known, and llm-d's defaults are left.

    Returns
    -------
    Flow; None if nothing is ever held, so that no gateway is needed; or why it cannot be said.
    """
    chosen = {question: policies[question] for question in GATEWAY_QUESTIONS if question in policies}
    if chosen.get("saturation", {}).get("policy") == "never" or not chosen:
        return None
    plugins: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    for question, policy in chosen.items():
        plugin = _plugin(question, policy)
        if plugin is None:
            return f"it has no plugin for {question} {policy['policy']!r}"
        plugins.append(plugin)
        names[question] = plugin["type"]
    own_bands = {key: names[question] for question, key in _OF_BANDS.items() if question in names}
    section: dict[str, Any] = {key: names[question] for question, key in _REFERENCES.items() if question in names}
    if "saturation" in names:
        section["saturationDetector"] = {"pluginRef": names["saturation"]}
    if own_bands:
        section |= {"defaultPriorityBand": dict(own_bands), "defaultNegativePriorityBand": dict(own_bands)}
    limits = _limits(gateway, own_bands) if gateway is not None else {}
    return limits if isinstance(limits, str) else Flow(plugins, section | limits)


def _plugin(question: str, policy: Mapping[str, Any]) -> dict[str, Any] | None:
    """The plugin that is the policy, with the parameters that it has there."""
    for kind, meaning in PLUGINS[question].items():
        if meaning.policy == policy["policy"]:
            given = {there: policy[str(here)] for there, here in meaning.parameters.items() if here in policy}
            written = {there: _written(str(meaning.parameters[there]), value) for there, value in given.items()}
            return {"type": kind} | ({"parameters": written} if written else {})
    return None


def _written(here: str, value: Any) -> Any:
    return _duration(value) if here.endswith("_ms") else value


def _duration(milliseconds: float) -> str:
    """As Go writes it."""
    return f"{milliseconds:.3f}".rstrip("0").rstrip(".") + "ms"


def _limits(gateway: Mapping[str, Any], own: Mapping[str, str]) -> dict[str, Any] | str:
    """What the section says of the queue's limits; why not, where bands would come back as others."""
    section: dict[str, Any] = {"defaultRequestTTL": _duration(gateway["ttl_ms"]) if gateway.get("ttl_ms") else "0s"}
    if gateway.get("capacity_requests"):
        section["maxRequests"] = gateway["capacity_requests"]
    if gateway.get("evict_running"):
        section["enableEviction"] = True
    bands = {name: most for name, most in (gateway.get("bands") or {}).items() if most is not None}
    if not bands:
        return section
    negative = {name for name in bands if _PRIORITIES[name] < 0}
    if negative and negative not in _NEGATIVE:
        return f"its bands below priority 0 would be others than {', '.join(sorted(negative))}"
    by_priority = {_PRIORITIES[name]: most for name, most in bands.items()}
    section["priorityBands"] = [
        {"priority": priority, "maxRequests": most, **own}
        for priority, most in sorted(by_priority.items(), reverse=True)
    ]
    return section
