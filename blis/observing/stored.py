"""The folder of an observation: what it keeps of its configuration, and how it is gone on with."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from blis.foundation.errors import ConfigError
from blis.foundation.files import check_path, is_file, write_text_whole
from blis.foundation.strict_yaml import read_yaml
from blis.foundation.words import shown
from blis.observing.journal import NAME, Recorded, read_journal
from blis.observing.settings import PLAN_KEYS

CONFIG = "config.yaml"
#: What the command line alone says, each time anew.
_OF_THE_CALL = ("dry_run", "resume", "recover", "output")


class Earlier(NamedTuple):
    """What an observation that is gone on with has left."""

    folder: Path
    recorded: Recorded


def check_unused(folder: Path) -> None:
    """Refuse a folder that has an observation: what was measured is not written over."""
    if is_file(folder / NAME):
        raise ConfigError(
            f"output.folder: {shown(str(folder))} has an observation already; give resume={folder} to go on with it, "
            "or another folder."
        )


def keep_config(folder: Path, document: Mapping[str, Any], prompt_seed: int) -> None:
    """Write what it takes to go on."""
    kept = {key: value for key, value in document.items() if key not in (*_OF_THE_CALL, "scenario")}
    kept["prompt_seed"] = prompt_seed
    workload = kept.get("workload")
    if isinstance(workload, Mapping):
        paths = {key: os.path.abspath(str(workload[key])) for key in ("path", "data_path") if workload.get(key)}
        kept["workload"] = {**workload, **paths}
    text = f"# To send what is missing: python -m blis.observe resume={folder}\n"
    text += yaml.safe_dump(kept, sort_keys=False, allow_unicode=True)
    write_text_whole("output.folder", folder / CONFIG, text)


def earlier(where: str, folder: object) -> Earlier:
    """What the folder of an observation holds.

    Raises
    ------
    ConfigError
        If it is none.
    """
    if not isinstance(folder, str) or not folder:
        raise ConfigError(f"{where} must be the folder of an observation; got {shown(folder)}.")
    path = Path(folder)
    if not is_file(path / NAME):  # Hydra may have made the folder
        raise ConfigError(f"{where} must be the folder of an observation; {shown(folder)} has no {NAME}.")
    return Earlier(path, read_journal(path))


def gone_on(where: str, folder: Path, given: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """The configuration of an observation that goes on: the stored one, with what the command line says otherwise.

    Parameters
    ----------
    where : str
        resume or recover.
    folder : Path
    given : mapping
        What the command line composed.
    overrides : sequence of str
        What the command line set itself.

    Raises
    ------
    ConfigError
        If the command line wants other requests.
    """
    stored = read_yaml(check_path(f"{where}: {CONFIG}", folder / CONFIG))
    if not isinstance(stored, Mapping):
        raise ConfigError(f"{folder / CONFIG} must be a mapping; got {shown(stored)}.")
    explicit = [override.lstrip("+~").partition("=")[0].partition("@")[0] for override in overrides]
    document = {**given, **stored}
    for key in explicit:
        root = key.partition(".")[0]
        plan_key = "workload" if root == "scenario" else root
        if plan_key in PLAN_KEYS:
            if _absolute(given.get(plan_key)) != _absolute(stored.get(plan_key)):
                raise ConfigError(
                    f"{where} goes on with the requests of {shown(str(folder))}, and {key} wants others; leave it out."
                )
        else:
            document[root] = _with(document.get(root), given.get(root), key.split(".")[1:])
    for key in _OF_THE_CALL:
        document[key] = given.get(key)
    return document


def _absolute(workload: object) -> object:
    if not isinstance(workload, Mapping):
        return workload
    paths = {key: os.path.abspath(str(workload[key])) for key in ("path", "data_path") if workload.get(key)}
    return {key: value for key, value in {**workload, **paths}.items() if value is not None}


def _with(stored: Any, given: Any, path: Sequence[str]) -> Any:
    """The stored value with the given one at a path within it."""
    if not path or not isinstance(stored, Mapping) or not isinstance(given, Mapping) or path[0] not in given:
        return given
    return {**stored, path[0]: _with(stored.get(path[0]), given[path[0]], path[1:])}
