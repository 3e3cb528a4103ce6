"""Where a search stands, kept in its run folder after every generation, so that it can be killed at any moment.

The folder `checkpoint` holds `state.json` and the parts of the history. A part is written before the state that counts
it: parts that the state does not count are written again, equal, by whoever goes on.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from blis.foundation.checks import check_int
from blis.foundation.errors import ConfigError
from evolve.outcome.files import write_text_whole

FOLDER = "checkpoint"
VERSION = 1

#: How far a search is: in its generations, in its finals, at its end.
SEARCHING, SEARCHED, FINISHED = "searching", "searched", "finished"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything that a search needs to go on, but for what its configuration says."""

    status: str  #: searching, searched or finished
    algorithm: dict[str, Any]  #: its state
    archive: list[dict[str, Any]]  #: its state
    spending: dict[str, int]  #: its state
    parts: list[str]  #: of the history, in order


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """Write the state of the search in this run folder, whole or not at all.

    Raises
    ------
    ConfigError
        If the folder cannot be written; the last checkpoint is still there then.
    """
    document = {"version": VERSION, **asdict(checkpoint)}
    write_text_whole(folder / FOLDER / "state.json", json.dumps(document, ensure_ascii=False, allow_nan=False))


def load(folder: Path) -> Checkpoint | None:
    """The state of the search in this run folder; None if it was stopped before the first one.

    Raises
    ------
    ConfigError
        If it cannot be read or is of another version.
    """
    path = folder / FOLDER / "state.json"
    if not path.exists():
        return None
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        version = check_int(f"{path}: version", document.pop("version"))
        if version != VERSION:
            raise ConfigError(f"{path}: version must be {VERSION}, the one this program reads; got {version}.")
        return Checkpoint(**document)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{path} must be the checkpoint of a search; it cannot be read: {error}.") from error
