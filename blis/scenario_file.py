"""Scenario files: a YAML file says which cluster meets which traffic, at a load relative to what it can carry.

Where every client is a number of users who wait for their answers (a closed loop), arrivals follow the completions:
nobody sends at a rate, no rate saturates the cluster, and the file has neither `load` nor `saturation_rate`. The
concurrency, an absolute number, says how busy the cluster is.

A scenario can be met under other physics than its own: `saturation_rate` then gives a rate for each kind of latency
model, as the same load is another rate where steps cost something else.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blis.cluster.plan import cluster_plan
from blis.foundation.answers import answer, choices
from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.files import check_path, conf_folder
from blis.foundation.strict_yaml import read_yaml
from blis.foundation.words import listed
from blis.scenario import Scenario
from blis.workload.plan import workload_plan
from blis.workload.requests import MOST_REQUESTS

_REQUIRED = ("tension", "num_requests", "cluster", "workload")
_OPTIONAL = ("slo", "horizon_us")
#: Required, unless nobody sends at a rate.
_OF_RATES = ("saturation_rate", "load")
#: Keys of a workload that a scenario sets itself.
_SET_BY_SCENARIO = ("rate", "num_requests")
_PATHS = ("path", "data_path")


@dataclass(frozen=True, slots=True)
class ScenarioFile:
    """What a scenario file says; `mapping` turns it into what `Scenario.from_mapping` reads."""

    name: str
    tension: str  #: which wishes pull against each other, in one line
    physics: str  #: kind of the latency model that the cluster has, unless told otherwise
    saturation_rates: Mapping[str, float]  #: kind of latency model -> what `python -m blis.saturation` measured, > 0
    load: float | None  #: > 0, arrival rate as a factor of that, unless told otherwise; None: nobody sends at a rate
    num_requests: int  #: ≥ 1, unless told otherwise
    cluster: Mapping[str, Any]
    workload: Mapping[str, Any]  #: without rate and num_requests; paths are absolute
    slo: Mapping[str, Any]  #: class name or "default" -> targets; empty: those of the program
    horizon_us: int | None  #: ≥ 1 [µs]
    source: str  #: what names it on a command line: its name if it is shipped, else its path
    drawn: Mapping[str, Any] = field(default_factory=dict)  #: of a family's member: path of a range -> what was drawn

    def mapping(
        self, load: float | None = None, num_requests: int | None = None, physics: str | None = None
    ) -> dict[str, Any]:
        """The scenario as `Scenario.from_mapping` reads it, without policies and seed.

        Parameters
        ----------
        load : float > 0, optional
            Arrival rate as a factor of the saturation rate; None: the file's.
        num_requests : int ≥ 1, optional
            None: the file's.
        physics : str, optional
            Kind of the latency model; None: the file's.

        Raises
        ------
        ConfigError
            If a value is out of range, the saturation rate has not been measured, or there is no rate to scale.
        """
        kind = self.physics if physics is None else check_choice("scenario.physics", physics, choices("latency"))
        if self.load is None:
            if load is not None:
                raise ConfigError(
                    f"scenario.load must be left out in {self.name}, which has no rate but a concurrency; got {load!r}."
                )
            return self._mapping({}, num_requests, kind)
        factor = self.load if load is None else check_number("scenario.load", load, above=0)
        if kind not in self.saturation_rates:
            raise ConfigError(
                f"scenario {self.name}: saturation_rate must be > 0 [requests/s] under {kind}; got "
                f"{listed(self.saturation_rates) or 'none'}. Measure it with python -m blis.saturation "
                f"scenario={self.source} scenario.physics={kind}, and write the value into the file."
            )
        return self.mapping_at_rate(factor * self.saturation_rates[kind], num_requests, kind)

    def mapping_at_rate(
        self, rate: float, num_requests: int | None = None, physics: str | None = None
    ) -> dict[str, Any]:
        """The same at an arrival rate [requests/s], whatever saturates the cluster.

        Raises
        ------
        ConfigError
            If a value is out of range, or nobody sends at a rate.
        """
        if self.load is None:
            raise ConfigError(
                f"scenario {self.name} must have a client without concurrency to have an arrival rate: its users wait "
                "for their answers."
            )
        checked = check_number(f"scenario {self.name}: rate", rate, above=0, unit="requests/s")
        return self._mapping({"rate": checked}, num_requests, physics or self.physics)

    def _mapping(self, rate: Mapping[str, float], num_requests: int | None, physics: str) -> dict[str, Any]:
        count = self.num_requests if num_requests is None else num_requests
        document: dict[str, Any] = {
            "cluster": _copied(self.cluster),
            "workload": {
                **_copied(self.workload),
                **rate,
                "num_requests": check_int("scenario.num_requests", count, 1, MOST_REQUESTS),
            },
        }
        if physics != self.physics:
            document["cluster"] = _with_physics(document["cluster"], physics)
        if self.slo:
            document["slo"] = _copied(self.slo)
        if self.horizon_us is not None:
            document["horizon_us"] = self.horizon_us
        return document


def scenario_folder() -> Path:
    """The folder of the scenarios that are shipped."""
    return conf_folder() / "scenario"


def names() -> tuple[str, ...]:
    """Names of the scenarios that are shipped, sorted."""
    return tuple(sorted(path.stem for path in scenario_folder().glob("*.yaml")))


def read_scenario(name_or_path: str | Path) -> ScenarioFile:
    """The scenario of that name, or in that file: a text with a slash or the suffix .yaml is a path.

    Raises
    ------
    ConfigError
        If there is no such scenario, a key is absent or unknown, or a value is wrong, at any level.
    """
    path = named_file("scenario", name_or_path, scenario_folder(), names())
    return scenario_of(path, read_yaml(path))


def named_file(where: str, name_or_path: str | Path, folder: Path, known: Sequence[str]) -> Path:
    """The path itself, or the file of one of the known names in a folder.

    Raises
    ------
    ConfigError
        If there is no such name.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or "/" in text or text.endswith(".yaml"):
        return check_path(where, name_or_path)
    return folder / f"{check_choice(where, text, known)}.yaml"


