"""The words key=value of an experiment's command line."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from blis.foundation.checks import nearest
from blis.foundation.errors import ConfigError


def read_assignments(words: Sequence[str], keys: Collection[str], flags: Collection[str] = ()) -> dict[str, str]:
    """The values by their keys, as text.

    Parameters
    ----------
    words : sequence of str
    keys : collection of str
        Which there are.
    flags : collection of str
        Further words that may stand between them, such as --json.

    Raises
    ------
    ConfigError
        If a word is neither a flag nor the assignment of a known key.
    """
    given: dict[str, str] = {}
    for word in words:
        if word in flags:
            continue
        key, equals, value = word.partition("=")
        if not equals or key not in keys:
            known = ", ".join([f"{', '.join(keys)} (key=value)", *flags])
            raise ConfigError(f"no option {word!r}{nearest(key, keys)} Options: {known}.")
        given[key] = value
    return given


def as_number(text: str) -> object:
    """A number if the text is one; whoever checks it says what is wrong with any other text."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def on_command_line(value: Any) -> str:
    """Plain data as Hydra reads it on a command line."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{on_command_line(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(on_command_line, value)) + "]"
    return value if isinstance(value, str) else json.dumps(value)
