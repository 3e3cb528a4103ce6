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
from blis.foundation.words import shown

#: Header of each CSV format: its first columns.
_CSV_HEADERS = {
    "azure": ("TIMESTAMP",),
    "burstgpt": ("Timestamp", "Model", "Log Type"),
}
#: Keys that tell the YAML formats apart.
_YAML_KEYS = {
    "trace-v2": ("trace_version",),
    "shared-prefix": ("shared_prefix", "data"),
    "spec": ("clients", "aggregate_rate", "servegen_data"),
}
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
    """The kind of workload that reads a file or folder.

    Raises
    ------
    ConfigError
        If neither its name nor its content tells.
    """
    if is_folder(path):
        return "servegen"
    name = path.name.removesuffix(".gz")
    if name.endswith(".jsonl"):
        return "mooncake"
    if name.endswith((".yaml", ".yml")):
        return _yaml_format(path)
    if name.endswith(".csv"):
        return _csv_format(path)
    raise ConfigError(f"{path}: the name must end in .csv, .jsonl, .yaml or .gz after it; else give from=FORMAT.")


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


def _yaml_format(path: Path) -> str:
    from blis.foundation.strict_yaml import read_yaml

    document = read_yaml(path)
    for kind, keys in _YAML_KEYS.items():
        if isinstance(document, Mapping) and any(key in document for key in keys):
            return kind
    told = "; ".join(f"{kind}: {' or '.join(keys)}" for kind, keys in _YAML_KEYS.items())
    raise ConfigError(f"{path} must have a key that tells its format ({told}); else give from=FORMAT.")


def _csv_format(path: Path) -> str:
    from blis.workload.logs.recorded import csv_pieces

    header, _ = csv_pieces(path)
    for kind, names in _CSV_HEADERS.items():
        if all(name in header for name in names):
            return kind
    if len(header) >= 5:
        return "trace-csv"
    raise ConfigError(f"{path}: the columns {', '.join(header)} do not tell the format; give from=FORMAT.")
