"""A scenario file in the place of a composed cluster and workload; what the command line sets itself still wins."""

from collections.abc import Mapping, Sequence
from typing import Any

from blis.families.named import MEMBER, read_named
from blis.foundation.checks import check_keys
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown
from blis.scenario_file import ScenarioFile
from blis.unloaded import OTHER_KEY

KEYS = ("name", "load", "num_requests", "physics")
#: Parts of the configuration that a scenario gives.
PARTS = ("cluster", "workload", "slo", "horizon_us")
#: A key of the node, what it sets, and the part that this belongs to.
_SETS = {
    "load": ("workload.rate", "workload"),
    "num_requests": ("workload.num_requests", "workload"),
    "physics": ("cluster.latency", "cluster"),
}


def with_scenario(document: Mapping[str, Any], overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The composed configuration with its `scenario` carried out, and the node itself gone.

    Parameters
    ----------
    document : mapping
        The configuration, composed and resolved; `scenario` is absent, null, a name, or a mapping with `KEYS`.
    overrides : sequence of str
        What the command line overrode, as Hydra was told it: these keys keep their composed values, and a group chosen
        there (`cluster=NAME`) keeps all of them.

    Raises
    ------
    ConfigError
        If the scenario does not exist or is wrong, or one value is set both through it and beside it.
    """
    replaced = {key: value for key, value in document.items() if key != "scenario"}
    node = _node(document.get("scenario"))
    explicit = _keys(overrides)
    if node.get("name") is None:
        for key in _SETS:
            if node.get(key) is not None:
                raise ConfigError(f"scenario.{key} needs scenario=NAME; got {shown(node[key])} without one.")
        return replaced
    for key, (target, part) in _SETS.items():
        set_beside = any(other in (target, part) or other.startswith(f"{target}.") for other in explicit)
        if node.get(key) is not None and set_beside:
            raise ConfigError(
                f"scenario.{key} sets {target}: give one of them; got {shown(node[key])} beside the other."
            )
    mapping = _named(node).mapping(node.get("load"), node.get("num_requests"), node.get("physics"))
    for part in PARTS:
        if part in mapping and part not in explicit:
            replaced[part] = mapping[part]
            for key in explicit:
                if key.startswith(f"{part}."):
                    replaced[part] = _with_value(replaced[part], document, key.split("."))
    return replaced


def drawn_notes(document: Mapping[str, Any]) -> tuple[str, ...]:
    """What was drawn for the family's member that a configuration names, as lines for people; none for other ones."""
    node = _node(document.get("scenario"))
    if MEMBER not in str(node.get("name")):
        return ()
    file = _named(node)
    drawn = ", ".join(f"{path} {_plain(value)}" for path, value in file.drawn.items())
    rate = "" if file.load is None else f"; its cluster carries {file.saturation_rates[file.physics]:g} requests/s"
    return (f"{file.name} drew {drawn}{rate}.",)


def _plain(value: object) -> str:
    """A drawn value in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_plain(part)}" for key, part in value.items()) + "}"
    return f"{value:g}" if isinstance(value, float) else shown(value).strip("'")


def _named(node: Mapping[str, Any]) -> ScenarioFile:
    name = node["name"]
    if not isinstance(name, str):
        raise ConfigError(f"scenario.name must be the name or the path of a scenario; got {shown(name)}.")
    return read_named(name)


def with_given_bounds(slo: object, overrides: Sequence[str]) -> object:
    """The targets without what the command line gives in another way: a bound in milliseconds, or as a multiple."""
    explicit = _keys(overrides)
    if not isinstance(slo, Mapping):
        return slo
    return {
        name: {key: value for key, value in entry.items() if not _is_given_otherwise(f"slo.{name}", key, explicit)}
        if isinstance(entry, Mapping)
        else entry
        for name, entry in slo.items()
    }


def _is_given_otherwise(where: str, key: object, explicit: Sequence[str]) -> bool:
    return f"{where}.{OTHER_KEY.get(str(key))}" in explicit and f"{where}.{key}" not in explicit


def _keys(overrides: Sequence[str]) -> list[str]:
    """What the command line sets, without what it sets it to."""
    return [override.lstrip("+~").partition("=")[0].partition("@")[0] for override in overrides]


def _node(value: object) -> dict[str, Any]:
    if value is None or isinstance(value, str):
        return {"name": value}
    return check_keys("scenario", value, KEYS)


def _with_value(part: Mapping[str, Any], document: Mapping[str, Any], path: Sequence[str]) -> dict[str, Any]:
    """A copy of the part with the document's value at `path`, which begins with the part's own name; or without it."""
    copy = dict(part)
    inner: Any = document.get(path[0])
    key = path[1]
    if not isinstance(inner, Mapping) or key not in inner:
        copy.pop(key, None)  # the command line deleted it
    elif len(path) == 2 or not isinstance(copy.get(key), Mapping):
        copy[key] = inner[key]
    else:
        copy[key] = _with_value(copy[key], inner, path[1:])
    return copy
