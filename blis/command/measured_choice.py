"""The command line of commands that read measured runs: which files, which cluster, and where results go."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from blis.command.overrides import flags_apart, translated
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown

#: Keys that set the cluster and its policies, as `blis.run` has them.
_SIMULATED = ("cluster", "scenario", "policies", "slo", "horizon_us", "semantics", "seed")
#: A workload for what is checked together with one; measured runs bring their own requests.
_STAND_IN = {"kind": "distribution"}


def spelled_out(arguments: Sequence[str], lists: Sequence[str] = ("real",)) -> list[str]:
    """The command line as Hydra needs it.

    Parameters
    ----------
    arguments : sequence of str
    lists : sequence of str
        Keys whose value is a path, or a list of paths in brackets; a key that is given more than once adds to its list.
        Words without "=" belong to the first.

    Raises
    ------
    ConfigError
        If a key makes no sense beside a measured run.
    """
    flags, words = flags_apart(arguments)
    paths: dict[str, list[str]] = {}
    rest = []
    for word in words:
        key, is_assignment, value = word.partition("=")
        name = key.lstrip("+~")
        if not is_assignment and not word.startswith("~"):
            paths.setdefault(lists[0], []).append(word)
        elif name in lists and _names_files(value):
            paths.setdefault(name, []).extend(_members(value))
        elif name.partition(".")[0] == "workload":
            raise ConfigError(f"{name} cannot be set: the measured run says which requests come; give {lists[0]}=FILE.")
        elif name in ("scenario.load", "scenario.num_requests"):
            raise ConfigError(f"{name} cannot be set: the measured run says when requests come, and how many.")
        elif name == "output.folder":
            rest.append(f"hydra.run.dir={value}")
        else:
            rest.append(word)
    given = [f"++{key}=[{','.join(map(_quoted, values))}]" for key, values in paths.items()]
    return [*translated([*flags, *rest]), *given]


def simulated(config: Mapping[str, Any], overrides: Sequence[str], allow_python: bool) -> Any:
    """The settings of `blis.run` for the cluster and the policies of a configuration.

    Raises
    ------
    ConfigError
        If a key is unknown or a value wrong, at any level.
    """
    from blis.command.settings import settings_from_config
    from blis.foundation.answers import QUESTIONS

    own = {key: config[key] for key in (*_SIMULATED, *QUESTIONS) if config.get(key) is not None}
    return settings_from_config({**own, "workload": _STAND_IN}, overrides, allow_python)


def simulated_keys() -> tuple[str, ...]:
    """All keys that `simulated` reads, and the one that only the command line may set."""
    from blis.foundation.answers import QUESTIONS

    return (*_SIMULATED, *QUESTIONS, "allow_python")


def check_folder(folder: Path) -> Path:
    """The folder that results go to, which exists."""
    if not folder.is_dir():
        raise ConfigError(f"output.folder must be a folder that can be written; got {shown(str(folder))}.")
    return folder


def _names_files(value: str) -> bool:
    """Whether a value is a path or a list of paths, and not a number, null, or something for Hydra."""
    return bool(value) and value != "null" and not re.fullmatch(r"[-+.\d]+(e[-+]?\d+)?", value)


def _members(value: str) -> list[str]:
    inner = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    if inner is value and value[:1] in ("'", '"') and value[-1:] == value[:1]:
        return [value[1:-1]]
    pieces = [piece.strip() for piece in inner.split(",")] if inner is not value else [inner]
    return [piece.strip("'\"") for piece in pieces if piece]


def _quoted(value: str) -> str:
    escaped = value.replace("\\'", "\\\\'").replace("'", "\\'")
    return f"'{escaped}'"
