"""A champion's routing as scorers, a filter and a picker of llm-d's router."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from evolve.exchange import APPROXIMATE, EXACT, MISSING, Signal

#: Plugins of one part: its own last, what feeds it before.
Plugins: TypeAlias = tuple[Mapping[str, Any], ...]

PRECISE = "precise-prefix-cache-producer"
PREDICTED = "predicted-latency-producer"
AFFINITY_FILTER = "prefix-cache-affinity-filter"
_INDEX = {"type": "approx-prefix-cache-producer"}
_LOAD = {"type": "inflight-load-producer"}

_IN_BLOCKS = (
    "prompts are matched in blocks of 64 tokens or more there, the partial last one included; here in KV blocks"
)
_LEARNED = "latency is predicted by a learned model there, by the engines' prices here"
#: Scorer -> the plugins that llm-d's router has for it.
PLUGINS: Mapping[str, Plugins] = {
    "prefix-affinity": (_INDEX, {"type": "prefix-cache-scorer"}),
    "precise-prefix-cache": (
        {"type": PRECISE},
        {
            "type": "prefix-cache-scorer",
            "name": "precise-prefix-cache-scorer",
            "parameters": {"prefixMatchInfoProducerName": PRECISE},
        },
    ),
    "queue-depth": ({"type": "queue-scorer"},),
    "kv-utilization": ({"type": "kv-cache-utilization-scorer"},),
    "running-requests": ({"type": "running-requests-size-scorer"},),
    "active-requests": (_LOAD, {"type": "active-request-scorer"}),
    "load-aware": ({"type": "load-aware-scorer"},),
    "no-hit-lru": (_INDEX, {"type": "no-hit-lru-scorer"}),
    "token-load": (_LOAD, _INDEX, {"type": "token-load-scorer"}),
    "session-affinity": ({"type": "session-affinity-scorer"},),
    "context-length": ({"type": "context-length-aware"},),
    "lora-affinity": ({"type": "lora-affinity-scorer"},),
    "latency-slack": (_INDEX, {"type": PREDICTED}, {"type": "latency-scorer"}),
}
#: Why a scorer is only nearly what it is there; the others are the same.
_DIFFERENT = {
    "prefix-affinity": _IN_BLOCKS,
    "precise-prefix-cache": "there the share of the prompt that is cached, here its place between least and most",
    "no-hit-lru": "whether a prompt is cached is the router's own index there, and what instances report here",
    "token-load": _IN_BLOCKS,
    "latency-slack": _LEARNED,
}
#: Why one that is not among them is missing.
NO_SUCH_SCORER = "it has no such scorer (problem=llm_d searches those that it has)"
_LMETRIC = (_LOAD, _INDEX, {"type": "lmetric-scorer"})
#: Picker -> the plugin; random-picker takes any of all.
PICKERS = {
    "largest": "max-score-picker",
    "weighted-random": "weighted-random-picker",
    "random-of-best": "random-picker",
}
_LOADS = {"tokens": "token-load", "requests": "active-requests"}


@dataclass(frozen=True, slots=True)
class Routing:
    """What a profile gets; without scorers and filter there is no such routing there."""

    scored: tuple[tuple[Plugins, float], ...]
    first: tuple[Plugins, ...]  #: filters that are part of the routing
    picker: str  #: its plugin's type
    signals: tuple[Signal, ...]


#: What a router does that has no file: queue, memory and prefix as 2 : 2 : 3.
DEFAULT = Routing(
    ((PLUGINS["queue-depth"], 2.0), (PLUGINS["kv-utilization"], 2.0), (PLUGINS["prefix-affinity"], 3.0)),
    (),
    PICKERS["largest"],
    (),
)


def routing(question: str, policy: Mapping[str, Any]) -> Routing:
    """The routing of a profile, `policy` with all its parameters."""
    name = str(policy["policy"])
    if name == "weighted":
        return _weighted(question, policy)
    if name == "lmetric":
        return _alone(_LMETRIC, Signal(question, name, APPROXIMATE, "lmetric-scorer", _IN_BLOCKS))
    if name == "sticky-until-saturated":
        return _sticky(question, policy)
    if name == "least-loaded":
        return _least_loaded(question, name)
    return Routing((), (), "", (Signal(question, name, MISSING, why=f"it has no plugin for routing {name!r}"),))


def _alone(plugins: Plugins, signal: Signal) -> Routing:
    return Routing(((plugins, 1.0),), (), PICKERS["largest"], (signal,))


def _least_loaded(question: str, name: str) -> Routing:
    why = "there the requests that the router has in flight, here those that instances report and those on the way"
    return _alone(PLUGINS["active-requests"], Signal(question, name, APPROXIMATE, "active-request-scorer", why))


def _weighted(question: str, policy: Mapping[str, Any]) -> Routing:
    if list(weights_of(policy["scorers"])) == ["load-balance"] and policy.get("picker", "largest") == "largest":
        return _least_loaded(question, "load-balance")
    signals, scored = [], []
    takes_any = policy.get("picker", "largest") == "random-of-best" and policy.get("best", 0) == 0
    for name, weight in weights_of(policy["scorers"]).items():
        if takes_any:
            signals.append(Signal(question, name, EXACT, "-", "a random pick looks at no score"))
            scored += [(PLUGINS[name], weight)] if name in PLUGINS and weight > 0.0 else []
            continue
        if name not in PLUGINS:
            signals.append(Signal(question, name, MISSING, why=NO_SUCH_SCORER))
            continue
        grade, there = (APPROXIMATE if name in _DIFFERENT else EXACT), reference_of(PLUGINS[name])
        signals.append(Signal(question, name, grade, f"{there}, weight {weight:g}", _DIFFERENT.get(name, "")))
        if weight > 0.0:
            scored.append((PLUGINS[name], weight))
    picker, best = str(policy.get("picker", "largest")), policy.get("best", 0)
    known = picker in PICKERS and not (picker == "random-of-best" and best != 0)
    plugin = PICKERS[picker if known else "largest"]
    why = "" if known else f"it has no picker that is {picker} as here"
    signals.append(Signal(question, f"picker {picker}", EXACT if known else MISSING, plugin, why))
    if not scored and not (known and picker == "random-of-best"):
        plugin = ""
    return Routing(tuple(scored), (), plugin, tuple(signals))


def _sticky(question: str, policy: Mapping[str, Any]) -> Routing:
    """The affinity filter of today's guide before one scorer of load."""
    load, tokens = _LOADS[policy["load"]], policy["most_extra_tokens"]
    parameters = {
        "affinityThreshold": policy["affinity_threshold"],
        "maxTokensInFlightPenalty": round(tokens),
        "maxTTFTPenaltyMs": 0,
    }
    affinity: Plugins = (_INDEX, _LOAD, {"type": AFFINITY_FILTER, "parameters": parameters})
    grade = APPROXIMATE if load in _DIFFERENT else EXACT
    return Routing(
        ((PLUGINS[load], 1.0),),
        (affinity,),
        PICKERS["largest"],
        (
            Signal(question, "sticky-until-saturated", APPROXIMATE, AFFINITY_FILTER, _IN_BLOCKS),
            Signal(question, f"load {policy['load']}", grade, reference_of(PLUGINS[load]), _DIFFERENT.get(load, "")),
        ),
    )


def reference_of(plugins: Plugins) -> str:
    """The name by which a profile refers to the last of the plugins."""
    return str(plugins[-1].get("name", plugins[-1]["type"]))


def weights_of(scorers: Any) -> dict[str, float]:
    """Weights by scorer, as a bundle, a command line or a genome writes them."""
    if isinstance(scorers, str):
        named = (part.partition(":") for part in scorers.split(","))
        return {name.strip(): float(weight) for name, _, weight in named}
    if isinstance(scorers, Mapping):
        return {str(name): float(weight) for name, weight in scorers.items()}
    return {str(scorer["name"]): float(scorer["weight"]) for scorer in scorers}
