"""The router of vLLM's production stack: `vllm-router --routing-logic`, a Python program beside the one in Rust.

Source: vllm-project/production-stack, `src/vllm_router/parsers/parser.py`, `routers/routing_logic.py` and
`prefix/hashtrie.py`.
"""

from collections.abc import Mapping
from typing import Any

from blis.foundation.answers import GATEWAY_QUESTIONS
from blis.foundation.errors import ConfigError
from evolve.exchange import APPROXIMATE, EXACT, MISSING, Champion, Exported, Imported, Signal, signals_elsewhere
from evolve.exchange.flags.choosing import RANDOM, SESSION, is_random
from evolve.exchange.flags.lines import Option, counts, flag, parsed, words_of, written
from evolve.exchange.llm_d.scorers import weights_of

TITLE = "vLLM production-stack router"
SUFFIX = ".txt"
_LOGIC, _KEY = "--routing-logic", "--session-key"
_HEADER = "x-session-id"
_HASHED = "sessions lie on a ring of hashes there, and whoever has none goes where fewest requests came"
#: What `prefixaware` is here: where most of the prompt's beginning went, by the router's own index.
_PREFIX: Mapping[str, Any] = {"policy": "weighted", "scorers": {"prefix-affinity": 1.0}, "picker": "largest"}
_CHUNKS = (
    "matched in chunks of 128 characters there, the last partial one included, by an index that forgets nothing; in KV "
    "blocks here"
)
_FIRST = "there the first engine of each label gets every request, in turn here: the same with one engine of each"
#: Logics that have no counterpart here, and why.
_NOWHERE: Mapping[str, str] = {
    "kvaware": "LMCache's controller names the engine, and where it knows too little the lowest rate of requests, or a "
    "hash of the session, decides",
    "priority": "it goes where the rate of requests has been the lowest",
}
_OPTIONS: Mapping[str, Option] = {
    _LOGIC: Option(
        "text", choices=("roundrobin", "session", "kvaware", "prefixaware", "disaggregated_prefill", "priority")
    ),
    _KEY: Option("text"),
}
#: Flags of the deployment, and how many words follow them.
_ASIDE: Mapping[str, int] = counts(
    none="--static-backend-health-checks --enable-batch-api --log-stats --otel-secure --version",
    one="""
    --host --port --service-discovery --k8s-service-discovery-type --static-backends --static-models --static-aliases
    --static-model-types --static-model-labels --k8s-port --k8s-namespace --k8s-label-selector
    --k8s-watcher-timeout-seconds --backend-health-check-timeout-seconds --lmcache-controller-port --callbacks
    --request-rewriter --file-storage-class --file-storage-path --batch-processor --engine-stats-interval
    --request-stats-window --log-stats-interval --feature-gates --log-level --sentry-dsn --sentry-traces-sample-rate
    --sentry-profile-session-sample-rate --otel-endpoint --otel-service-name --prefill-model-labels
    --decode-model-labels --kv-aware-threshold --lmcache-health-check-interval --lmcache-worker-timeout
    """,
    several="",
)


def export(champion: Champion) -> Exported:
    """The champion as flags of the router."""
    routing, filtering = champion.policy("routing"), champion.policy("filtering")
    name, divided = str(routing["policy"]), champion.policy("disaggregation")["policy"]
    flags: list[str] = []
    signals: list[Signal] = []
    if filtering["policy"] == "session-affinity" and is_random(routing) and divided == "never":
        flags = [flag(_LOGIC, "session"), flag(_KEY, _HEADER)]
        signals = [Signal("filtering", "session-affinity", APPROXIMATE, "session", _HASHED),
                   Signal("routing", "picker random-of-best", APPROXIMATE, "session", _HASHED)]  # fmt: skip
    elif name == "round-robin" and filtering["policy"] == "none":
        flags = [flag(_LOGIC, "roundrobin" if divided == "never" else "disaggregated_prefill")]
        grade, why = (EXACT, "") if divided == "never" else (APPROXIMATE, _FIRST)
        signals = [Signal("routing", name, grade, flags[0], why)]
        signals += _division(champion, str(divided), flags[0]) if divided != "never" else []
    elif _is_prefix(routing) and filtering["policy"] == "none" and divided == "never":
        flags = [flag(_LOGIC, "prefixaware")]
        signals = [Signal("routing", "prefix-affinity", APPROXIMATE, flags[0], _CHUNKS)]
    else:
        why = "it has round-robin, sessions that stick, and the longest known beginning of a prompt"
        signals = [Signal("routing", name, MISSING, why=why)]
        signals += [Signal("filtering", str(filtering["policy"]), MISSING, why=why)
                    for _ in range(filtering["policy"] != "none")]  # fmt: skip
    signals += _others(champion)
    if not flags:
        return Exported(None, signals)
    notes = ["Engines are the deployment's: add --service-discovery, and --static-backends or those of Kubernetes."]
    return Exported(written("vllm-router", flags), signals, notes)


