"""NVIDIA Dynamo's frontend and its KV router: flags of `python -m dynamo.frontend`.

Source: ai-dynamo 1.6.1, `common/configuration/groups/router_args.py` and `kv_router_args.py`, whose defaults these are.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from blis.foundation.answers import GATEWAY_QUESTIONS
from blis.foundation.errors import ConfigError
from evolve.exchange import APPROXIMATE, EXACT, MISSING, Champion, Exported, Imported, Signal, signals_elsewhere
from evolve.exchange.flags.choosing import REPORTED, is_fewest_in_flight, is_least_loaded, is_random
from evolve.exchange.flags.dynamo import (
    ASIDE,
    BUSY,
    COSTS,
    DIVIDES,
    DIVISION,
    MODE,
    NO_CREDIT,
    OPTIONS,
    PARAMETERS,
    SESSION_TTL,
    imported,
)
from evolve.exchange.flags.lines import flag, parsed, words_of, written
from evolve.exchange.llm_d.scorers import weights_of

TITLE = "ai-dynamo 1.6.1"
SUFFIX = ".txt"
#: Keys of a policy file, as the configuration names them.
_POLICY_KEYS = ("worker_selection", "policy_classes", "default_policy_family", "uncached_isl_buckets",
                "request_classifier", "router")  # fmt: skip
#: As long as a session may be remembered [s].
_YEAR_S = 31_536_000
_BOUND = "by the session that the client names; forgotten when it is idle for a year"


def export(champion: Champion) -> Exported:
    """The champion as flags of Dynamo's frontend."""
    mode, options, signals = _routing(champion.policy("routing"))
    more, of_filters = _filters(champion.policy("filtering"))
    divides, of_division = _division(champion, mode)
    signals = [*signals, *of_filters, *of_division, *_others(champion)]
    if not mode:
        return Exported(None, signals)
    flags = [flag(MODE, mode), *options, *more, *divides]
    notes = ["Workers find the frontend by themselves; the model and the discovery backend are the deployment's."]
    return Exported(written("python -m dynamo.frontend", flags), signals, notes)


def recognises(name: str, text: str) -> bool:
    """Whether the text starts Dynamo's frontend or router, has a flag that is Dynamo's alone, or is its policy file."""
    return "dynamo." in text or "--router-mode" in text or is_policy_file(text)


def read(where: str, text: str, n_instances: int | None) -> Imported:
    """The policies that the flags mean.

    Raises
    ------
    ConfigError
        If a flag is unknown or wrong, or routes in a way that has no counterpart.
    """
    if is_policy_file(text):
        raise ConfigError(
            f"{where} is a file for --router-policy-config, which is not read here: what it may hold is defined by "
            f"Dynamo's program alone, and has no published schema. Give the flags of {TITLE} in its place."
        )
    return imported(where, parsed(where, words_of(where, text), OPTIONS, ASIDE))


def is_policy_file(text: str) -> bool:
    """Whether it is YAML with a key that a file for `--router-policy-config` has at its top."""
    return any(line.split(":")[0] in _POLICY_KEYS for line in text.splitlines() if ":" in line)


def _routing(policy: Mapping[str, Any]) -> tuple[str, list[str], list[Signal]]:
    name = str(policy["policy"])
    if name == "round-robin":
        return "round-robin", [], [Signal("routing", name, EXACT, "round-robin")]
    if is_random(policy):
        return "random", [], [Signal("routing", "picker random-of-best", EXACT, "random")]
    if name == "power-of-k":
        why = "" if policy["choices"] == 2 else f"two are drawn there, not {policy['choices']}"
        return "power-of-two", [], [Signal("routing", name, APPROXIMATE if why else EXACT, "power-of-two", why)]
    if is_least_loaded(policy):
        grade, why = (EXACT, "") if is_fewest_in_flight(policy) else (APPROXIMATE, REPORTED)
        own = name if name != "weighted" else next(iter(weights_of(policy["scorers"])))
        return "least-loaded", [], [Signal("routing", own, grade, "least-loaded", why)]
    if name == "dynamo-kv":
        options = {key: float(policy[here]) for key, here in PARAMETERS.items()}
        signals = [
            Signal("routing", f"{here} {policy[here]:g}", EXACT, flag(key, options[key]))
            for key, here in PARAMETERS.items()
        ]
        signals += [Signal("routing", what, APPROXIMATE, there, why) for what, there, why in COSTS]
        return "kv", [flag(key, value) for key, value in options.items()], signals
    if name == "weighted":
        why = "it has no sum of weighted scores"
        found = [Signal("routing", f"{own} {weight:g}", MISSING, why=why)
                 for own, weight in weights_of(policy["scorers"]).items()]  # fmt: skip
        return "", [], [*found, Signal("routing", f"picker {policy['picker']}", MISSING, why=why)]
    return "", [], [Signal("routing", name, MISSING, why="it has no such policy")]


