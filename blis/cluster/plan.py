"""What cluster a configuration asks for, as frozen records made from plain mappings; nothing is looked up yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

from blis.cluster.autoscaling import Autoscaling, of_pool
from blis.cluster.disaggregation import Disaggregation
from blis.cluster.encoder import Encoder
from blis.cluster.failures import Failure, failures_from
from blis.cluster.gateway import Gateway
from blis.cluster.kv_capacity import KV_CACHE_DTYPES
from blis.cluster.kv_tiers import TierPlan
from blis.cluster.latency_file import is_latency_file, read_latency
from blis.cluster.lora import Lora
from blis.cluster.request_timeout import with_timeout
from blis.cluster.speculative import Speculative
from blis.cluster.swap_space import SwapPlan
from blis.foundation.answers import answer, choices
from blis.foundation.checks import check_choice, check_flag, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.roles import BITS, DECODE, PREFILL
from blis.foundation.words import shown

#: Who gets a request that several instances are equally good for: one that the seed draws, or the first of them.
TIE_RULES = ("random", "lowest-index")
MOST_INSTANCES = 100_000
MOST_BLOCK_TOKENS = 2**20
MOST_PRICE = 1e6  #: US $ for an hour of a GPU
MOST_DELAY_US = 2**53  #: of signals and decisions
MOST = 2**40  #: tokens, blocks or requests of one instance: products of two still fit the clock's integers


class Whole(NamedTuple):
    """Default and range of a whole number."""

    default: int | None  #: None: may be left out
    least: int
    most: int = MOST
    unit: str = ""


_POOL_NUMBERS = {
    "tensor_parallel": Whole(None, 1, 1024, "GPUs"),
    "kv_blocks": Whole(None, 1, MOST, "blocks"),
    "max_running_requests": Whole(256, 1, MOST, "requests"),
    "step_token_budget": Whole(2048, 1, MOST, "tokens"),
    "long_prefill_threshold_tokens": Whole(0, 0, MOST, "tokens"),
    "max_model_len_tokens": Whole(None, 0, MOST, "tokens"),
}
_CLUSTER_NUMBERS = {
    "block_size_tokens": Whole(16, 1, MOST_BLOCK_TOKENS, "tokens"),
    "admission_latency_us": Whole(0, 0, MOST_DELAY_US, "µs"),
    "routing_latency_us": Whole(0, 0, MOST_DELAY_US, "µs"),
    "snapshot_refresh_us": Whole(0, 0, MOST_DELAY_US, "µs"),
    "cache_signal_delay_us": Whole(0, 0, MOST_DELAY_US, "µs"),
    "router_index_blocks": Whole(None, 1, MOST, "blocks"),
}
#: The limits of a batch, which a policy bundle may replace.
BATCH_LIMITS = {
    name: _POOL_NUMBERS[name] for name in ("step_token_budget", "max_running_requests", "long_prefill_threshold_tokens")
}
_POOL_TEXTS = ("model", "hardware", "model_config_folder", "hardware_folder")
_POOL_SWITCHES = ("async_scheduling", "reserve_full_isl", "prefix_caching")
_POOL_CHOICES = (
    "memory_utilisation",
    "kv_cache_dtype",
    "kv_watermark",
    "speculative",
    "lora",
    "latency",
    "served_model_names",
    "price_per_hour",
    "role",
    "context_length_range",
)
_POOL_KEYS = (*_POOL_TEXTS, *_POOL_NUMBERS, *_POOL_SWITCHES, *_POOL_CHOICES)
_FLEET_KEYS = ("autoscaling", "failures")
_DEFAULT_LATENCY = "silicon"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Instances that are alike."""

    count: int  #: ≥ 1
    latency: Any  #: `Params` of the cluster's latency model
    model: str | None = None  #: name or folder; None: only where nothing is looked up or derived
    hardware: str | None = None  #: device; None: the model's published default
    tensor_parallel: int | None = None  #: GPUs of one instance; None: the model's published default
    kv_blocks: int | None = None  #: None: from the coefficients' table, else from the memory
    memory_utilisation: float = 0.9  #: (0, 1], share of each GPU's memory that may be used
    kv_cache_dtype: str = "auto"  #: one of KV_CACHE_DTYPES: how KV blocks from the memory are stored
    max_running_requests: int = 256
    step_token_budget: int = 2048
    long_prefill_threshold_tokens: int = 0  #: 0: none
    max_model_len_tokens: int | None = None  #: None: the model's own; 0: none
    async_scheduling: bool | None = None  #: two steps under way at a time; None: as the semantics have it
    kv_watermark: float = 0.0  #: [0, 1], share of the KV blocks that must stay free when a request joins others
    reserve_full_isl: bool | None = None  #: a request is taken if its whole prompt fits; None: as the semantics have it
    prefix_caching: bool | None = None  #: blocks can be found again; None: as the semantics have it, which is yes
    speculative: Speculative | None = None  #: drafts of every decode; None: none
    lora: Lora | None = None  #: adapters that it serves, and what they cost; None: they only tell prompts apart
    role: str = "both"  #: one of blis.foundation.roles: prefill, decode, both, encode
    #: prompts that it is meant for, from and to so many tokens; None: any
    context_length_range: tuple[int, int] | None = None
    served_model_names: tuple[str, ...] | None = None  #: under which requests ask for it; None: its model's name
    price_per_hour: float | None = None  #: US $ for one GPU; None: that of the device's file
    model_config_folder: str | None = None  #: where to look for models instead of the shipped ones
    hardware_folder: str | None = None  #: where to look for devices instead of the shipped ones


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterPlan:
    """Pools of instances behind one router."""

    pools: tuple[Pool, ...]
    latency: str  #: name of the latency model; all instances share its formula
    block_size_tokens: int = 16
    admission_latency_us: int = 0
    routing_latency_us: int = 0
    snapshot_refresh_us: int = 0  #: 0: signals are live
    cache_signal_delay_us: int = 0  #: 0: prefix signals are live
    router_index_blocks: int | None = None  #: remembered of each instance; None: as the semantics have it
    router_ties: str | None = None  #: one of TIE_RULES; None: as the semantics have it
    autoscaling: Autoscaling | None = None  #: how many instances there may be; None: as many as there are
    failures: tuple[Failure, ...] = ()  #: instances that die, in the order of time
    gateway: Gateway | None = None  #: a queue in front of the router; None: there is none
    kv_tiers: TierPlan | None = None  #: what lies beneath the GPUs' KV blocks; None: nothing
    request_timeout_us: int | None = None  #: ≥ 1, from arrival until a client gives up, wherever; None: nobody does
    swap: SwapPlan | None = None  #: where blocks of preempted requests may go; None: they are computed anew
    disaggregation: Disaggregation | None = None  #: prefill and decode may be divided; None: they never are
    encoder: Encoder | None = None  #: what encoding images, audio and video takes; None: they are priced as text


