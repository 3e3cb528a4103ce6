"""Flags of Dynamo's frontend, as policies here.

Source: ai-dynamo 1.6.1, `common/configuration/groups/`. What changes where a request goes and has no counterpart here
is refused.
"""

import json
from collections.abc import Mapping
from typing import Any

from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown
from evolve.exchange import APPROXIMATE, EXACT, MISSING, Imported, Signal
from evolve.exchange.flags.choosing import FEWEST_IN_FLIGHT, RANDOM, SESSION
from evolve.exchange.flags.lines import Line, Option, counts

MODE, SESSION_TTL, SESSION_MODE = (
    "--router-mode",
    "--router-session-affinity-ttl-secs",
    "--router-session-affinity-mode",
)
BUSY, DIVIDES = "--active-decode-blocks-threshold", "--router-conditional-disagg"
DIVISION = "--router-conditional-disagg-config"
_CREDIT, _SCALE = "--router-kv-overlap-score-credit", "--router-prefill-load-scale"
_WEIGHTS = ("--router-kv-overlap-score-weight", "--kv-overlap-score-weight")  # older names of the scale
_TEMPERATURE = "--router-temperature"
PARAMETERS: Mapping[str, str] = {
    _SCALE: "prefill_load_scale", _CREDIT: "overlap_score_credit", _TEMPERATURE: "temperature"
}  # fmt: skip
_DEFAULTS = {_SCALE: 1.0, _CREDIT: 1.0, _TEMPERATURE: 0.0}
#: Parts of the cost, and in what they differ.
COSTS = (
    (
        "blocks to prefill",
        "active prefill blocks",
        "of what the router has sent there and of what instances report here",
    ),
    (
        "blocks in use",
        "active decode blocks",
        "counted by the router, without outputs, there; as instances report here",
    ),
)
NO_CREDIT = "cached blocks count nothing where only who decodes is chosen there"
#: Numbers that must be what makes the cost the one of here.
_MUST_BE = {
    "--router-kv-overlap-score-credit-decay": 0.0,
    "--router-decode-active-request-weight": 0.0,
}
#: Switches and numbers that have no counterpart, and what they change.
_UNSAID = {
    "--router-queue-threshold": "requests wait at the router while all workers are busy there",
    "--router-queue-policy": "the order of those that wait at the router",
    "--active-prefill-tokens-threshold": "workers with more prompt tokens are passed over there",
    "--active-prefill-tokens-threshold-frac": "workers with more prompt tokens are passed over there",
    "--router-host-cache-hit-weight": "credit for blocks in host memory",
    "--router-disk-cache-hit-weight": "credit for blocks on disk",
    "--router-ttl-secs": "how long blocks are thought to be cached without events",
    "--router-predicted-ttl-secs": "how long blocks are thought to be cached before an event tells",
    "--shared-cache-multiplier": "credit for blocks in a shared cache",
    "--no-router-kv-events": "the router guesses what is cached there; here instances report it",
    "--no-router-track-active-blocks": "blocks in use do not count there",
    "--no-router-assume-kv-reuse": "prompts that share blocks count them twice there",
    "--no-router-track-prefill-tokens": "prompts that wait do not count there",
    "--router-track-output-blocks": "outputs count as blocks in use there",
}
_SWITCHES = ("--router-kv-events", "--router-track-active-blocks", "--router-assume-kv-reuse",
             "--router-track-prefill-tokens", "--router-track-output-blocks", DIVIDES, "--load-aware")  # fmt: skip
