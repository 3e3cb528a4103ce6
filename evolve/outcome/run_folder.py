"""The configuration of a search: composed by Hydra, kept in its run folder, and read from there to go on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from blis.foundation.errors import ConfigError
from blis.foundation.strict_yaml import read_yaml
from blis.output.run_folder import source_commit
from evolve.outcome.files import write_text_whole

CONFIG = "config.yaml"


def check_unused(folder: Path) -> None:
    """Refuse a run folder that holds a search already.

    Raises
    ------
    ConfigError
        If it does.
    """
    if (folder / CONFIG).exists():
        raise ConfigError(
            f"hydra.run.dir must be a folder without a search; {str(folder)!r} has one. To go on with it: "
            f"resume={folder}."
        )


def keep_config(folder: Path, document: Mapping[str, Any]) -> None:
    """Write the configuration of a search into its run folder, where that has none yet.

    Raises
    ------
    ConfigError
        If the folder cannot be written.
    """
    if (folder / CONFIG).exists():
        return
    head = (
        f"# Source {source_commit() or 'unknown'}. To repeat this search, in this folder:\n"
        "# blis-evolve --config-dir . --config-name config\n"
    )
    write_text_whole(folder / CONFIG, head + yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True))


def stored_config(folder: object) -> tuple[Path, dict[str, Any]]:
    """A run folder and the configuration that it keeps.

    Raises
    ------
    ConfigError
        If there is no search in it.
    """
    if not isinstance(folder, str) or not folder:
        raise ConfigError(f"resume must be the run folder of a search; got {folder!r}.")
    if not (Path(folder) / CONFIG).is_file():
        raise ConfigError(f"resume must be the run folder of a search, which has a {CONFIG}; got {folder!r}.")
    return Path(folder), read_config(Path(folder))


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration that a run folder keeps.

    Raises
    ------
    ConfigError
        If it cannot be read or is none.
    """
    document = read_yaml(folder / CONFIG)
    if not isinstance(document, Mapping):
        raise ConfigError(f"{folder / CONFIG} must be the configuration of a search; it is no mapping.")
    return {str(key): value for key, value in document.items()}
