"""SGLang's gateway and what descends from it: the same policies under the same flags.

Sources: sglang-router 0.3.2 and vllm-router 0.1.17, each `router_args.py`; SGLang's model gateway, `src/policies`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evolve.exchange import APPROXIMATE, EXACT, MISSING, Champion, Exported, Signal, signals_elsewhere
from evolve.exchange.flags.choosing import REPORTED, is_fewest_in_flight, is_least_loaded, is_random
from evolve.exchange.flags.lines import flag, written
from evolve.exchange.flags.waiting import waiting
from evolve.exchange.llm_d.scorers import weights_of

ABS, REL, CACHE = "--balance-abs-threshold", "--balance-rel-threshold", "--cache-threshold"
#: `cache_aware` that never follows the cache and finds every difference uneven: the least loaded.
LEAST_LOADED: Mapping[str, float] = {CACHE: 1.0, ABS: 0, REL: 1.0}
IN_CHARACTERS = "matched in characters of the prompt there (tokens over gRPC), in KV blocks here"
STICKS = "by a header that the client sends; forgotten when a session is idle for hours"


@dataclass(frozen=True, slots=True)
class Gateway:
    """In what the routers differ."""

    title: str
    program: str
    divides: str  #: the flag that divides every request
    sticky: Mapping[str, tuple[str, ...]]  #: how sessions stick, by how a new one is placed: least or random
    header: str  #: that names a session
    power_of_two: str  #: in what it differs


@dataclass(frozen=True, slots=True)
class Chosen:
    """One policy of the router; without a name there is none."""

    name: str
    options: tuple[str, ...]
    signals: tuple[Signal, ...]


def exported(gateway: Gateway, champion: Champion) -> Exported:
    """The champion's routing as the router's flags."""
    filtering = champion.policy("filtering")
    whole = _chosen(gateway, "routing", champion.policy("routing"), filtering)
    divided = champion.policy("disaggregation")["policy"]
    signals = [*whole.signals, *_of_filters(gateway, filtering, whole)]
    signals += _of_admission(champion)
    flags, options = [flag("--policy", whole.name)], list(whole.options)
    if divided != "never":
        prefill, of_division = _prefill(gateway, champion, whole)
        flags = [gateway.divides, flag("--prefill-policy", prefill.name), flag("--decode-policy", whole.name)]
        options += [one for one in prefill.options if one not in options]
        signals += of_division
    held, of_waiting = waiting(champion)
    signals += [*of_waiting, *signals_elsewhere(champion)]
    if not whole.name:
        return Exported(None, signals)
    notes = [f"Workers are the deployment's: add --worker-urls, or {gateway.divides}'s --prefill and --decode."]
    if any(one.there.startswith(("manual", "sticky")) for one in signals):
        notes.append(f"Requests need the header {gateway.header} that names their session.")
    return Exported(written(gateway.program, [*flags, *options, *held]), signals, notes)


def _prefill(gateway: Gateway, champion: Champion, whole: Chosen) -> tuple[Chosen, list[Signal]]:
    """Who computes prompts, and what became of who divides."""
    divided = str(champion.policy("disaggregation")["policy"])
    why = "" if divided == "always" else "every request is divided there"
    signals = [Signal("disaggregation", divided, MISSING if why else EXACT, gateway.divides, why)]
    chosen = champion.policy("prefill_routing")
    if chosen["policy"] == "same-as-routing":
        return whole, [*signals, Signal("prefill_routing", "same-as-routing", EXACT, f"--prefill-policy {whole.name}")]
    found = _chosen(gateway, "prefill_routing", chosen, {"policy": "none"})
    if found.name in ("", "cache_aware") and found.options != whole.options and whole.name == "cache_aware":
        why = "it has one set of thresholds, which is that of who decodes"
        found = Chosen(whole.name, (), tuple(Signal(one.question, one.name, MISSING, why=why) for one in found.signals))
    elif not found.name:
        found = Chosen("random", (), found.signals)
    return found, [*signals, *found.signals]


def _chosen(gateway: Gateway, question: str, policy: Mapping[str, Any], filtering: Mapping[str, Any]) -> Chosen:
    name = str(policy["policy"])
    if filtering["policy"] == "session-affinity":
        return _sticky(gateway, question, policy)
    if name == "round-robin":
        return Chosen("round_robin", (), (Signal(question, name, EXACT, "round_robin"),))
    if is_random(policy):
        return Chosen("random", (), (Signal(question, "picker random-of-best", EXACT, "random"),))
    if name == "power-of-k":
        why = gateway.power_of_two if policy["choices"] == 2 else f"two are drawn there, not {policy['choices']}"
        return Chosen("power_of_two", (), (Signal(question, name, APPROXIMATE if why else EXACT, "power_of_two", why),))
    if name == "cache-aware":
        return _cache_aware(question, policy)
    if is_least_loaded(policy):
        grade, why = (EXACT, "") if is_fewest_in_flight(policy) else (APPROXIMATE, REPORTED)
        there = "cache_aware that never follows the cache"
        options = tuple(flag(key, value) for key, value in LEAST_LOADED.items())
        return Chosen("cache_aware", options, (Signal(question, _name(policy), grade, there, why),))
    return Chosen("", (), _unknown(question, policy))


def _name(policy: Mapping[str, Any]) -> str:
    if policy["policy"] != "weighted":
        return str(policy["policy"])
    return next(name for name, weight in weights_of(policy["scorers"]).items() if weight > 0)


def _cache_aware(question: str, policy: Mapping[str, Any]) -> Chosen:
    """Counts are whole, so that more than 64.5 is more than 64."""
    absolute, relative = math.floor(policy["balance_abs_threshold"]), float(policy["balance_rel_threshold"])
    options = (
        flag(CACHE, float(policy["cache_threshold"])),
        flag(ABS, absolute),
        flag(REL, relative),
    )
    signals = (
        Signal(question, "cache-aware: longest match", APPROXIMATE, "cache_aware", IN_CHARACTERS),
        Signal(question, f"cache_threshold {policy['cache_threshold']:g}", EXACT, options[0]),
        Signal(question, f"balance_abs_threshold {policy['balance_abs_threshold']:g}", EXACT, options[1]),
        Signal(question, f"balance_rel_threshold {relative:g}", EXACT, options[2]),
        Signal(question, "cache-aware: least loaded", EXACT, "requests in flight"),
    )
    return Chosen("cache_aware", options, signals)


def _sticky(gateway: Gateway, question: str, policy: Mapping[str, Any]) -> Chosen:
    """Sessions that stay where they are, and where a new one goes."""
    placed = "random" if is_random(policy) else "least" if is_least_loaded(policy) else ""
    words = gateway.sticky.get(placed)
    if words is None:
        return Chosen("", (), _unknown(question, policy))
    grade, why = (EXACT, "") if is_random(policy) or is_fewest_in_flight(policy) else (APPROXIMATE, REPORTED)
    name, *options = words
    return Chosen(name, tuple(options), (Signal(question, f"new sessions: {placed}", grade, " ".join(words), why),))


def _unknown(question: str, policy: Mapping[str, Any]) -> tuple[Signal, ...]:
    """Of a policy that is not there, each of its parts."""
    if policy["policy"] != "weighted":
        return (Signal(question, str(policy["policy"]), MISSING, why="it has no such policy"),)
    why = "it has no sum of weighted scores"
    found = [Signal(question, f"{name} {weight:g}", MISSING, why=why)
             for name, weight in weights_of(policy["scorers"]).items()]  # fmt: skip
    return (*found, Signal(question, f"picker {policy['picker']}", MISSING, why=why))


def _of_filters(gateway: Gateway, filtering: Mapping[str, Any], whole: Chosen) -> list[Signal]:
    if filtering["policy"] == "none":
        return []
    if filtering["policy"] == "session-affinity" and whole.name:
        return [Signal("filtering", "session-affinity", APPROXIMATE, whole.name, STICKS)]
    listed = filtering["filters"] if filtering["policy"] == "chain" else [filtering]
    names = [one if isinstance(one, str) else one["policy"] for one in listed]
    return [Signal("filtering", name, MISSING, why="it has no filters") for name in names]


def _of_admission(champion: Champion) -> list[Signal]:
    name = str(champion.policy("admission")["policy"])
    if name == "always-admit":
        return []
    return [Signal("admission", name, MISSING, why="it admits everybody up to a number of requests in flight")]