def _filters(filtering: Mapping[str, Any]) -> tuple[list[str], list[Signal]]:
    listed = filtering["filters"] if filtering["policy"] == "chain" else [filtering]
    options, signals = [], []
    for choice in listed:
        one = {"policy": choice} if isinstance(choice, str) else dict(choice)
        name = str(one["policy"])
        if name == "session-affinity":
            options.append(flag(SESSION_TTL, _YEAR_S))
            signals.append(Signal("filtering", name, APPROXIMATE, options[-1], _BOUND))
        elif name in ("kv-threshold", "utilization") and (share := _kv_share(one)) is not None:
            why = "where all are above it requests are refused there" + (
                "; other limits are not there" if _has_others(one) else ""
            )
            options.append(flag(BUSY, share))
            signals.append(Signal("filtering", name, APPROXIMATE, options[-1], why))
        elif name != "none":
            signals.append(Signal("filtering", name, MISSING, why="it has no such filter"))
    return options, signals


def _kv_share(one: Mapping[str, Any]) -> float | None:
    """The share of KV blocks above which an instance is passed over; None if there is none."""
    if one["policy"] == "kv-threshold":
        return float(one.get("most_used_share", 0.8))
    share = float(one.get("kv_cache_utilization", 1.0))
    return share if share < 1.0 else None


def _has_others(one: Mapping[str, Any]) -> bool:
    return any(one.get(key, 1e9) < 1e9 for key in ("waiting_queue", "running_requests", "active_requests"))


def _division(champion: Champion, mode: str) -> tuple[list[str], list[Signal]]:
    policy = champion.policy("disaggregation")
    name = str(policy["policy"])
    if name == "never":
        return [], []
    signals = [_of_prefill(champion)]
    if mode == "kv":
        signals.append(Signal("routing", "who decodes", APPROXIMATE, "credit 0", NO_CREDIT))
    if name == "always":
        return [], [Signal("disaggregation", name, EXACT, "prefill workers, and no flag"), *signals]
    if name != "conditional":
        why = "it divides every request, or by its own conditions; every one in its place"
        return [], [Signal("disaggregation", name, MISSING, why=why), *signals]
    if mode != "kv":
        why = "its conditions need --router-mode kv; every request is divided in their place"
        return [], [Signal("disaggregation", name, MISSING, why=why), *signals]
    said: dict[str, Any] = {
        "policy": str(policy["mode"]).replace("-", "_"),
        "eff_isl_threshold": math.ceil(policy["new_tokens"]),
        "eff_isl_ratio_threshold": float(policy["new_share"]),
    }
    if policy["mode"] != "isl-bounding":
        said["prefill_busy_threshold"] = float(policy["prefill_busy_steps"])
    if policy["decode_busy_veto"] == "on":
        said["decode_busy_threshold"] = float(policy["decode_busy_share"])
    text = json.dumps(said)
    busy = "decode_busy_threshold" in said
    why = "a decode worker is busy by what the router has sent it there, by what it reports here" if busy else ""
    signal = Signal("disaggregation", f"{name} {policy['mode']}", APPROXIMATE if why else EXACT, text, why)
    return [DIVIDES, flag(DIVISION, text)], [signal, *signals]


def _of_prefill(champion: Champion) -> Signal:
    name = str(champion.policy("prefill_routing")["policy"])
    if name == "same-as-routing":
        return Signal("prefill_routing", name, EXACT, "the same mode")
    return Signal("prefill_routing", name, MISSING, "the same mode", "flags set one mode for both")


def _others(champion: Champion) -> list[Signal]:
    """Admission and the queue, which flags of the frontend do not set as here."""
    signals = []
    admits = str(champion.policy("admission")["policy"])
    if admits != "always-admit":
        signals.append(Signal("admission", admits, MISSING, why="it refuses by thresholds of busy workers alone"))
    if champion.policy("saturation")["policy"] != "never":
        why = "its queue holds while all workers have more prompt tokens than a threshold, in one order for everybody"
        signals += [Signal(question, str(champion.policy(question)["policy"]), MISSING, why=why)
                    for question in GATEWAY_QUESTIONS]  # fmt: skip
    return [*signals, *signals_elsewhere(champion)]
