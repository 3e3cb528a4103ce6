"""Flags of SGLang's gateway and its kin, as policies here."""

from collections.abc import Mapping
from typing import Any

from blis.foundation.errors import ConfigError
from blis.foundation.words import shown
from evolve.exchange import APPROXIMATE, EXACT, MISSING, Imported, Signal
from evolve.exchange.flags.choosing import FEWEST_IN_FLIGHT, RANDOM, SESSION
from evolve.exchange.flags.gateways import ABS, CACHE, IN_CHARACTERS, LEAST_LOADED, REL, STICKS, Gateway
from evolve.exchange.flags.lines import Line, Option, flag
from evolve.exchange.flags.waiting import MOST, PATIENCE, PATIENCE_DEFAULT_S, QUEUE, QUEUE_DEFAULT

#: Flags that both have, and their defaults.
OPTIONS: Mapping[str, Option] = {
    CACHE: Option("number", 0, 1), ABS: Option("int", 0), REL: Option("number", 1)
}  # fmt: skip
THRESHOLDS: Mapping[str, float] = {CACHE: 0.3, ABS: 64, REL: 1.5}
#: Flags that change how a policy works in ways that have no counterpart, and what they are about.
INDEX = {
    "--eviction-interval-secs": "how often the router's tree is cut back; here router_index_blocks says its size",
    "--max-tree-size": "how large the router's tree is; here router_index_blocks",
}
_QUESTIONS = {"routing": "--policy", "prefill_routing": "--prefill-policy"}


def imported(gateway: Gateway, where: str, line: Line, n_instances: int | None) -> Imported:
    """The policies that a command line of the router means.

    Raises
    ------
    ConfigError
        If a policy is none that is known here.
    """
    values = line.values
    divides = bool(values.get(gateway.divides))
    main = values.get("--policy", "cache_aware")
    decode = values.get("--decode-policy") or main if divides else main
    policies, signals = _policy(gateway, where, "routing", decode, values)
    if divides:
        own, of_prefill = _policy(gateway, where, "prefill_routing", values.get("--prefill-policy") or main, values)
        policies |= {"disaggregation": {"policy": "always"}, "prefill_routing": own["routing"]}
        signals = [*signals, Signal("disaggregation", gateway.divides, EXACT, "always"), *of_prefill]
    elif values.get("--prefill-policy") or values.get("--decode-policy"):
        raise ConfigError(f"{where}: --prefill-policy and --decode-policy must come with {gateway.divides}.")
    queue, limits, of_queue = _queue(values, n_instances)
    signals += [
        *of_queue,
        *(Signal("routing", name, MISSING, why=why) for name, why in INDEX.items() if name in values),
    ]
    if "--max-idle-secs" in values:
        why = "sessions are remembered as long as they last"
        signals.append(Signal("filtering", "--max-idle-secs", MISSING, why=why))
    return Imported({**policies, **queue}, signals, limits)


def _policy(
    gateway: Gateway, where: str, question: str, name: str, values: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Signal]]:
    """The answer to `routing`, and to `filtering` where sessions stick."""
    said = f"{_QUESTIONS[question]} {name}"
    if name == "round_robin":
        return {"routing": {"policy": "round-robin"}}, [Signal(question, said, EXACT, "round-robin")]
    if name == "random":
        return {"routing": dict(RANDOM)}, [Signal(question, said, EXACT, "weighted, random-of-best")]
    if name == "power_of_two":
        grade = APPROXIMATE if gateway.power_of_two else EXACT
        chosen = {"policy": "power-of-k", "choices": 2}
        return {"routing": chosen}, [Signal(question, said, grade, "power-of-k", gateway.power_of_two)]
    if name == "cache_aware":
        return _cache_aware(question, said, values)
    placed = values.get("--assignment-mode", "random")
    for kind, (own, *options) in gateway.sticky.items():
        if own == name and (not options or options == [flag("--assignment-mode", placed)]):
            new = RANDOM if kind == "random" else FEWEST_IN_FLIGHT
            if question == "prefill_routing":
                raise ConfigError(
                    f"{where}: {said} must be of who decodes: sessions do not stick to who prefills here."
                )
            signals = [Signal("filtering", said, APPROXIMATE, "session-affinity", STICKS),
                       Signal(question, " ".join((own, *options)), EXACT, f"new sessions: {kind}")]  # fmt: skip
            return {"routing": dict(new), "filtering": dict(SESSION)}, signals
    raise ConfigError(f"{where}: {said} routes in a way that this program does not know{_placed(name, placed)}.")


def _placed(name: str, placed: object) -> str:
    return f", with --assignment-mode {shown(placed)}" if name == "manual" else ""


def _cache_aware(question: str, said: str, values: Mapping[str, Any]) -> tuple[dict[str, Any], list[Signal]]:
    given = {key: values.get(key, default) for key, default in THRESHOLDS.items()}
    if given == LEAST_LOADED:
        return {"routing": dict(FEWEST_IN_FLIGHT)}, [Signal(question, said, EXACT, "weighted, active-requests alone")]
    chosen = {
        "policy": "cache-aware",
        "cache_threshold": float(given[CACHE]),
        "balance_abs_threshold": float(given[ABS]),
        "balance_rel_threshold": float(given[REL]),
    }
    signals = [Signal(question, said, APPROXIMATE, "cache-aware", IN_CHARACTERS)]
    signals += [Signal(question, f"{key} {value:g}", EXACT, key[2:].replace("-", "_")) for key, value in given.items()]
    return {"routing": chosen}, signals


def _queue(
    values: Mapping[str, Any], n_instances: int | None
) -> tuple[dict[str, Any], dict[str, Any] | None, list[Signal]]:
    """The gateway's policies and limits, where requests in flight are limited."""
    most = values.get(MOST, -1)
    if most <= 0:
        return {}, None, []
    said = f"{MOST} {most}"
    if n_instances is None:
        why = "the limit is that of all workers together: give instances=N"
        return {}, None, [Signal("saturation", said, MISSING, why=why)]
    policies = {"saturation": {"policy": "concurrency", "mode": "requests", "max_concurrency": most / n_instances}}
    ttl_s = values.get(PATIENCE, PATIENCE_DEFAULT_S)
    limits = {"capacity_requests": values.get(QUEUE, QUEUE_DEFAULT), "ttl_ms": 1e3 * ttl_s}
    why = "a bucket of tokens there, which is also refilled by time"
    return (
        policies,
        {key: value for key, value in limits.items() if value},
        [
            Signal("saturation", said, APPROXIMATE, "concurrency", why),
            Signal("gateway", QUEUE, EXACT, f"capacity_requests {limits['capacity_requests']}"),
            Signal("gateway", PATIENCE, EXACT, f"ttl_ms {limits['ttl_ms']:g}"),
        ],
    )
