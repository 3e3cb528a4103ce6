"""What has been observed so far, on disk as it happens: a file that only grows, so that a kill loses nothing recorded.

The first line says which workload it is; each later line is one request that has ended, or a note that the observation
went on. A last line that was cut off by a kill is passed over.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from blis.foundation.errors import ConfigError
from blis.foundation.words import shown
from blis.observing.observation import Observation

NAME = "journal.jsonl"
VERSION = 1


class Recorded(NamedTuple):
    """What a journal holds."""

    head: Mapping[str, Any]
    observations: dict[int, Observation]  #: by the number of the request; the latest of each
    n_parts: int  #: how often the observation was begun or gone on with
    n_cut: int  #: lines that were cut off
    end_bytes: int  #: where the last whole line ends


class Journal:
    """A journal that is being written."""

    def __init__(self, path: Path, head: Mapping[str, Any] | None = None, at_bytes: int = 0) -> None:
        """Begin a journal with its head, or go on with one behind its last whole line."""
        try:
            self._file = path.open("wb" if head is not None else "r+b", buffering=0)
        except OSError as error:
            raise ConfigError(
                f"output.folder: {shown(str(path))} cannot be written: {error.strerror or error}."
            ) from error
        if head is not None:
            self._write({"journal": VERSION, **head})
        else:
            self._file.truncate(at_bytes)
            self._file.seek(0, os.SEEK_END)

    def go_on(self, start_us: int) -> None:
        """Note that the observation goes on, at which time of its clock."""
        self._write({"part_from_us": start_us})

    def add(self, observation: Observation) -> None:
        """Record a request that has ended."""
        self._write(observation.to_mapping())

    def close(self) -> None:
        """Let everything reach the disk."""
        os.fsync(self._file.fileno())
        self._file.close()

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")


def read_journal(folder: Path) -> Recorded:
    """What the journal of a folder holds.

    Raises
    ------
    ConfigError
        If there is none, or it is no journal.
    """
    path = folder / NAME
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{folder} must be the folder of an observation; {NAME} cannot be read: {error.strerror or error}."
        ) from error
    whole, newline, rest = text.rpartition(b"\n")
    lines = whole.split(b"\n") if newline else []
    head = _parsed(path, 1, lines[0]) if lines else {}
    if head.get("journal") != VERSION:
        raise ConfigError(f"{path}, line 1: must be the head of a journal of version {VERSION}.")
    observations: dict[int, Observation] = {}
    n_parts = 1
    for number, line in enumerate(lines[1:], 2):
        entry = _parsed(path, number, line)
        if "part_from_us" in entry:
            n_parts += 1
            continue
        try:
            one = Observation.from_mapping(entry)
        except TypeError as error:
            raise ConfigError(f"{path}, line {number}: must be an observation: {error}.") from error
        observations[one.number] = one
    return Recorded(head, observations, n_parts, int(bool(rest)), len(whole) + len(newline))


def _parsed(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}, line {number}: must be JSON; got {shown(line[:80])}.") from error
    if not isinstance(entry, dict):
        raise ConfigError(f"{path}, line {number}: must be a JSON object; got {shown(entry)}.")
    return entry
