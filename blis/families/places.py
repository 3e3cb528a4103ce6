"""Places in a family's file: paths such as `workload.spec.clients.chat.arrival.cv`, found, read and filled.

A step names a key of a mapping, or an entry of a list: by its `id` or `name`, or by its number from 0.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from blis.foundation.checks import nearest
from blis.foundation.errors import ConfigError
from blis.foundation.words import listed, shown

#: Keys by which an entry of a list is called.
_CALLED = ("id", "name")


def value_at(where: str, document: Any, path: str) -> Any:
    """What lies at a path.

    Raises
    ------
    ConfigError
        If nothing does; the message names what lies nearest.
    """
    node = document
    for step in path.split("."):
        node = node[_key(where, node, step, path)]
    return node


def put(document: Any, path: str, value: Any) -> None:
    """Put a value in the place of what lies at a path, which must be there."""
    *outer, last = path.split(".")
    node = document
    for step in outer:
        node = node[_key(path, node, step, path)]
    node[_key(path, node, last, path)] = value


def overlap(one: str, other: str) -> bool:
    """Whether one of two paths is, or leads to, the other."""
    first, second = one.split("."), other.split(".")
    shorter = min(len(first), len(second))
    return first[:shorter] == second[:shorter]


def _key(where: str, node: Any, step: str, path: str) -> Any:
    """The key or the index that a step means."""
    keys = _keys(node)
    if step not in keys:
        raise ConfigError(
            f"{where}: there is nothing at {shown(step)} of {path}{nearest(step, keys)} "
            f"There: {listed(keys) or 'no keys'}."
        )
    return keys[step]


def _keys(node: Any) -> dict[str, Any]:
    if isinstance(node, Mapping):
        return {str(key): key for key in node}
    if not isinstance(node, Sequence) or isinstance(node, str):
        return {}
    keys: dict[str, Any] = {str(place): place for place in range(len(node))}
    for place, entry in enumerate(node):
        called = [entry[key] for key in _CALLED if isinstance(entry, Mapping) and isinstance(entry.get(key), str)]
        keys |= {name: place for name in called[:1] if name not in keys}
    return keys
