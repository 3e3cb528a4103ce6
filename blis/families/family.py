"""A family of scenarios: a scenario file whose section `ranges` says what differs from member to member.

Member k is the file with every range drawn, each from a random stream of its own that belongs to the family's name, to
k and to the range's path: the same number gives the same scenario in every process, and a further range moves nobody
else's draws. What a member's cluster can carry is measured for each member (`blis.families.rates`), so that its load
means what it says whatever was drawn. Every bound is tried when the file is read, alone and with all others: a family
that promises what cannot be built is refused at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from blis.cluster.deployment import build_cluster
from blis.cluster.plan import cluster_plan
from blis.families.places import overlap, put, value_at
from blis.families.ranges import Range
from blis.families.rates import MeasuredRates
from blis.foundation.checks import check_int, check_keys
from blis.foundation.errors import ConfigError
from blis.foundation.files import conf_folder, stamp
from blis.foundation.randomness import stream
from blis.foundation.strict_yaml import read_yaml
from blis.foundation.words import shown
from blis.scenario_file import ScenarioFile, named_file, scenario_of
from blis.workload.plan import workload_plan

RANGES = "ranges"
#: Members are counted up to here, so that other programs can hold their numbers too.
MOST_MEMBER = 2**53
#: Loads between which deployments are run, as factors of what they carry: nobody pays for a cluster that idles below,
#: and above, requests go unserved faster than anyone would leave it so.
LEAST_LOAD, MOST_LOAD = 0.1, 2.0
#: What may not be drawn, and why.
_NOT_DRAWN = {
    "num_requests": "members must cost the same to simulate",
    "saturation_rate": "it is measured for each member",
    "tension": "it is what members have in common",
    "kv_blocks": "memory follows from the model, the hardware and memory_utilisation",
}
_KEPT_FAMILIES, _KEPT_MEMBERS = 64, 512


@dataclass(frozen=True, slots=True, eq=False)
class ScenarioFamily:
    """Scenarios of one kind."""

    name: str
    path: Path
    source: str  #: what names it on a command line: its name if it is shipped, else its path
    document: Mapping[str, Any]  #: the file without its ranges
    ranges: Mapping[str, Range]  #: path -> what is drawn there, in the order of the file
    file: ScenarioFile  #: what the file says where nothing is drawn

    def member(self, number: int) -> ScenarioFile:
        """The scenario of that number.

        Raises
        ------
        ConfigError
            If the number is none, or what was drawn does not fit together.
        """
        return _member(self, check_int(f"{self.source}#: the number of a member", number, 0, MOST_MEMBER))


def family_folder() -> Path:
    """The folder of the families that are shipped."""
    return conf_folder() / "family"


def family_names() -> tuple[str, ...]:
    """Names of the families that are shipped, sorted."""
    return tuple(sorted(path.stem for path in family_folder().glob("*.yaml")))


def read_family(name_or_path: str | Path) -> ScenarioFamily:
    """The family of that name, or in that file: a text with a slash or the suffix .yaml is a path.

    Raises
    ------
    ConfigError
        If there is no such family, a key or a path is absent or unknown, or a value or a bound is wrong.
    """
    path = named_file("family", name_or_path, family_folder(), family_names())
    return _read(path, stamp(path))


@lru_cache(maxsize=_KEPT_FAMILIES)
def _read(path: Path, stamp: tuple[int, int, int] | None) -> ScenarioFamily:
    """The family in a file, as long as that has not been written anew."""
    where = str(path)
    document = read_yaml(path)
    given = check_keys(where, document, document if isinstance(document, Mapping) else (), (RANGES,))
    described = given.pop(RANGES)
    if "saturation_rate" in given:
        raise ConfigError(f"{where}: saturation_rate must be left out of a family: it is measured for each member.")
    if not isinstance(described, Mapping) or not described:
        raise ConfigError(
            f"{where}: {RANGES} must be a mapping of paths to ranges, one at least; got {shown(described)}."
        )
    ranges = {str(key): Range.from_mapping(f"{where}: {RANGES}.{key}", str(key), one) for key, one in described.items()}
    _check_places(where, given, ranges)
    family = ScenarioFamily(
        name=path.stem,
        path=path,
        source=path.stem if path.parent == family_folder() else str(path),
        document=given,
        ranges=ranges,
        file=scenario_of(path, _with_rate(given), where),
    )
    for key, one in ranges.items():
        for corner in one.corners:
            _check_corner(f"{where}: {RANGES}.{key}, at {shown(corner)}", family, {key: corner})
    for place, at in ((0, "first"), (-1, "last")):
        corners = {key: one.corners[place] for key, one in ranges.items()}
        _check_corner(f"{where}: {RANGES}, all at their {at} value", family, corners)
    return family


@lru_cache(maxsize=_KEPT_MEMBERS)
def _member(family: ScenarioFamily, number: int) -> ScenarioFile:
    drawn = {key: one.draw(stream(0, "family", family.name, number, key)) for key, one in family.ranges.items()}
    source = f"{family.source}#{number}"
    file = scenario_of(family.path, _with_rate(_filled(family, drawn)), source)
    file = replace(file, name=f"{family.name}#{number}", source=source, drawn=drawn)
    return file if file.load is None else replace(file, saturation_rates=MeasuredRates(file))


def _check_places(where: str, document: Mapping[str, Any], ranges: Mapping[str, Range]) -> None:
    """Refuse what cannot be drawn: what is not there, what two ranges set, and what no deployment chooses freely."""
    taken: list[tuple[str, str]] = []
    for key, one in ranges.items():
        at = f"{where}: {RANGES}.{key}"
        for path in one.places:
            found = value_at(at, document, path)
            if one.is_factor and (isinstance(found, bool) or not isinstance(found, int | float)):
                raise ConfigError(f"{at}.factor needs a number to multiply at {path}; got {shown(found)}.")
            for target in _targets(path, one):
                for forbidden, why in _NOT_DRAWN.items():
                    if target.split(".")[-1] == forbidden or forbidden in shown(one.among):
                        raise ConfigError(f"{at} must leave {forbidden} alone: {why}.")
                for other_key, other in taken:
                    if overlap(target, other):
                        raise ConfigError(f"{at} and {RANGES}.{other_key} must not both set {target}.")
                taken.append((key, target))
    load = ranges.get("load")
    if load is not None and (load.is_factor or not all(_is_load(one) for one in load.corners)):
        raise ConfigError(
            f"{where}: {RANGES}.load must lie in [{LEAST_LOAD:g}, {MOST_LOAD:g}] of what a member's cluster carries; "
            f"got {shown(list(load.corners))}."
        )


def _is_load(value: object) -> bool:
    return isinstance(value, int | float) and LEAST_LOAD <= value <= MOST_LOAD


def _targets(path: str, one: Range) -> list[str]:
    """The places that a range sets: of alternatives that are mappings, each of their keys."""
    if not one.among or not all(isinstance(value, Mapping) for value in one.among):
        return [path]
    return list(dict.fromkeys(f"{path}.{key}" for value in one.among for key in value))


def _check_corner(where: str, family: ScenarioFamily, drawn: Mapping[str, Any]) -> None:
    """Refuse a bound with which there is no such cluster or no such workload."""
    try:
        document = _filled(family, drawn)
        build_cluster(cluster_plan(document["cluster"]))
        count = {} if family.file.load is None else {"rate": 1.0}
        workload = {**scenario_of(family.path, _with_rate(document), "scenario").workload, **count}
        workload_plan({**workload, "num_requests": family.file.num_requests})
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def _filled(family: ScenarioFamily, drawn: Mapping[str, Any]) -> dict[str, Any]:
    """The family's document with these values at the places of their ranges."""
    document: dict[str, Any] = _copied(family.document)
    for key, value in drawn.items():
        one = family.ranges[key]
        for path in one.places:
            put(document, path, _copied(one.filled(value_at(key, document, path), value)))
    return document


def _with_rate(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document as a scenario's, whose rate has not been measured yet."""
    return {**document, "saturation_rate": None} if "load" in document else dict(document)


def _copied(value: Any) -> Any:
    """A copy down to the last part, also of parts that a YAML anchor shares."""
    if isinstance(value, Mapping):
        return {key: _copied(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_copied(part) for part in value]
    return value
