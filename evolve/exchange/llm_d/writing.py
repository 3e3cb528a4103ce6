"""A champion as an EndpointPickerConfig: plugins, profiles, admission, saturation detector and flow control."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from blis.policies.endpoint_picker_admission import ADMITTERS
from evolve.exchange import APPROXIMATE, EXACT, MISSING, Champion, Signal, signals_elsewhere
from evolve.exchange.llm_d.dividing import DECODE_FILTER, PREFILL_FILTER, division
from evolve.exchange.llm_d.filters import filters
from evolve.exchange.llm_d.flow import Flow, flow_control
from evolve.exchange.llm_d.scorers import DEFAULT, PRECISE, PREDICTED, Plugins, Routing, reference_of, routing

_DETECTOR = "utilization-detector"


@dataclass(frozen=True, slots=True)
class Written:
    """The document, and what became of each part of the champion."""

    document: dict[str, Any] | None  #: None: its routing cannot be said
    signals: Sequence[Signal]
    notes: Sequence[str]


def written(champion: Champion) -> Written:
    """The configuration of a champion; what cannot be said is left out, with a signal that tells."""
    own = routing("routing", champion.policy("routing"))
    kept = filters(champion.policy("filtering"))
    divided = champion.policy("disaggregation")["policy"] != "never"
    first = [one.plugins for one in kept if one.plugins]
    signals = [*own.signals, *(one.signal for one in kept)]
    is_said = bool(own.picker)
    if not is_said:
        own = DEFAULT
        signals.append(Signal("routing", "in its place", MISSING, "2 : 2 : 3", "what it does without a file"))
    of_division: list[Signal] = []
    if divided:
        plugins, profiles, of_division = _two_profiles(champion, own, first)
        signals += of_division
    else:
        plugins, profiles = [*first, *_plugins(own)], [_profile("default", [], own, first)]
    flow, admits = flow_control(champion), champion.policy("admission")
    admitter, section, of_admission = _admission(admits, flow)
    document: dict[str, Any] = {"apiVersion": "llm-d.ai/v1alpha1", "kind": "EndpointPickerConfig"}
    if flow.section:
        document["featureGates"] = ["flowControl"]
    listed = [plugin for part in plugins for plugin in part] + [*flow.plugins, *admitter]
    document["plugins"] = [dict(one) for one in {one.get("name", one["type"]): one for one in listed}.values()]
    document["schedulingProfiles"] = profiles
    if flow.section or section:
        document["flowControl"] = {**flow.section, **section}
    signals += [*of_admission, *flow.signals, *signals_elsewhere(champion)]
    if not is_said and not flow.section and not admitter and not (divided and of_division[0].grade != MISSING):
        return Written(None, [one for one in signals if one.name != "in its place"], ())
    return Written(document, signals, _notes(champion, flow, {str(one["type"]) for one in listed}))


def _plugins(own: Routing) -> list[Plugins]:
    return [*own.first, *(part for part, _ in own.scored), ({"type": own.picker},)]


def _profile(name: str, roles: list[str], own: Routing, first: Sequence[Plugins]) -> dict[str, Any]:
    """A profile: filters in their order, scorers with their weights, and the picker."""
    names = dict.fromkeys([*roles, *(reference_of(part) for part in (*first, *own.first))])
    return {
        "name": name,
        "plugins": [
            *({"pluginRef": one} for one in names),
            *({"pluginRef": reference_of(part), "weight": weight} for part, weight in own.scored),
            {"pluginRef": own.picker},
        ],
    }


def _two_profiles(
    champion: Champion, decode: Routing, first: Sequence[Plugins]
) -> tuple[list[Plugins], list[dict[str, Any]], list[Signal]]:
    """Profiles of who decodes and who computes the prompt, and what asks the latter."""
    own = division(champion.policy("disaggregation"))
    chosen = champion.policy("prefill_routing")
    same = chosen["policy"] == "same-as-routing"
    prefill = routing("prefill_routing", champion.policy("routing") if same else chosen)
    of_prefill = [Signal("prefill_routing", "same-as-routing", EXACT, "a profile alike")] if same else prefill.signals
    if not prefill.picker:
        prefill = Routing((), (), "random-picker", ())
        of_prefill = [*of_prefill, Signal("prefill_routing", "picker", MISSING, "random-picker", "any of all instead")]
    prefill = replace(prefill, first=tuple(_named_apart(part) for part in prefill.first))
    profiles = [
        _profile("prefill", [PREFILL_FILTER], prefill, ()),
        _profile("decode", [DECODE_FILTER], decode, first),
    ]
    return [*first, *_plugins(decode), *_plugins(prefill), own.plugins], profiles, [own.signal, *of_prefill]


def _named_apart(part: Plugins) -> Plugins:
    """A filter of who computes prompts, by another name than that of who decodes: their parameters may differ."""
    return (*part[:-1], {"type": part[-1]["type"], "name": f"prefill-{reference_of(part)}", **part[-1]})


def _admission(policy: Mapping[str, Any], flow: Flow) -> tuple[list[dict[str, Any]], dict[str, Any], list[Signal]]:
    """The admitter, a detector for what llm-d does without flow control, and what became of the policy."""
    name = str(policy["policy"])
    for kind, (here, names) in ADMITTERS.items():
        if here == name:
            given = {there: policy[key] for there, key in names.items()}
            whole = {**given, **({"queueDepthThreshold": max(1, round(given["queueDepthThreshold"]))} if given else {})}
            why = _admitter_differs(policy, whole != given)
            plugin = {"type": kind} | ({"parameters": whole} if whole else {})
            return [plugin], {}, [Signal("admission", name, APPROXIMATE if why else EXACT, kind, why)]
    if name == "saturation-shed" and not flow.section:
        queue, share = policy["queue_depth_threshold"], policy["kv_cache_util_threshold"]
        parameters = {"queueDepthThreshold": max(1, round(queue)), "kvCacheUtilThreshold": min(1.0, share)}
        why = _admitter_differs(policy, list(parameters.values()) != [queue, share])
        plugin = {"type": _DETECTOR, "parameters": parameters}
        signal = Signal("admission", name, APPROXIMATE if why else EXACT, "the router's own, without flow control", why)
        return [plugin], {"saturationDetector": {"pluginRef": _DETECTOR}}, [signal]
    if name != "always-admit":
        return [], {}, [Signal("admission", name, MISSING, why=f"it has no admitter that is {name}")]
    if flow.section:
        return [], {}, [Signal("admission", name, EXACT, "flow control alone")]
    why = "without flow control it refuses priorities below 0 while the pool is saturated (saturation-shed here)"
    return [], {}, [Signal("admission", name, APPROXIMATE, "the router's own, without flow control", why)]


def _admitter_differs(policy: Mapping[str, Any], is_rounded: bool) -> str:
    why = []
    if policy["policy"] == "latency-slo":
        why.append("latency is predicted by a learned model there, by the engines' prices here")
        if policy["idle_kv_share"] != 0.02:
            why.append("almost empty is 2 % of KV blocks there")
    if policy.get("minimum_urgency", 0.0) != 0.0:
        why.append("whoever has a priority below 0 may be refused there")
    if is_rounded:
        why.append("the queue's threshold is a whole number there, and the share of KV blocks at most 1")
    return "; ".join(why)


def _notes(champion: Champion, flow: Flow, kinds: set[str]) -> list[str]:
    """What the deployment must see to."""
    notes = []
    if flow.section and champion.gateway is None:
        notes.append("Its queue is llm-d's by default: capacities and times to live are the deployment's.")
    if PRECISE in kinds:
        notes.append(
            f"The {PRECISE} needs the engines' KV events: its data sources and block size are the deployment's."
        )
    if PREDICTED in kinds:
        notes.append(f"The {PREDICTED} needs its side-car, and requests the headers of their targets.")
    notes += [
        f"The {kind} needs requests with the header that names their session."
        for kind in sorted(kinds)
        if kind.startswith("session-affinity")
    ]
    if "context-length-aware" in kinds:
        notes.append("The context-length-aware needs pods with the label llm-d.ai/context-length-range.")
    return notes
