"""The configuration of a recorded case, `case.yaml`, read strictly into one typed record."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blis.cluster.latency import LatencyModel
from blis.cluster.plan import MOST, MOST_BLOCK_TOKENS, MOST_DELAY_US, MOST_INSTANCES
from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.strict_yaml import read_yaml
from blis.foundation.words import shown
from blis.recorded.fields import fields
from blis.recorded.latency import read_latency
from blis.scenario import LATEST_US

#: Columns of expected.csv that a case may declare comparable.
COLUMNS = (
    "instance",
    "ttft_us",
    "e2e_us",
    "scheduling_delay_us",
    "status",
    "preemptions",
    "cached_blocks",
    "regret",
    "score",
)
AGGREGATES = "expected.json"
WHOLE = ""  #: the path of everything in expected.json

#: Figures of a program whose defects are not reproduced.
NEVER_COMPARABLE = frozenset({"anomalies.priority_inversions_of_the_unpatched_program"})

#: Names in a recording, and those of the policies that answer to them here.
ADMISSION = {name: name for name in ("always-admit", "reject-all", "token-bucket")}
ROUTING = {name: name for name in ("round-robin", "least-loaded", "always-busiest", "weighted")}
ROUTING |= {"weighted-cache-load": "weighted-legacy", "prefix-affinity-whole-prompt": "prefix-affinity"}
PRIORITY = ("constant", "slo-based", "inverted-slo")

FIRST_OF_APRIL_KIND = (2026, 3)  #: versions from this month on follow the definitions of April 2026


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseDocument:
    """What was recorded under which conditions, in this package's names."""

    semantics: str  #: name of the preset of the recording's date
    latency: str  #: name of the latency model
    latency_model: LatencyModel
    instances: int
    kv_blocks: int  #: per instance
    block_size_tokens: int
    max_running_requests: int
    step_token_budget: int
    long_prefill_threshold_tokens: int  #: 0: none
    policies: Mapping[str, Mapping[str, Any]]  #: as `blis.simulate.Simulation` takes them
    snapshot_refresh_us: int
    cache_signal_delay_us: int
    admission_latency_us: int
    routing_latency_us: int
    horizon_us: int | None
    traces_routing: bool  #: whether decisions were traced, so that regrets are summed up
    counts_regret: bool  #: False: no counterfactuals were looked at, and every regret is 0
    fitness_weights: Mapping[str, float]
    columns: tuple[str, ...]  #: of expected.csv, to be compared
    aggregates: tuple[str, ...]  #: paths in expected.json to be compared, all that is below them included
    excluded: frozenset[str]  #: paths in expected.json that are not


_REQUIRED = (
    "made_by",
    "latency",
    "instances",
    "kv_blocks_per_instance",
    "block_size_tokens",
    "max_running_requests",
    "step_token_budget",
    "scheduler",
    "priority_policy",
    "admission",
    "routing",
    "comparable",
)
_OPTIONAL = (
    "long_prefill_threshold",
    "max_model_len",  # without effect in the recorded programs
    "admission_latency_us",
    "routing_latency_us",
    "horizon_us",
    "routing_trace",
    "fitness_weights",
    "not_comparable",
)


def read_document(path: Path) -> CaseDocument:
    """Read and check a case.yaml.

    Raises
    ------
    ConfigError
        Naming the file and the field that is wrong.
    """
    where = str(path)
    values = fields(where, read_yaml(path), _REQUIRED, _OPTIONAL)
    kind, latency_model = read_latency(f"{where}: latency", values["latency"])
    routing, snapshot_refresh_us, cache_signal_delay_us = _routing(f"{where}: routing", values["routing"])
    trace = values.get("routing_trace")
    columns, aggregates, excluded = _comparable(where, values)

    def count(key: str, minimum: int, unit: str = "", maximum: int = MOST) -> int:
        value = values.get(key)
        return 0 if value is None and minimum == 0 else check_int(f"{where}: {key}", value, minimum, maximum, unit)

    return CaseDocument(
        semantics=_semantics(f"{where}: made_by", values["made_by"]),
        latency=kind,
        latency_model=latency_model,
        instances=count("instances", 1, maximum=MOST_INSTANCES),
        kv_blocks=count("kv_blocks_per_instance", 1, "blocks"),
        block_size_tokens=count("block_size_tokens", 1, "tokens", MOST_BLOCK_TOKENS),
        max_running_requests=count("max_running_requests", 1, "requests"),
        step_token_budget=count("step_token_budget", 1, "tokens"),
        long_prefill_threshold_tokens=count("long_prefill_threshold", 0, "tokens"),
        policies={
            "admission": _admission(f"{where}: admission", values["admission"]),
            "routing": routing,
            "priority": {"policy": check_choice(f"{where}: priority_policy", values["priority_policy"], PRIORITY)},
            "scheduling": {"policy": _scheduler(f"{where}: scheduler", values["scheduler"])},
        },
        snapshot_refresh_us=snapshot_refresh_us,
        cache_signal_delay_us=cache_signal_delay_us,
        admission_latency_us=count("admission_latency_us", 0, "µs", MOST_DELAY_US),
        routing_latency_us=count("routing_latency_us", 0, "µs", MOST_DELAY_US),
        horizon_us=None if values.get("horizon_us") is None else count("horizon_us", 0, "µs", LATEST_US),
        traces_routing=trace is not None,
        counts_regret=_counts_regret(f"{where}: routing_trace", trace),
        fitness_weights=_fitness_weights(f"{where}: fitness_weights", values.get("fitness_weights")),
        columns=columns,
        aggregates=aggregates,
        excluded=excluded,
    )


