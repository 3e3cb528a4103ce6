"""Nested plain data as flat names with one value each, under the names that MLflow allows."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_NOT_ALLOWED = re.compile(r"[^\w\-. :/]")
_LONGEST_NAME = 250


def flat(data: Any, name: str = "") -> dict[str, str | int | float | bool | None]:
    """Leaves of mappings and lists by their path, such as {"routing/queue-depth": 0.4}.

    An entry {"name": n, "weight": w} of a list is called by its name, others by their place.
    """
    return dict(_leaves(data, name))


def numbers(data: Any, name: str = "") -> dict[str, float]:
    """The leaves of `flat` that are numbers."""
    found = {}
    for key, value in _leaves(data, name):
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[key] = float(value)
    return found


def genes(genome: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a genome; weights, of which only the ratios matter, as shares of their sum."""
    return numbers({name: _shares(value) for name, value in genome.items()})


def _shares(value: Any) -> Any:
    if not isinstance(value, Mapping) or not value:
        return value
    weights = list(value.values())
    if any(isinstance(weight, bool) or not isinstance(weight, int | float) or weight < 0 for weight in weights):
        return value
    total = sum(weights)
    return {name: weight / total for name, weight in value.items()} if total else value


def allowed(name: str) -> str:
    """The name with "_" for what MLflow refuses: it takes letters, digits, and _ - . space : / ."""
    clean = _NOT_ALLOWED.sub("_", name).strip("/").strip() or "_"
    clean = re.sub(r"/{2,}", "/", clean)
    return "/".join(part if part.strip(".") else "_" for part in clean.split("/"))[:_LONGEST_NAME]


def _leaves(data: Any, name: str) -> Iterator[tuple[str, str | int | float | bool | None]]:
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from _leaves(value, f"{name}/{key}" if name else str(key))
    elif isinstance(data, list | tuple):
        for place, value in enumerate(data):
            if isinstance(value, Mapping) and set(value) == {"name", "weight"}:
                yield from _leaves(value["weight"], f"{name}/{value['name']}" if name else str(value["name"]))
            else:
                yield from _leaves(value, f"{name}/{place}" if name else str(place))
    else:
        yield name or "value", data
