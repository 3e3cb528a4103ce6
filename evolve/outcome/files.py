"""Writes files whole or not at all, whatever happens meanwhile, and keeps a folder to one process."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from blis.foundation.errors import ConfigError


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Keep other processes from searching in this folder, for the time of a `with` block, or until the process ends.

    Raises
    ------
    ConfigError
        If another process does it already, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("a")
    except OSError as error:
        raise _not_writable(folder, error) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                f"hydra.run.dir must be a folder where nobody searches; {str(folder)!r} is in use."
            ) from error
        yield


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make a file aside, bring it to the disk, and put it in the place of `path`.

    One process at a time may write a folder: what a killed one left aside is overwritten by the next.

    Raises
    ------
    ConfigError
        If the folder cannot be written, or has no room; what was at `path` is still there then.
    """
    aside = path.with_name(f".unfinished-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(aside)
        _to_disk(aside)
        os.replace(aside, path)
        _to_disk(path.parent)
    except OSError as error:
        raise _not_writable(path.parent, error) from error
    finally:
        _forget(aside)


def write_text_whole(path: Path, text: str) -> None:
    """Write a text file whole or not at all; see `write_whole`."""
    write_whole(path, lambda aside: aside.write_text(text, encoding="utf-8"))


def _not_writable(folder: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"hydra.run.dir must be a folder that can be written, with room in it; got {str(folder)!r}: "
        f"{error.strerror or error}."
    )


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _forget(aside: Path) -> None:
    try:
        aside.unlink(missing_ok=True)
    except OSError:  # the folder cannot be written, which has been said
        return