def recognises(name: str, text: str) -> bool:
    """Whether there is the flag that is this router's alone."""
    return _LOGIC in text


def read(where: str, text: str, n_instances: int | None) -> Imported:
    """The policies that the flags mean.

    Raises
    ------
    ConfigError
        If a flag is unknown or wrong, or the logic has no counterpart.
    """
    values = parsed(where, words_of(where, text), _OPTIONS, _ASIDE).values
    logic = values.get(_LOGIC)
    said, turns = f"{_LOGIC} {logic}", {"policy": "round-robin"}
    if logic == "roundrobin":
        return Imported({"routing": turns}, [Signal("routing", said, EXACT, "round-robin")])
    if logic == "disaggregated_prefill":
        policies: dict[str, Any] = {
            "routing": turns, "disaggregation": {"policy": "always"}, "prefill_routing": dict(turns)
        }  # fmt: skip
        signals = [
            Signal("disaggregation", said, EXACT, "always"),
            Signal("routing", said, APPROXIMATE, "round-robin on both sides", _FIRST),
        ]
        return Imported(policies, signals)
    if logic == "prefixaware":
        return Imported({"routing": dict(_PREFIX)}, [Signal("routing", said, APPROXIMATE, "prefix-affinity", _CHUNKS)])
    if logic == "session":
        if _KEY not in values:
            raise ConfigError(f"{where}: {_KEY} must be given with {said}.")
        signals = [Signal("filtering", said, APPROXIMATE, "session-affinity, new sessions anywhere", _HASHED)]
        return Imported({"routing": dict(RANDOM), "filtering": dict(SESSION)}, signals)
    if logic is None:
        raise ConfigError(f"{where}: {_LOGIC} must be given.")
    raise ConfigError(f"{where}: {said} has no counterpart here: {_NOWHERE[str(logic)]}.")


def _is_prefix(routing: Mapping[str, Any]) -> bool:
    """Whether the longest beginning that the router has sent somewhere decides alone."""
    if routing["policy"] != "weighted" or routing["picker"] != "largest":
        return False
    return [name for name, weight in weights_of(routing["scorers"]).items() if weight > 0] == ["prefix-affinity"]


def _division(champion: Champion, divided: str, there: str) -> list[Signal]:
    why = "" if divided == "always" else "every request is divided there"
    chosen = str(champion.policy("prefill_routing")["policy"])
    same = chosen in ("round-robin", "same-as-routing")
    return [
        Signal("disaggregation", divided, MISSING if why else EXACT, there, why),
        Signal("prefill_routing", chosen, APPROXIMATE if same else MISSING, there, _FIRST),
    ]


def _others(champion: Champion) -> list[Signal]:
    admits = str(champion.policy("admission")["policy"])
    signals = [Signal("admission", admits, MISSING, why="it admits everybody")] if admits != "always-admit" else []
    if champion.policy("saturation")["policy"] != "never":
        signals += [Signal(question, str(champion.policy(question)["policy"]), MISSING, why="it has no queue")
                    for question in GATEWAY_QUESTIONS]  # fmt: skip
    return [*signals, *signals_elsewhere(champion)]
