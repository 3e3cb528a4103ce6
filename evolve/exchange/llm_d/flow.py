"""A gateway's policies and limits as llm-d's flow control has them: the inverse of `blis.policies.flow_control`."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from blis.cluster.gateway import Gateway
from blis.foundation.answers import GATEWAY_QUESTIONS
from blis.policies.flow_control import PLUGINS
from evolve.exchange import APPROXIMATE, EXACT, MISSING, Champion, Signal

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
#: Parameters that are whole numbers there, and those that are at most 1.
_WHOLE = ("queueDepthThreshold", "maxConcurrency", "maxTokenConcurrency")
_SHARES = ("kvCacheUtilThreshold",)
#: What stands in the place of a policy that is not there.
_INSTEAD = {"fairness": "strict", "queue_order": "fcfs", "ceiling": "static"}


class Flow(NamedTuple):
    """What the configuration gets; no section where nothing is held, or nothing tells when to hold."""

    plugins: list[dict[str, Any]]
    section: dict[str, Any]
    signals: list[Signal]


def flow_control(champion: Champion) -> Flow:
    """The plugins and the flowControl section, and what became of each part."""
    chosen = {question: champion.policies[question] for question in GATEWAY_QUESTIONS if question in champion.policies}
    if chosen.get("saturation", {"policy": "never"})["policy"] == "never":
        return Flow([], {}, [])
    found = {question: _plugin(question, policy) for question, policy in chosen.items()}
    if found["saturation"][0] is None:
        why = "without a detector for its saturation there is no queue"
        others = [Signal(question, str(policy["policy"]), MISSING, why=why) for question, policy in chosen.items()
                  if question != "saturation"]  # fmt: skip
        return Flow([], {}, [found["saturation"][1], *others])
    plugins = [plugin for plugin, _ in found.values() if plugin is not None]
    names = {question: plugin["type"] for question, (plugin, _) in found.items() if plugin is not None}
    own = {key: names[question] for question, key in _OF_BANDS.items() if question in names}
    section: dict[str, Any] = {key: names[question] for question, key in _REFERENCES.items() if question in names}
    section["saturationDetector"] = {"pluginRef": names["saturation"]}
    if own:
        section |= {"defaultPriorityBand": dict(own), "defaultNegativePriorityBand": dict(own)}
    signals = [signal for _, signal in found.values()]
    if champion.gateway is not None:
        limits, of_limits = _limits(champion.gateway, own)
        section, signals = section | limits, signals + of_limits
    return Flow(plugins, section, signals)


def _plugin(question: str, policy: Mapping[str, Any]) -> tuple[dict[str, Any] | None, Signal]:
    """The plugin that is the policy, with the parameters that it has there, and how much it is."""
    name = str(policy["policy"])
    if name == "weighted" and len({value for key, value in policy.items() if key != "policy"}) == 1:
        why = "shares are equal: one of each tenant in turn is the same share, in another order"
        plugin = {"type": "round-robin-fairness-policy"}
        return plugin, Signal(question, name, APPROXIMATE, plugin["type"], why)
    for kind, meaning in PLUGINS[question].items():
        if meaning.policy == name:
            given = {there: policy[here] for there, here in meaning.parameters.items() if here and here in policy}
            written = {there: _written(there, str(meaning.parameters[there]), value) for there, value in given.items()}
            why = "; ".join(filter(None, (*(_changed(there, given[there], written[there]) for there in given),
                                          _left_out(name, policy))))  # fmt: skip
            signal = Signal(question, name, APPROXIMATE if why else EXACT, kind, why)
            return {"type": kind} | ({"parameters": written} if written else {}), signal
    instead = f"; {_INSTEAD[question]} in its place" if question in _INSTEAD else ""
    return None, Signal(question, name, MISSING, why=f"it has no plugin for {question} {name!r}{instead}")


def _written(there: str, here: str, value: Any) -> Any:
    if here.endswith("_ms"):
        return duration(max(value, 0.001))
    if there in _WHOLE:
        return max(1, round(value))
    return min(1.0, value) if there in _SHARES else value


def _changed(there: str, value: Any, written: Any) -> str:
    if isinstance(written, str) or written == value:
        return "it must be above 0 there: metricsStalenessThreshold" if value == 0 else ""
    return f"{there} is {'at most 1' if there in _SHARES else 'a whole number'} there: {written!r} for {value:g}"


def _left_out(name: str, policy: Mapping[str, Any]) -> str:
    """What a policy has here that its plugin does not."""
    if name == "least-attained" and policy.get("output_weight", 2.0) != 2.0:
        return f"an output token counts 2 there, not {policy['output_weight']:g}"
    if name == "edf" and any(value != 1.0 for key, value in policy.items() if key != "policy"):
        return "every class is due after its whole time to live there"
    return ""


def duration(milliseconds: float) -> str:
    """As Go writes it."""
    return f"{milliseconds:.3f}".rstrip("0").rstrip(".") + "ms"


def _limits(given: Mapping[str, Any], own: Mapping[str, str]) -> tuple[dict[str, Any], list[Signal]]:
    """What the section says of the queue's limits, and what became of each."""
    gateway = Gateway.from_mapping("gateway", given)
    section: dict[str, Any] = {"defaultRequestTTL": duration(given["ttl_ms"]) if given.get("ttl_ms") else "0s"}
    signals = [Signal("gateway", "ttl_ms", EXACT, f"defaultRequestTTL {section['defaultRequestTTL']}")]
    if gateway.capacity_requests:
        section["maxRequests"] = gateway.capacity_requests
        signals.append(Signal("gateway", "capacity_requests", EXACT, f"maxRequests {gateway.capacity_requests}"))
    if gateway.evicts_running:
        section["enableEviction"] = True
        is_same = (gateway.most_evictions, gateway.eviction_pause_us) == (2, 500_000)
        why = "" if is_same else "2 at a time and half a second apart there"
        signals.append(Signal("gateway", "evict_running", EXACT if is_same else APPROXIMATE, "enableEviction", why))
    if gateway.displaces_least_urgent:
        why = "a full queue refuses whoever comes there"
        signals.append(Signal("gateway", "displace_least_urgent", MISSING, why=why))
    if (gateway.tick_us, gateway.sweep_us) != (1000, 1_000_000):
        why = "a cycle each millisecond and a sweep each second there"
        signals.append(Signal("gateway", "tick_us, sweep_ms", MISSING, why=why))
    bands = {name: most for name, most in (given.get("bands") or {}).items() if most is not None}
    if bands:
        written, signal = _bands(bands, own)
        section, signals = section | written, [*signals, signal]
    return section, signals


def _bands(bands: Mapping[str, Any], own: Mapping[str, str]) -> tuple[dict[str, Any], Signal]:
    negative = {name for name in bands if _PRIORITIES[name] < 0}
    if negative and negative not in _NEGATIVE:
        why = f"its bands below priority 0 would be others than {', '.join(sorted(negative))}; 5000 for each there"
        return {}, Signal("gateway", "bands", MISSING, why=why)
    capacities = {
        name: most["capacity_requests"] if isinstance(most, Mapping) else most for name, most in bands.items()
    }
    by_priority = {_PRIORITIES[name]: most for name, most in capacities.items()}
    written = [{"priority": priority, "maxRequests": most, **own}
               for priority, most in sorted(by_priority.items(), reverse=True)]  # fmt: skip
    return {"priorityBands": written}, Signal("gateway", "bands", EXACT, "priorityBands")