def _semantics(where: str, made_by: object) -> str:
    version = fields(where, made_by, ("version",))["version"]
    try:
        date = version if isinstance(version, datetime.date) else datetime.date.fromisoformat(version)
    except (TypeError, ValueError):
        raise ConfigError(f"{where}.version must be a date such as '2026-04-23'; got {shown(version)}.") from None
    return "reference-2026-04" if (date.year, date.month) >= FIRST_OF_APRIL_KIND else "reference-2026-02"


def _admission(where: str, admission: object) -> dict[str, Any]:
    bucket = ("capacity_tokens", "refill_tokens_per_s")
    values = fields(where, admission, ("policy",), bucket)
    policy = ADMISSION[check_choice(f"{where}.policy", values["policy"], ADMISSION)]
    if policy != "token-bucket":
        return {"policy": policy}
    return {"policy": policy} | {key: check_number(f"{where}.{key}", values.get(key), 0) for key in bucket}


def _routing(where: str, routing: object) -> tuple[dict[str, Any], int, int]:
    """The policy with its parameters, and how old signals may be."""
    weights = ("cache_weight", "load_weight")
    intervals = ("snapshot_refresh_us", "cache_signal_delay_us")
    values = fields(where, routing, ("policy",), ("scorers", "ties", *weights, *intervals))
    if values.get("ties") is not None and "lowest" not in str(values["ties"]):
        raise ConfigError(f"{where}.ties must be 'lowest instance index'; got {shown(values['ties'])}.")
    policy = ROUTING[check_choice(f"{where}.policy", values["policy"], ROUTING)]
    chosen: dict[str, Any] = {"policy": policy}
    if policy == "weighted":
        chosen["scorers"] = _scorers(f"{where}.scorers", values.get("scorers"))
    elif policy == "weighted-legacy":
        chosen |= {key: check_number(f"{where}.{key}", values.get(key), 0) for key in weights}
    refresh_us, delay_us = (
        check_int(f"{where}.{key}", values.get(key) or 0, 0, MOST_DELAY_US, "µs") for key in intervals
    )
    return chosen, refresh_us, delay_us


def _scorers(where: str, scorers: object) -> tuple[tuple[str, float], ...]:
    from blis.foundation.answers import choices

    if not isinstance(scorers, Sequence) or isinstance(scorers, str) or not scorers:
        raise ConfigError(f"{where} must be a list of scorers, each with name and weight; got {shown(scorers)}.")
    listed = []
    for place, entry in enumerate(scorers):
        values = check_keys(f"{where}[{place}]", entry, ("name", "weight"), ("name", "weight"))
        name = check_choice(f"{where}[{place}].name", values["name"], choices("scoring"))
        listed.append((name, check_number(f"{where}[{place}].weight", values["weight"], above=0)))
    return tuple(listed)


def _scheduler(where: str, scheduler: object) -> str:
    from blis.foundation.answers import choices

    return check_choice(where, scheduler, choices("scheduling"))


def _counts_regret(where: str, trace: object) -> bool:
    if trace is None:
        return False
    k = fields(where, trace, (), ("counterfactual_k",)).get("counterfactual_k")
    return k is None or check_int(f"{where}.counterfactual_k", k, 0) > 0


def _fitness_weights(where: str, weights: object) -> dict[str, float]:
    from blis.metrics.published import FITNESS_COMPONENTS

    values = {} if weights is None else check_keys(where, weights, FITNESS_COMPONENTS)
    return {name: check_number(f"{where}.{name}", weight, 0) for name, weight in values.items()}


def _comparable(where: str, values: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...], frozenset[str]]:
    """Columns and paths to be compared, and paths that are not."""
    not_comparable = _texts(f"{where}: not_comparable", values.get("not_comparable") or [])
    excluded = {_path(entry).partition(" ")[0] for entry in not_comparable}
    columns: list[str] = []
    aggregates: list[str] = []
    for entry in _texts(f"{where}: comparable", values["comparable"]):
        if entry.partition(":")[0].strip() == AGGREGATES:
            listed = _path(entry)
            paths = [WHOLE] if listed in ("", AGGREGATES, "all", "all fields") else listed.split(",")
            aggregates += [path.strip() for path in paths]
        elif check_choice(f"{where}: comparable", entry, COLUMNS) not in excluded:
            columns.append(entry)
    if not columns and not aggregates:
        raise ConfigError(f"{where}: comparable must name at least one field that not_comparable does not; got none.")
    return tuple(columns), tuple(aggregates), NEVER_COMPARABLE | excluded


def _path(entry: str) -> str:
    """The entry without the name of the file that it may begin with."""
    file, colon, path = entry.partition(":")
    return path.strip() if colon and file.strip() == AGGREGATES else entry.strip()


def _texts(where: str, entries: object) -> list[str]:
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        raise ConfigError(f"{where} must be a list of field names; got {shown(entries)}.")
    return entries
