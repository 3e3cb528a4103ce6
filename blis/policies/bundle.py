"""Policy bundles: one YAML file that says how a cluster decides, to be kept, compared and handed on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from blis.cluster.plan import BATCH_LIMITS
from blis.foundation.answers import GATEWAY_QUESTIONS, OPTIONAL_QUESTIONS, QUESTIONS, answer, as_mapping, choices
from blis.foundation.checks import check_choice, check_int, check_keys
from blis.foundation.errors import ConfigError
from blis.foundation.files import check_path
from blis.foundation.strict_yaml import read_yaml
from blis.policies import endpoint_picker
from blis.policies.binding import DEFAULT_POLICIES, fields
from blis.policies.endpoint_picker import is_endpoint_picker
from blis.policies.published import is_published, translated
from blis.policies.users import name_of
from blis.policies.written_source import is_written, with_source

VERSION = 1


@dataclass(frozen=True, slots=True)
class Bundle:
    """The policies of some questions, and where they come from."""

    policies: Mapping[str, Mapping[str, Any]]  #: question -> {"policy": name, parameter: value ...}
    lineage: Mapping[str, Any] = field(default_factory=dict)  #: kept, not interpreted
    limits: Mapping[str, int] = field(default_factory=dict)  #: of every instance's batch; those left out stay


def read_bundle(path: str | Path) -> Bundle:
    """The bundle in a file.

    Raises
    ------
    ConfigError
        If the file is absent, empty or no YAML, its version another, or a key or a name unknown.
    """
    where = check_path("policies", path)
    document = read_yaml(where)
    if document is None:
        raise ConfigError(f"{where} must be a policy bundle with 'version: {VERSION}'; it is empty.")
    return bundle_from_mapping(str(where), document, where.parent)


def bundle_from_mapping(where: str, mapping: object, folder: Path | None = None) -> Bundle:
    """The bundle that a plain mapping describes; the values of parameters are checked when they are bound.

    A document without a version may be a policy file of the reference simulator, see `blis.policies.published`, or one
    of llm-d's router, see `blis.policies.endpoint_picker`. The files of written policies are looked for in `folder`.

    Raises
    ------
    ConfigError
        If the version is not this program's, or a key or a name is unknown.
    """
    if is_published(mapping):
        mapping = translated(where, mapping)  # type: ignore[arg-type]
    elif is_endpoint_picker(mapping):
        mapping = endpoint_picker.translated(where, mapping)  # type: ignore[arg-type]
    given = check_keys(where, mapping, ("version", *QUESTIONS, "limits", "lineage"), ("version",))
    if check_int(f"{where}: version", given["version"]) != VERSION:
        raise ConfigError(f"{where}: version must be {VERSION}, the one this program reads; got {given['version']!r}.")
    lineage = given.get("lineage")
    if lineage is not None and not isinstance(lineage, Mapping):
        raise ConfigError(f"{where}: lineage must be a mapping; got {lineage!r}.")
    policies = {
        question: _policy(f"{where}: {question}", question, given[question], folder)
        for question in QUESTIONS
        if given.get(question) is not None
    }
    return Bundle(policies, dict(lineage or {}), check_limits(f"{where}: limits", given.get("limits")))


def check_limits(where: str, mapping: object) -> dict[str, int]:
    """Batch limits by name, each within its range; no mapping at all counts as none.

    Raises
    ------
    ConfigError
        If a name is unknown, or a value no whole number in its range.
    """
    given = check_keys(where, {} if mapping is None else mapping, BATCH_LIMITS)
    limits = {}
    for name, value in given.items():
        bounds = BATCH_LIMITS[name]
        limits[name] = check_int(f"{where}.{name}", value, bounds.least, bounds.most, bounds.unit)
    return limits


def with_limits(cluster: Mapping[str, Any], limits: Mapping[str, int]) -> dict[str, Any]:
    """A cluster's mapping, as `blis.scenario` reads it, with these batch limits in every pool.

    A pool's own value of a limit is replaced too: the bundle says how every instance decides.
    """
    replaced = {**cluster, **limits}
    pools = cluster.get("instances")
    if limits and isinstance(pools, list | tuple):
        replaced["instances"] = [
            {key: value for key, value in pool.items() if key not in limits} if isinstance(pool, Mapping) else pool
            for pool in pools
        ]
    return replaced


def write_bundle(bundle: Bundle, path: str | Path) -> None:
    """Write a bundle; what is read back is equal to it."""
    Path(path).write_text(bundle_text(bundle), encoding="utf-8")


def bundle_text(bundle: Bundle) -> str:
    """The bundle as YAML."""
    document: dict[str, Any] = {"version": VERSION, **{name: dict(policy) for name, policy in bundle.policies.items()}}
    if bundle.limits:
        document["limits"] = dict(bundle.limits)
    if bundle.lineage:
        document["lineage"] = dict(bundle.lineage)
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def complete_policy(question: str, choice: Mapping[str, Any] | str | Callable[..., Any]) -> dict[str, Any]:
    """The policy with all its parameters, defaults written out, so that a file says what was run.

    Names and parameters must have been checked.
    """
    if callable(choice):
        return {"policy": name_of(choice)}
    given = as_mapping(question, choice)
    name = str(given["policy"])
    if ":" in name:
        return given
    if is_written(given):
        return with_source(question, given)
    described = fields(answer(question, name))
    values = {key: given[key] if given.get(key) is not None else default for key, (_, default) in described.items()}
    return {"policy": name, **{key: _plain(value) for key, value in values.items()}}


def without_unasked(policies: Mapping[str, Mapping[str, Any]], has_gateway: bool = False) -> dict[str, Any]:
    """The policies, with every parameter, without questions that only some clusters ask and that have their default.

    Those of a gateway are kept where the cluster has one.
    """
    optional = set(OPTIONAL_QUESTIONS) - set(GATEWAY_QUESTIONS if has_gateway else ())
    return {
        question: policy
        for question, policy in policies.items()
        if question not in optional or policy != complete_policy(question, DEFAULT_POLICIES[question])
    }


def _policy(where: str, question: str, value: object, folder: Path | None) -> dict[str, Any]:
    given = as_mapping(where, value)
    name = given.get("policy")
    if is_written(given):
        return with_source(where, given, folder)
    if isinstance(name, str) and ":" in name:
        return check_keys(where, given, ("policy",))
    check_choice(f"{where}.policy", name, choices(question))
    return check_keys(where, given, ("policy", *fields(answer(question, str(name)))))


def _plain(value: Any) -> Any:
    """Tuples as lists, and (scorer, weight) pairs as mappings, as YAML has them."""
    if isinstance(value, tuple | list):
        if len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int | float):
            return {"name": value[0], "weight": value[1]}
        return [_plain(part) for part in value]
    return value
