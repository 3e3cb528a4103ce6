"""What is simulated: a cluster, its policies and its workload, as frozen records made from plain mappings.

Reading is strict: an unknown key at any level is an error that names its path and the nearest key. Policies are
kept as they are written (a search makes thousands of scenarios) and checked when they are bound.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

from blis.foundation.answers import QUESTIONS, answer, choices
from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.semantics import PRESETS
from blis.foundation.slo_targets import SHIPPED, SloTargets

MOST_INSTANCES = 100_000
MOST_BLOCK_TOKENS = 2**20
MOST_DELAY_US = 2**53  #: of signals and decisions
MOST = 2**40  #: tokens, blocks or requests of one instance: products of two still fit the clock's integers
LATEST_US = 2**61  #: beyond it the clock could overflow

Policy = Mapping[str, Any] | str | Callable[..., Any]


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
    "max_model_len_tokens": Whole(0, 0, MOST, "tokens"),
}
_CLUSTER_NUMBERS = {
    "block_size_tokens": Whole(16, 1, MOST_BLOCK_TOKENS, "tokens"),
    "admission_latency_us": Whole(0, 0, MOST_DELAY_US, "µs"),
    "routing_latency_us": Whole(0, 0, MOST_DELAY_US, "µs"),
    "snapshot_refresh_us": Whole(0, 0, MOST_DELAY_US, "µs"),
    "cache_signal_delay_us": Whole(0, 0, MOST_DELAY_US, "µs"),
}
#: The limits of a batch, which a policy bundle may replace.
BATCH_LIMITS = {
    name: _POOL_NUMBERS[name] for name in ("step_token_budget", "max_running_requests", "long_prefill_threshold_tokens")
}
_POOL_TEXTS = ("model", "hardware", "model_config_folder", "hardware_folder")
_POOL_KEYS = (*_POOL_TEXTS, *_POOL_NUMBERS, "memory_utilisation", "latency")
_DEFAULT_LATENCY = "affine"


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
    max_running_requests: int = 256
    step_token_budget: int = 2048
    long_prefill_threshold_tokens: int = 0  #: 0: none
    max_model_len_tokens: int = 0  #: 0: none
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


@dataclass(frozen=True, slots=True)
class WorkloadPlan:
    """Which requests arrive."""

    kind: str  #: name of a file in `blis.workload`
    params: Any  #: its `Params`


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Everything that a simulation depends on."""

    cluster: ClusterPlan
    workload: WorkloadPlan
    policies: Mapping[str, Policy]  #: question -> {"policy": name, parameter: value ...} or the name
    horizon_us: int | None = None  #: events later than this do not happen
    semantics: str = "corrected"
    seed: int = 42
    slo: SloTargets = SHIPPED  #: what counts as good service; the run itself does not depend on it

    @classmethod
    def from_mapping(cls, mapping: object, where: str = "") -> "Scenario":
        """The scenario that a plain mapping describes.

        Parameters
        ----------
        mapping : mapping
            Keys `cluster` and `workload` (mappings), and, if the default is not wanted, `policies` (question to name or
            {policy: name, parameter: value ...}), `horizon_us`, `semantics`, `seed`, `slo` (class to targets, see
            `blis.foundation.slo_targets`).
        where : str
            Path of the mapping, for messages.

        Raises
        ------
        ConfigError
            If a key is unknown at any level, or a value wrong.
        """
        keys = ("cluster", "workload", "policies", "horizon_us", "semantics", "seed", "slo")
        given = check_keys(where or "scenario", mapping, keys, ("cluster", "workload"))
        at = f"{where}." if where else ""
        horizon_us = given.get("horizon_us")
        if horizon_us is not None:
            horizon_us = check_int(f"{at}horizon_us", horizon_us, 1, LATEST_US, "µs")
        return cls(
            cluster=cluster_plan(given["cluster"], f"{at}cluster"),
            workload=workload_plan(given["workload"], f"{at}workload"),
            policies=_policies(given.get("policies"), f"{at}policies"),
            horizon_us=horizon_us,
            semantics=check_choice(f"{at}semantics", given.get("semantics", "corrected"), PRESETS),
            seed=check_int(f"{at}seed", given.get("seed", 42), 0),
            slo=SHIPPED if given.get("slo") is None else SloTargets.from_mapping(f"{at}slo", given["slo"]),
        )


def cluster_plan(mapping: object, where: str = "cluster") -> ClusterPlan:
    """The cluster that a plain mapping describes: what all pools share, and `instances`, a count or a list of pools.

    Raises
    ------
    ConfigError
        If a key is unknown, a value wrong, or the pools' latency models differ.
    """
    given = check_keys(where, mapping, ("instances", *_POOL_KEYS, *_CLUSTER_NUMBERS))
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
    numbers = {name: _whole(given, name, rule, where) for name, rule in _CLUSTER_NUMBERS.items()}
    return ClusterPlan(pools=tuple(pools), latency=kinds.pop(), **numbers)  # type: ignore[arg-type]


def workload_plan(mapping: object, where: str = "workload") -> WorkloadPlan:
    """The workload that a plain mapping describes: `kind`, and the parameters of that kind beside it.

    A parameter that is null counts as left out.
    """
    if not isinstance(mapping, Mapping):
        mapping = {"kind": mapping}
    kinds = choices("workload")
    if mapping.get("kind") is None:
        raise ConfigError(f"{where}: key 'kind' is required. Choices: {', '.join(kinds)}.")
    kind = str(mapping["kind"])
    check_choice(f"{where}.kind", kind, kinds)
    params = {str(key): value for key, value in mapping.items() if key != "kind" and value is not None}
    return WorkloadPlan(kind, answer("workload", kind).Params.from_mapping(where, params))


def _latency(own: object, shared: object, where: str) -> tuple[str, Any]:
    """Kind and `Params`; a pool that gives parameters without a kind has the cluster's kind."""
    values = {"kind": own} if isinstance(own, str) else own
    if values is None:
        values = {}
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where} must be a mapping with a kind, or a kind; got {own!r}.")
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
    utilisation = values.get("memory_utilisation", 0.9)
    checked["memory_utilisation"] = check_number(f"{where}.memory_utilisation", utilisation, maximum=1, above=0)
    return checked


def _whole(values: Mapping[str, Any], name: str, rule: Whole, where: str) -> int | None:
    value = values.get(name)
    if value is None:
        return rule.default
    return check_int(f"{where}.{name}", value, rule.least, rule.most, rule.unit)


def _policies(mapping: object, where: str) -> dict[str, Policy]:
    given = check_keys(where, {} if mapping is None else mapping, QUESTIONS)
    for question, choice in given.items():
        if not isinstance(choice, str | Mapping) and not callable(choice):
            raise ConfigError(
                f"{question} must be a policy's name, or a mapping with the key 'policy'; got {choice!r}."
            )
    return {question: dict(choice) if isinstance(choice, Mapping) else choice for question, choice in given.items()}
