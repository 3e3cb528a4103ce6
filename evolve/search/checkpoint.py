"""Where a search stands, kept in its run folder after every generation, so that it can be killed at any moment.

The folder `checkpoint` holds `state.json` and the parts of the history. A part is written before the state that counts
it: parts that the state does not count are written again, equal, by whoever goes on. The state knows the digest of
each part, of itself, and of the configuration that it belongs to, so that no other search goes on with it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from blis.foundation.checks import check_choice, check_int, check_keys
from blis.foundation.errors import ConfigError
from evolve.outcome.files import write_text_whole
from evolve.plan.budget import Spending
from evolve.settings import SEARCH_KEYS

FOLDER, FILE = "checkpoint", "state.json"
VERSION = 3

#: How far a search is: in its generations, in its finals, at its end.
SEARCHING, SEARCHED, FINISHED = "searching", "searched", "finished"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything that a search needs to go on, but for what its configuration says."""

    configuration: dict[str, str]  #: key -> digest of its value, of all that say what is searched
    status: str  #: searching, searched or finished
    algorithm: dict[str, Any]  #: its state
    archive: list[dict[str, Any]]  #: its state
    spending: dict[str, int]  #: its state
    parts: dict[str, str]  #: of the history, in order: name -> digest of its contents


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """Write the state of the search in this run folder, whole or not at all.

    Raises
    ------
    ConfigError
        If the folder cannot be written; the last checkpoint is still there then.
    """
    content = asdict(checkpoint)
    document = {"version": VERSION, "digest": _digest(content), **content}
    write_text_whole(folder / FOLDER / FILE, json.dumps(document, ensure_ascii=False, allow_nan=False))


def load(folder: Path) -> Checkpoint | None:
    """The state of the search in this run folder; None if it was stopped before the first one.

    Raises
    ------
    ConfigError
        If it cannot be read, is of another version, or not as it was written.
    """
    path = folder / FOLDER / FILE
    if not path.exists():
        return None
    where = str(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return _read(where, document)
    except OSError as error:
        raise ConfigError(f"{where} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:  # what the checks below refuse, too, and what is no JSON or no text
        raise damaged(where, str(error)) from error


def digests(document: Mapping[str, Any]) -> dict[str, str]:
    """Of each value in a search's configuration that says what is searched; see `Checkpoint.configuration`."""
    return {key: _digest(document.get(key)) for key in SEARCH_KEYS}


def check_same(folder: Path, checkpoint: Checkpoint, document: Mapping[str, Any]) -> None:
    """Refuse to go on with another configuration than a checkpoint belongs to.

    Raises
    ------
    ConfigError
        If it is another one; the message names the keys that differ.
    """
    now = digests(document)
    differing = [key for key in now if checkpoint.configuration.get(key) != now[key]]
    if differing:
        raise ConfigError(
            f"{folder / 'config.yaml'} must be as it was when this search began; it differs in {', '.join(differing)}. "
            "Put it back to go on, or search anew in another folder."
        )


def damaged(where: str, how: str) -> ConfigError:
    """The error that says what is wrong with a file of a checkpoint, and what is left to do."""
    return ConfigError(
        f"{where} must be as a search wrote it; it is damaged: {how.rstrip('.')}. To search anew in this folder, "
        f"remove its {FOLDER} and config.yaml."
    )


def _read(where: str, document: object) -> Checkpoint:
    """Strict: every key is there, of its kind, and all of it has the digest that it names."""
    version = document.get("version") if isinstance(document, Mapping) else None
    if isinstance(version, int) and not isinstance(version, bool) and version != VERSION:
        raise ConfigError(f"version must be {VERSION}, the one that this program reads; got {version}")
    names = [field.name for field in fields(Checkpoint)]
    given = check_keys("state", document, ("version", "digest", *names), ("version", "digest", *names))
    check_int("version", given["version"], VERSION, VERSION)
    check_choice("status", given["status"], (SEARCHING, SEARCHED, FINISHED))
    amounts = [field.name for field in fields(Spending)]
    for name, amount in check_keys("spending", given["spending"], amounts, amounts).items():
        check_int(f"spending.{name}", amount, 0)
    _check_texts("configuration", given["configuration"])
    _check_texts("parts", given["parts"])
    for name, kind in (("algorithm", Mapping), ("archive", Sequence)):
        if not isinstance(given[name], kind) or isinstance(given[name], str):
            raise ConfigError(f"{name} must be a {kind.__name__.lower()}; got {type(given[name]).__name__}")
    content = {name: given[name] for name in names}
    if given["digest"] != _digest(content):
        raise ConfigError("its contents do not have the digest that it names")
    return Checkpoint(**content)


def _check_texts(where: str, mapping: object) -> None:
    if not isinstance(mapping, Mapping) or not all(isinstance(value, str) for value in mapping.values()):
        raise ConfigError(f"{where} must be a mapping of names to digests")


def _digest(content: object) -> str:
    text = json.dumps(content, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
