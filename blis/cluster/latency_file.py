"""A latency model in a file of its own, as `python -m blis.fit` writes it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blis.foundation.checks import check_keys
from blis.foundation.errors import ConfigError
from blis.foundation.files import check_path
from blis.foundation.strict_yaml import read_yaml
from blis.foundation.words import shown

SUFFIXES = (".yaml", ".yml")
#: `fit` says where the values come from, and is not read.
_KEYS = ("latency", "fit")


def is_latency_file(value: object) -> bool:
    """Whether a latency model is the path of a file."""
    return isinstance(value, str) and value.endswith(SUFFIXES)


def read_latency(where: str, value: str) -> dict[str, Any]:
    """The latency model in a file, as a configuration has it: a kind, and its parameters.

    Raises
    ------
    ConfigError
        If there is no such file, or it holds anything else.
    """
    path = check_path(where, Path(value))
    document = check_keys(str(path), read_yaml(path), _KEYS, ("latency",))
    latency = document["latency"]
    if not isinstance(latency, Mapping) or not isinstance(latency.get("kind"), str):
        raise ConfigError(f"{path}.latency must be a mapping with a kind; got {shown(latency)}.")
    return {str(key): part for key, part in latency.items()}