def cluster_plan(mapping: object, where: str = "cluster") -> ClusterPlan:
    """The cluster that a plain mapping describes: what all pools share, and `instances`, a count or a list of pools.

    Raises
    ------
    ConfigError
        If a key is unknown, a value wrong, or the pools' latency models differ.
    """
    known = (
        *("instances", *_POOL_KEYS, *_CLUSTER_NUMBERS, "router_ties", "gateway", "kv_tiers", "disaggregation"),
        *("swap", "request_timeout_s", "encoder"),
        *_FLEET_KEYS,
    )
    _refuse_moved(where, mapping)
    given = check_keys(where, mapping, known)
    shared = {key: given[key] for key in _POOL_KEYS if given.get(key) is not None}
    instances = given.get("instances", 1)
    listed = instances if isinstance(instances, list | tuple) else [{"count": instances}]
    if not listed:
        raise ConfigError(f"{where}.instances must be an int ≥ 1 or a list of at least one pool; got [].")
    kinds, pools = set(), []
    for place, one in enumerate(listed):
        at = f"{where}.instances[{place}]" if listed is instances else where
        own = check_keys(at, one, ("count", *_POOL_KEYS))
        count_at = f"{at}.count" if listed is instances else f"{where}.instances"
        count = check_int(count_at, own.pop("count", 1), 1, MOST_INSTANCES, "instances")
        values = shared | {key: value for key, value in own.items() if value is not None}
        kind, params = _latency(values.pop("latency", None), shared.get("latency"), f"{at}.latency")
        kinds.add(kind)
        pools.append(Pool(count=count, latency=params, **_pool_values(values, at)))
    if len(kinds) > 1:
        raise ConfigError(
            f"{where}.instances: all pools must have one kind of latency model; got {', '.join(sorted(kinds))}."
        )
    if sum(pool.count for pool in pools) > MOST_INSTANCES:
        raise ConfigError(f"{where}.instances must be at most {MOST_INSTANCES} together.")
    _check_roles(pools, where)
    numbers = {name: _whole(given, name, rule, where) for name, rule in _CLUSTER_NUMBERS.items()}
    ties = given.get("router_ties")
    if ties is not None:
        check_choice(f"{where}.router_ties", ties, TIE_RULES)
    autoscaling, failures = _fleet(given, where, [pool.count for pool in pools])
    queue = given.get("gateway")
    gateway = None if queue is None else Gateway.from_mapping(f"{where}.gateway", queue)
    gateway, timeout_us = with_timeout(where, given, gateway)
    beneath, room = given.get("kv_tiers"), given.get("swap")
    kv_tiers = None if beneath is None else TierPlan.from_mapping(f"{where}.kv_tiers", beneath)
    return ClusterPlan(
        pools=tuple(pools),
        latency=kinds.pop(),
        router_ties=ties,
        autoscaling=autoscaling,
        failures=failures,
        gateway=gateway,
        request_timeout_us=timeout_us,
        kv_tiers=kv_tiers,
        swap=None if room is None else SwapPlan.from_mapping(f"{where}.swap", room),
        disaggregation=_disaggregation(given.get("disaggregation"), pools, where),
        encoder=_encoder(given.get("encoder"), pools, where),
        **numbers,  # type: ignore[arg-type]
    )


