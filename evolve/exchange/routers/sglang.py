"""SGLang's router (model gateway): flags of `python -m sglang_router.launch_router`.

Source: sglang-router 0.3.2, `router_args.py`, whose defaults these are.
"""

from collections.abc import Mapping

from evolve.exchange import Champion, Exported, Imported
from evolve.exchange.flags.gateways import Gateway, exported
from evolve.exchange.flags.lines import Option, counts, parsed, words_of
from evolve.exchange.flags.reading import INDEX, OPTIONS, imported
from evolve.exchange.flags.waiting import OPTIONS as QUEUE_OPTIONS

TITLE = "sglang-router 0.3.2"
SUFFIX = ".txt"
_GATEWAY = Gateway(
    title=TITLE,
    program="python -m sglang_router.launch_router",
    divides="--pd-disaggregation",
    sticky={"least": ("manual", "--assignment-mode min_load"), "random": ("manual", "--assignment-mode random")},
    header="x-smg-routing-key",
    power_of_two="by tokens in use where both workers report them there, by requests in flight here",
)
_POLICIES = ("random", "round_robin", "cache_aware", "power_of_two", "manual")
_OPTIONS: Mapping[str, Option] = {
    "--policy": Option("text", choices=_POLICIES),
    "--prefill-policy": Option("text", choices=(*_POLICIES, "bucket")),
    "--decode-policy": Option("text", choices=_POLICIES),
    "--pd-disaggregation": Option("flag"),
    "--assignment-mode": Option("text", choices=("random", "min_load", "min_group")),
    "--max-idle-secs": Option("int", 1),
    **{name: Option("int", 1) for name in INDEX},
    **OPTIONS,
    **QUEUE_OPTIONS,
}
#: Flags of the deployment, and how many words follow them.
_ASIDE: Mapping[str, int] = counts(
    none="""
    --control-plane-audit-enabled --disable-circuit-breaker --disable-health-check --disable-retries --dp-aware
    --enable-igw --enable-trace --mini-lb --service-discovery --tokenizer-cache-enable-l0
    --tokenizer-cache-enable-l1
    """,
    one="""
    --api-key --backend --bucket-adjust-interval-secs --cb-failure-threshold --cb-success-threshold
    --cb-timeout-duration-secs --cb-window-duration-secs --chat-template --client-cert-path --client-key-path
    --decode --health-check-endpoint --health-check-interval-secs --health-check-timeout-secs
    --health-failure-threshold --health-success-threshold --history-backend --host --jwt-audience --jwt-issuer
    --jwt-jwks-uri --log-dir --log-level --max-payload-size --mcp-config-path --model-path
    --oracle-connect-descriptor --oracle-password --oracle-pool-max --oracle-pool-min --oracle-pool-timeout-secs
    --oracle-tns-alias --oracle-username --oracle-wallet-path --otlp-traces-endpoint --port --postgres-db-url
    --postgres-pool-max --prometheus-host --prometheus-port --rate-limit-tokens-per-second --reasoning-parser
    --redis-pool-max --redis-retention-days --redis-url --request-timeout-secs --retry-backoff-multiplier
    --retry-initial-backoff-ms --retry-jitter-factor --retry-max-backoff-ms --retry-max-retries
    --service-discovery-namespace --service-discovery-port --shutdown-grace-period-secs --tls-cert-path
    --tls-key-path --tokenizer-cache-l0-max-entries --tokenizer-cache-l1-max-memory --tokenizer-path
    --tool-call-parser --worker-startup-check-interval --worker-startup-timeout-secs
    """,
    several="""
    --ca-cert-paths --control-plane-api-keys --cors-allowed-origins --decode-selector --jwt-role-mapping --prefill
    --prefill-selector --prometheus-duration-buckets --request-id-headers --selector --worker-urls
    """,
)


def export(champion: Champion) -> Exported:
    """The champion as flags of SGLang's router."""
    return exported(_GATEWAY, champion)


def recognises(name: str, text: str) -> bool:
    """Whether the text starts SGLang's router, or the file is called so."""
    return "sglang_router" in text or "sglang-router" in text or ("sglang" in name and text.lstrip().startswith("-"))


def read(where: str, text: str, n_instances: int | None) -> Imported:
    """The policies that the flags mean.

    Raises
    ------
    ConfigError
        If a flag is unknown or wrong, or a policy has no counterpart.
    """
    return imported(_GATEWAY, where, parsed(where, words_of(where, text), _OPTIONS, _ASIDE), n_instances)
