"""A champion as an EndpointPickerConfig: plugins, profiles, admission, saturation detector and flow control."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from blis.policies.endpoint_picker_admission import ADMITTERS
from evolve.exchange import APPROXIMATE, EXACT, MISSING, Champion, Signal, signals_elsewhere
from evolve.exchange.llm_d.dividing import ROLE_FILTERS, Decider, division, encoding, handler
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
    stages = _stages(champion)
    first = [one.plugins for one in kept if one.plugins]
    signals = [*own.signals, *(one.signal for one in kept)]
    is_said = bool(own.picker)
    if not is_said:
        own = DEFAULT
        signals.append(Signal("routing", "in its place", MISSING, "2 : 2 : 3", "what it does without a file"))
    of_stages = [one.signal for one in stages.values()]
    if stages:
        plugins, profiles, of_roles = _profiles(champion, own, first, stages)
        signals += [*of_stages, *of_roles]
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
    signals += [*of_admission, *flow.signals, *signals_elsewhere(champion, says_encoding=True)]
    if not is_said and not flow.section and not admitter and all(one.grade == MISSING for one in of_stages):
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


def _stages(champion: Champion) -> dict[str, Decider]:
    """The stages that the champion has beside decoding, with what asks for them."""
    deciders = {"prefill": ("disaggregation", division), "encode": ("encoding", encoding)}
    policies = {stage: (champion.policy(question), decider) for stage, (question, decider) in deciders.items()}
    return {stage: decider(policy) for stage, (policy, decider) in policies.items() if policy["policy"] != "never"}


def _profiles(
    champion: Champion, decode: Routing, first: Sequence[Plugins], stages: Mapping[str, Decider]
) -> tuple[list[Plugins], list[dict[str, Any]], list[Signal]]:
    """A profile of each stage, and of who decodes."""
    plugins, profiles, signals = [*first, *_plugins(decode)], [], []
    for stage in stages:
        own, of_stage = _routing_of_stage(champion, stage)
        signals += of_stage
        own = replace(own, first=tuple(_named_apart(part, stage) for part in own.first))
        plugins += _plugins(own)
        profiles.append(_profile(stage, [ROLE_FILTERS[stage]], own, ()))
    profiles.append(_profile("decode", [ROLE_FILTERS["decode"]], decode, first))
    return [*plugins, handler(stages)], profiles, signals


def _routing_of_stage(champion: Champion, stage: str) -> tuple[Routing, list[Signal]]:
    """Who chooses the instance of a stage, or any of them where that cannot be said."""
    question = f"{stage}_routing"
    chosen = champion.policy(question)
    same = chosen["policy"] == "same-as-routing"
    own = routing(question, champion.policy("routing") if same else chosen)
    signals = [Signal(question, "same-as-routing", EXACT, "a profile alike")] if same else list(own.signals)
    if own.picker:
        return own, signals
    signals.append(Signal(question, "picker", MISSING, "random-picker", "any of all instead"))
    return Routing((), (), "random-picker", ()), signals


def _named_apart(part: Plugins, stage: str) -> Plugins:
    """A filter of a stage, by another name than that of who decodes: their parameters may differ."""
    return (*part[:-1], {"type": part[-1]["type"], "name": f"{stage}-{reference_of(part)}", **part[-1]})


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
