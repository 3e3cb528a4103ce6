"""vLLM's router (vllm-project/router): flags of `vllm-router`, which descends from SGLang's.

Source: vllm-router 0.1.17, `router_args.py`, whose defaults these are. `kv_aware` is not known here: its cost is not
published.
"""

from collections.abc import Mapping

from evolve.exchange import Champion, Exported, Imported
from evolve.exchange.flags.gateways import Gateway, exported
from evolve.exchange.flags.lines import Option, counts, parsed, words_of
from evolve.exchange.flags.reading import INDEX, OPTIONS, imported
from evolve.exchange.flags.waiting import OPTIONS as QUEUE_OPTIONS

TITLE = "vllm-router 0.1.17"
SUFFIX = ".txt"
_GATEWAY = Gateway(
    title=TITLE,
    program="vllm-router",
    divides="--vllm-pd-disaggregation",
    sticky={"least": ("sticky_least_loaded",), "random": ("consistent_hash",)},
    header="x-session-id",
    power_of_two="by tokens in use where both workers report them there, by requests in flight here",
)
_POLICIES = (
    *("random", "round_robin", "cache_aware", "kv_aware", "power_of_two", "consistent_hash"),
    "sticky_least_loaded",
)
_OPTIONS: Mapping[str, Option] = {
    **{name: Option("text", choices=_POLICIES) for name in ("--policy", "--prefill-policy", "--decode-policy")},
    "--vllm-pd-disaggregation": Option("flag"),
    **{name: Option("int", 1) for name in INDEX},
    **OPTIONS,
    **QUEUE_OPTIONS,
}
#: Flags of the deployment, and how many words follow them.
_ASIDE: Mapping[str, int] = counts(
    none="""
    --disable-circuit-breaker --disable-retries --enable-igw --mini-lb --service-discovery
    """,
    one="""
    --api-key --cb-failure-threshold --cb-success-threshold --cb-timeout-duration-secs --cb-window-duration-secs
    --decode --health-check-endpoint --health-check-interval-secs --health-check-timeout-secs
    --health-failure-threshold --health-success-threshold --host --intra-node-data-parallel-size
    --kv-aware-session-affinity-ttl-secs --kv-connector --kv-event-block-size --kv-event-model
    --kv-event-replay-source --kv-event-source --kv-penalty-disk --kv-penalty-external --kv-penalty-host --log-dir
    --log-level --max-payload-size --pd-kv-events --port --prometheus-host --prometheus-port
    --rate-limit-tokens-per-second --request-timeout-secs --retry-backoff-multiplier --retry-initial-backoff-ms
    --retry-jitter-factor --retry-max-backoff-ms --retry-max-retries --router-temperature
    --service-discovery-namespace --service-discovery-port --vllm-discovery-address --wasm-middleware
    --wasm-middleware-route --wasm-middleware-sha256 --worker-startup-check-interval --worker-startup-timeout-secs
    """,
    several="""
    --cors-allowed-origins --decode-selector --prefill --prefill-selector --request-id-headers --selector
    --worker-urls
    """,
)


def export(champion: Champion) -> Exported:
    """The champion as flags of vLLM's router."""
    return exported(_GATEWAY, champion)


def recognises(name: str, text: str) -> bool:
    """Whether the text starts vLLM's router, or the file is called so."""
    is_named = "vllm-router" in text or "vllm_router" in text or ("vllm" in name and text.lstrip().startswith("-"))
    return is_named and "--routing-logic" not in text


def read(where: str, text: str, n_instances: int | None) -> Imported:
    """The policies that the flags mean.

    Raises
    ------
    ConfigError
        If a flag is unknown or wrong, or a policy has no counterpart.
    """
    return imported(_GATEWAY, where, parsed(where, words_of(where, text), _OPTIONS, _ASIDE), n_instances)