def scenario_of(path: Path, document: object, where: str | None = None) -> ScenarioFile:
    """The scenario that a document describes, as if it lay in the file at `path`; messages call it `where`.

    Raises
    ------
    ConfigError
        If a key is absent or unknown, or a value is wrong, at any level.
    """
    where = str(path) if where is None else where
    given = check_keys(where, document, (*_REQUIRED, *_OF_RATES, *_OPTIONAL), _REQUIRED)
    tension = given["tension"]
    if not isinstance(tension, str) or not tension.strip() or "\n" in tension.strip():
        raise ConfigError(f"{where}: tension must be one line of text; got {tension!r}.")
    slo = {} if given.get("slo") is None else given["slo"]
    for key, value in (("cluster", given["cluster"]), ("workload", given["workload"]), ("slo", slo)):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where}: {key} must be a mapping of keys to values; got {value!r}.")
    num_requests = check_int(f"{where}: num_requests", given["num_requests"], 1, MOST_REQUESTS)
    workload = _workload(f"{where}: workload", given["workload"], path.parent)
    has_rate = _has_rate(f"{where}: workload", workload, num_requests)
    physics = cluster_plan(given["cluster"], f"{where}: cluster").latency
    saturation_rates, load = _rates(where, given, physics) if has_rate else _no_rates(where, given)
    scenario = ScenarioFile(
        name=path.stem,
        tension=tension.strip(),
        physics=physics,
        saturation_rates=saturation_rates,
        load=load,
        num_requests=num_requests,
        cluster=dict(given["cluster"]),
        workload=workload,
        slo=slo,
        horizon_us=given.get("horizon_us"),
        source=path.stem if path.parent == scenario_folder() else str(path),
    )
    # refuses what it does not know, with the place
    Scenario.from_mapping(scenario.mapping_at_rate(1.0) if has_rate else scenario.mapping(), where)
    return scenario


def _rates(where: str, given: Mapping[str, Any], physics: str) -> tuple[dict[str, float], float]:
    """Saturation rates and load; one number is the rate under the cluster's own physics, null none at all."""
    check_keys(where, given, given, _OF_RATES)
    rates, at = given["saturation_rate"], f"{where}: saturation_rate"
    if isinstance(rates, Mapping):
        check_keys(at, rates, choices("latency"))
        places = {kind: f"{at}.{kind}" for kind in rates}
    else:
        rates, places = {physics: rates}, {physics: at}
    measured = {
        kind: check_number(places[kind], rate, above=0, unit="requests/s")
        for kind, rate in rates.items()
        if rate is not None
    }
    return measured, check_number(f"{where}: load", given["load"], above=0)


def _no_rates(where: str, given: Mapping[str, Any]) -> tuple[dict[str, float], None]:
    """The same where nobody sends at a rate."""
    for key in _OF_RATES:
        if key in given:
            raise ConfigError(
                f"{where}: {key} must be left out where every client has a concurrency; got {given[key]!r}."
            )
    return {}, None


def _with_physics(cluster: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The cluster with another latency model, which has its default parameters, in every pool."""
    instances = cluster.get("instances")
    if isinstance(instances, list | tuple):
        instances = [{key: value for key, value in pool.items() if key != "latency"} for pool in instances]
        cluster = {**cluster, "instances": instances}
    return {**cluster, "latency": {"kind": kind}}


def _has_rate(where: str, workload: Mapping[str, Any], num_requests: int) -> bool:
    """Whether clients send at a rate, which load scales; false if all are users who wait for their answers."""
    if workload["kind"] != "spec":
        return True
    specification = workload_plan({**workload, "num_requests": num_requests}, where).params.specification
    if specification.aggregate_rate is not None and specification.has_users:
        raise ConfigError(
            f"{where} must have a concurrency on all clients or on none: load scales the rates, and not the users."
        )
    return specification.aggregate_rate is not None or specification.recording is not None


def _workload(where: str, given: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The workload's mapping, if its kind takes a rate and a number of requests; paths start at the file's folder."""
    for key in _SET_BY_SCENARIO:
        if given.get(key) is not None:
            raise ConfigError(
                f"{where}.{key} must be left out: a scenario sets it from load, saturation_rate and num_requests; "
                f"got {given[key]!r}."
            )
    kind = check_choice(f"{where}.kind", given.get("kind"), choices("workload"))
    accepted = answer("workload", kind).Params.__dataclass_fields__
    for key in _SET_BY_SCENARIO:
        if key not in accepted:
            raise ConfigError(f"{where}.kind must be a workload with a {key}, which a scenario sets; got {kind!r}.")
    located = {key: os.path.abspath(folder / str(given[key])) for key in _PATHS if given.get(key) is not None}
    return {**given, **located}


def _copied(value: Any) -> Any:
    """A copy down to the last part, also of parts that a YAML anchor shares."""
    if isinstance(value, Mapping):
        return {key: _copied(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_copied(part) for part in value]
    return value