_MODES = (
    "round-robin", "random", "power-of-two", "kv", "direct", "least-loaded", "device-aware-weighted"
)  # fmt: skip
OPTIONS: Mapping[str, Option] = {
    MODE: Option("text", choices=_MODES),
    **{name: Option("number", 0) for name in (_SCALE, *_WEIGHTS, _CREDIT, _TEMPERATURE, *_MUST_BE)},
    **{name: Option("switch") for name in _SWITCHES},
    **{name: Option("number", 0) for name in _UNSAID if not name.startswith("--no-") and name not in _SWITCHES
       and name != "--router-queue-policy"},
    "--router-queue-policy": Option("text", choices=("fcfs", "wspt")),
    SESSION_TTL: Option("int", 1, 31_536_000),
    SESSION_MODE: Option("text", choices=("hard", "soft")),
    BUSY: Option("number", 0, 1),
    DIVISION: Option("text"),
    **{name: Option("text") for name in
       ("--router-policy-config", "--router-prefill-policy", "--router-decode-policy", "--shared-cache-type")},
}  # fmt: skip
#: Flags of the deployment, and how many words follow them.
ASIDE: Mapping[str, int] = counts(
    none="""
    -i --interactive --no-interactive --dyn-debug-perf --no-dyn-debug-perf --enable-anthropic-api
    --no-enable-anthropic-api --kserve-grpc-server --no-kserve-grpc-server --router-replica-sync
    --no-router-replica-sync --serve-indexer --no-serve-indexer --trust-remote-code --no-trust-remote-code
    --use-remote-indexer --no-use-remote-indexer --enforce-disagg --no-enforce-disagg
    """,
    one="""
    --admission-control --discovery-backend --dump-config-to --dyn-chat-processor --dyn-preprocess-workers
    --endpoint --event-plane --grpc-metrics-port --http-host --http-port --kv-cache-block-size --metrics-prefix
    --migration-limit --migration-max-seq-len --model-name --model-path --namespace --namespace-prefix
    --request-plane --response-plane --router-approximate-cache-policy --router-block-size --router-event-threads
    --router-min-initial-workers --router-prefill-load-model --router-tracking-hash --router-tracking-key-file
    --router-tracking-key-id --tls-cert-path --tls-key-path --tokenizer
    """,
    several="",
)


def imported(where: str, line: Line) -> Imported:
    """The policies that a command line of the frontend means.

    Raises
    ------
    ConfigError
        If it routes in a way that has no counterpart, or a value is out of the range here.
    """
    values = dict(line.values)
    mode = "kv" if values.get("--load-aware") else str(values.get(MODE, "round-robin"))
    for name in ("--router-policy-config", "--router-prefill-policy", "--router-decode-policy"):
        if name in values:
            raise ConfigError(f"{where}: {name} must not be given: policies of a file of its own are not read here.")
    routing, signals = _kv(where, values) if mode == "kv" else _plain(where, mode)
    policies: dict[str, Any] = {"routing": routing}
    filters, of_filters = _filters(values)
    if filters:
        policies["filtering"] = filters[0] if len(filters) == 1 else {"policy": "chain", "filters": filters}
    signals = [*signals, *of_filters]
    if values.get(DIVIDES):
        if mode != "kv":
            raise ConfigError(f"{where}: {DIVIDES} must come with {MODE} kv; got {mode}.")
        divided, of_division = _division(where, values.get(DIVISION, "{}"), values.get("--router-queue-threshold"))
        policies["disaggregation"], signals = divided, [*signals, *of_division]
    elif DIVISION in values:
        raise ConfigError(f"{where}: {DIVISION} must come with {DIVIDES}.")
    return Imported(policies, [*signals, *_unsaid(values)])


def _plain(where: str, mode: str) -> tuple[dict[str, Any], list[Signal]]:
    said = f"{MODE} {mode}"
    known: Mapping[str, tuple[Mapping[str, Any], str]] = {
        "round-robin": ({"policy": "round-robin"}, "round-robin"),
        "random": (RANDOM, "weighted, random-of-best"),
        "power-of-two": ({"policy": "power-of-k", "choices": 2}, "power-of-k"),
        "least-loaded": (FEWEST_IN_FLIGHT, "weighted, active-requests alone"),
    }
    if mode not in known:
        raise ConfigError(f"{where}: {said} routes in a way that this program does not know.")
    policy, words = known[mode]
    return dict(policy), [Signal("routing", said, EXACT, words)]