def _refuse_moved(where: str, mapping: object) -> None:
    """Say where to find what is no key of a cluster, since a policy decides it."""
    if isinstance(mapping, Mapping) and "preemption_mode" in mapping:
        raise ConfigError(
            f"{where}.preemption_mode must not be given, because a policy decides it: say preemption_mode=swap, "
            f"and {where}.swap={{}} for the room in host memory; got {shown(mapping['preemption_mode'])}."
        )


def _fleet(given: Mapping[str, Any], where: str, counts: list[int]) -> tuple[Autoscaling | None, tuple[Failure, ...]]:
    """What comes and goes; failures may name any instance that there may be."""
    autoscaling, failures = given.get("autoscaling"), given.get("failures")
    if autoscaling is not None:
        autoscaling = Autoscaling.from_mapping(f"{where}.autoscaling", autoscaling, counts)
        counts = [of_pool(autoscaling.maximum, pool) for pool in range(len(counts))]
    if failures is None:
        return autoscaling, ()
    return autoscaling, failures_from(f"{where}.failures", failures, sum(counts))


def _check_roles(pools: Sequence[Pool], where: str) -> None:
    """Refuse a model that nobody decodes for: its requests would have nowhere to go."""
    decoded = {pool.model for pool in pools if BITS[pool.role] & DECODE}
    for place, pool in enumerate(pools):
        if pool.model not in decoded:
            raise ConfigError(
                f"{where}.instances[{place}].role must be decode or both in one of the pools of "
                f"{shown(pool.model) if pool.model else 'a model'}; all of them only "
                f"{' or '.join(sorted({one.role for one in pools if one.model == pool.model}, reverse=True))}."
            )


def _disaggregation(mapping: object, pools: Sequence[Pool], where: str) -> Disaggregation | None:
    """How prefill and decode are divided; there must be two instances to divide a request between."""
    if mapping is None:
        return None
    divided = Disaggregation.from_mapping(f"{where}.disaggregation", mapping)
    for model in {pool.model for pool in pools}:
        own = [pool for pool in pools if pool.model == model and pool.role != "encode"]
        prefill = sum(pool.count for pool in own if BITS[pool.role] & PREFILL)
        if prefill and sum(pool.count for pool in own) > 1:
            return divided
    raise ConfigError(
        f"{where}.disaggregation must have two instances of one model between which a request can be divided, one "
        f"of the role prefill or both, another of the role decode or both; got roles "
        f"{', '.join(f'{pool.count} x {pool.role}' for pool in pools)}."
    )


