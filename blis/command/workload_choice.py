"""Which workload a command line means: a name of `conf/workload`, or a path whose format its name and content tell.

Imports nothing heavy before it is needed.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from blis.foundation.checks import nearest
from blis.foundation.errors import ConfigError
from blis.foundation.files import is_file, is_folder
from blis.foundation.words import listed, shown

_OPTION = re.compile(r"([A-Za-z_]\w*(?:\.\w+)*)=(.*)", re.DOTALL)


def options_of(arguments: Sequence[str]) -> dict[str, Any]:
    """The arguments key=value as a mapping; values are read as YAML.

    Raises
    ------
    ConfigError
        If one has another form, or is given twice.
    """
    from yaml import YAMLError

    from blis.foundation.strict_yaml import in_words, parse_yaml

    options: dict[str, Any] = {}
    for argument in arguments:
        match = _OPTION.fullmatch(argument)
        if match is None:
            raise ConfigError(f"options must have the form key=value; got {shown(argument)}.")
        key, text = match.groups()
        if key in options:
            raise ConfigError(f"option {key} must be given once; got it twice.")
        if key.rpartition(".")[2].endswith("path"):
            options[key] = text
            continue
        try:
            options[key] = parse_yaml(text)
        except YAMLError as error:
            raise ConfigError(f"option {key} must be a YAML value; got {shown(text)}: {in_words(error)}.") from error
    return options


def named_workload(name: str) -> dict[str, Any]:
    """The values of `conf/workload/<name>.yaml`; a value that the user must give is absent.

    Raises
    ------
    ConfigError
        If there is no such file.
    """
    from blis.foundation.strict_yaml import read_yaml

    names = workload_names()
    if name not in names:
        raise ConfigError(f"workload: no choice named {shown(name)}{nearest(name, names)} Choices: {', '.join(names)}.")
    values = read_yaml(_folder() / f"{name}.yaml")
    return {key: value for key, value in values.items() if value is not None and value != "???"}


def workload_names() -> list[str]:
    """Names of the files of `conf/workload`."""
    return sorted(path.stem for path in _folder().glob("*.yaml"))


def format_of(path: Path) -> str:
    """The kind of workload that reads a file or folder: the one that recognises its beginning.

    Raises
    ------
    ConfigError
        If none does, or more than one.
    """
    from blis.foundation.answers import answer
    from blis.workload.logs.recognition import head_of

    head = head_of(path)
    found = [kind for kind in readers() if answer("workload", kind).recognises(head)]
    if len(found) == 1:
        return found[0]
    what = f"begins like {' and '.join(found)}" if found else "begins like no known format"
    names = f" ({listed(head.names)})" if head.names else ""
    raise ConfigError(f"{path} {what}{names}; give from=FORMAT: {', '.join(found or readers())}.")


def readers() -> list[str]:
    """Kinds of workload that read a file or folder."""
    from blis.foundation.answers import answer, choices

    return [kind for kind in choices("workload") if hasattr(answer("workload", kind), "recognises")]


def writers() -> list[str]:
    """Kinds of workload that can be written too."""
    from blis.foundation.answers import answer, choices

    return [kind for kind in choices("workload") if hasattr(answer("workload", kind), "write")]


def source_mapping(source: str, kind: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """What describes the workload `source`: the name of a file of `conf/workload`, or a path.

    Parameters
    ----------
    source : str
    kind : str or None
        Format of the path; None: a name, or a path that tells its format.
    options : mapping
        Further parameters of the workload.
    """
    names = workload_names()
    if kind is None and source in names:
        return {**named_workload(source), **options}
    if is_file(Path(source)) or is_folder(Path(source)):
        return {"kind": kind or format_of(Path(source)), "path": source, **options}
    raise ConfigError(
        f"{shown(source)} must be a file, a folder or the name of a workload; there is none. Names: {', '.join(names)}."
    )


def _folder() -> Path:
    from blis.foundation.files import conf_folder

    return conf_folder() / "workload"