def _kv(where: str, values: Mapping[str, Any]) -> tuple[dict[str, Any], list[Signal]]:
    for name, wanted in _MUST_BE.items():
        if values.get(name, wanted) != wanted:
            raise ConfigError(f"{where}: {name} must be {wanted:g}, as here; got {values[name]:g}.")
    numbers = {name: float(values.get(name, default)) for name, default in _DEFAULTS.items()}
    for older in _WEIGHTS:
        if older in values:  # a weight of 0 takes the credit away as well
            numbers |= {_SCALE: values[older]} | ({_CREDIT: 0.0} if values[older] == 0 else {})
    if values.get("--load-aware"):
        numbers[_CREDIT] = 0.0
    for name, most in ((_SCALE, 1000.0), (_CREDIT, 1.0), (_TEMPERATURE, 10.0)):
        check_number(f"{where}: {name}", numbers[name], 0.0, most)
    policy = {"policy": "dynamo-kv", **{PARAMETERS[name]: value for name, value in numbers.items()}}
    signals = [Signal("routing", f"{name} {value:g}", EXACT, PARAMETERS[name]) for name, value in numbers.items()]
    return policy, [*signals, *(Signal("routing", there, APPROXIMATE, what, why) for what, there, why in COSTS)]


def _filters(values: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[Signal]]:
    filters, signals = list[dict[str, Any]](), list[Signal]()
    if SESSION_TTL in values:
        hard = values.get(SESSION_MODE, "hard") == "hard"
        why = "remembered as long as the session lasts here"
        if hard:
            filters.append(dict(SESSION))
            signals.append(
                Signal("filtering", f"{SESSION_TTL} {values[SESSION_TTL]}", APPROXIMATE, "session-affinity", why)
            )
        else:
            signals.append(Signal("filtering", f"{SESSION_MODE} soft", MISSING, why="a preference of its policy alone"))
    if BUSY in values:
        filters.append({"policy": "utilization", "kv_cache_utilization": float(values[BUSY])})
        why = "counted by the router there, as instances report it here"
        signals.append(Signal("filtering", f"{BUSY} {values[BUSY]:g}", APPROXIMATE, "utilization", why))
    return filters, signals


def _division(where: str, text: str, queue_threshold: float | None) -> tuple[dict[str, Any], list[Signal]]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{where}: {DIVISION} must be a JSON object; got {shown(text)}.") from error
    at = f"{where}: {DIVISION}"
    given = check_keys(
        at, document,
        ("policy", "eff_isl_threshold", "eff_isl_ratio_threshold", "prefill_busy_threshold", "decode_busy_threshold"),
    )  # fmt: skip
    mode = check_choice(f"{at}.policy", given.get("policy", "isl_bounding"),
                        ("isl_bounding", "prefill_load", "isl_or_load"))  # fmt: skip
    policy: dict[str, Any] = {
        "policy": "conditional",
        "mode": mode.replace("_", "-"),
        "new_tokens": float(check_int(f"{at}.eff_isl_threshold", given.get("eff_isl_threshold", 2048), 0)),
        "new_share": check_number(f"{at}.eff_isl_ratio_threshold", given.get("eff_isl_ratio_threshold", 0.7), 0.0, 1.0),
    }
    busy = given.get("prefill_busy_threshold", queue_threshold)
    if mode != "isl_bounding":
        if busy is None:
            raise ConfigError(f"{at}.prefill_busy_threshold must be given with the policy {mode}.")
        policy["prefill_busy_steps"] = check_number(f"{at}.prefill_busy_threshold", busy, 0.0)
    signals = [Signal("disaggregation", f"{DIVISION} {text}", EXACT, f"conditional {policy['mode']}")]
    if given.get("decode_busy_threshold") is not None:
        share = check_number(f"{at}.decode_busy_threshold", given["decode_busy_threshold"], 0.0, 1.0)
        policy |= {"decode_busy_veto": "on", "decode_busy_share": share}
        why = "busy is counted by the router there, reported by instances here"
        signals.append(Signal("disaggregation", "decode_busy_threshold", APPROXIMATE, "decode_busy_share", why))
    return policy, [*signals, Signal("routing", "who decodes", APPROXIMATE, "dynamo-kv", NO_CREDIT)]


def _unsaid(values: Mapping[str, Any]) -> list[Signal]:
    """What was given and has no counterpart; a switch counts where it is not as by default."""
    found = []
    for name, why in _UNSAID.items():
        positive = f"--{name[5:]}" if name.startswith("--no-") else name
        given = values.get(positive)
        if positive not in values or (isinstance(given, bool) and given != (positive == name)):
            continue
        found.append(Signal("routing", name if isinstance(given, bool) else f"{name} {given}", MISSING, why=why))
    return found