def _encoder(mapping: object, pools: Sequence[Pool], where: str) -> Encoder | None:
    """What encoding takes; nobody can do it alone where that is not known."""
    encoder = None if mapping is None else Encoder.from_mapping(f"{where}.encoder", mapping)
    for place, pool in enumerate(pools):
        if pool.role == "encode" and encoder is None:
            raise ConfigError(
                f"{where}.instances[{place}].role must not be encode without {where}.encoder, which says what encoding "
                f"takes, such as {{us_per_token: 12}}; got none."
            )
    return encoder


def _latency(own: object, shared: object, where: str) -> tuple[str, Any]:
    """Kind and `Params`, of a mapping or a file; parameters without a kind are of the cluster's kind."""
    own = read_latency(where, str(own)) if is_latency_file(own) else own
    shared = read_latency(where, str(shared)) if is_latency_file(shared) else shared
    values = {"kind": own} if isinstance(own, str) else own
    if values is None:
        values = {}
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where} must be a mapping with a kind, a kind, or the path of a .yaml file; got {own!r}.")
    given = {str(key): value for key, value in values.items() if value is not None}
    kind = given.pop("kind", None)
    if kind is None:
        of_cluster = shared.get("kind") if isinstance(shared, Mapping) else shared
        kind = of_cluster or _DEFAULT_LATENCY
    check_choice(f"{where}.kind", kind, choices("latency"))
    module: ModuleType = answer("latency", str(kind))
    return str(kind), module.Params.from_mapping(where, given)


def _pool_values(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    checked: dict[str, Any] = {}
    for name in _POOL_TEXTS:
        value = values.get(name)
        if value is not None and (not isinstance(value, str) or not value):
            raise ConfigError(f"{where}.{name} must be a text of at least one character; got {value!r}.")
        checked[name] = value
    for name, rule in _POOL_NUMBERS.items():
        checked[name] = _whole(values, name, rule, where)
    for name in _POOL_SWITCHES:
        checked[name] = None if values.get(name) is None else check_flag(f"{where}.{name}", values[name])
    drafts = values.get("speculative")
    checked["speculative"] = None if drafts is None else Speculative.from_mapping(f"{where}.speculative", drafts)
    adapters = values.get("lora")
    checked["lora"] = None if adapters is None else Lora.from_mapping(f"{where}.lora", adapters)
    checked["served_model_names"] = _served_names(values.get("served_model_names"), f"{where}.served_model_names")
    checked["context_length_range"] = _range(values.get("context_length_range"), f"{where}.context_length_range")
    checked["role"] = check_choice(f"{where}.role", values.get("role", "both"), BITS)
    price = values.get("price_per_hour")
    checked["price_per_hour"] = (
        None if price is None else check_number(f"{where}.price_per_hour", price, 0, MOST_PRICE, "US $")
    )
    watermark = values.get("kv_watermark", 0.0)
    checked["kv_watermark"] = check_number(f"{where}.kv_watermark", watermark, 0, 1)
    utilisation = values.get("memory_utilisation", 0.9)
    checked["memory_utilisation"] = check_number(f"{where}.memory_utilisation", utilisation, maximum=1, above=0)
    checked["kv_cache_dtype"] = check_choice(
        f"{where}.kv_cache_dtype", values.get("kv_cache_dtype", "auto"), KV_CACHE_DTYPES
    )
    return checked


def _range(value: object, where: str) -> tuple[int, int] | None:
    """Two numbers of tokens, the larger one last."""
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ConfigError(f"{where} must be a list of two ints, from and to [tokens]; got {shown(value)}.")
    low = check_int(f"{where}[0]", value[0], 0, MOST, "tokens")
    return low, check_int(f"{where}[1]", value[1], low, MOST, "tokens")


def _served_names(value: object, where: str) -> tuple[str, ...] | None:
    """Names of a model; one may stand without a list."""
    if value is None:
        return None
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names or not all(isinstance(name, str) and name for name in names):
        raise ConfigError(f"{where} must be a list of at least one name; got {value!r}.")
    if len(set(names)) < len(names):
        raise ConfigError(f"{where} must hold each name once; got {value!r}.")
    return tuple(names)


def _whole(values: Mapping[str, Any], name: str, rule: Whole, where: str) -> int | None:
    value = values.get(name)
    if value is None:
        return rule.default
    return check_int(f"{where}.{name}", value, rule.least, rule.most, rule.unit)
