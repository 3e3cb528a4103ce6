"""Files: folders shipped with the program, texts read whole or by lines, packed or not, and files written whole."""

import json
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from blis.foundation.errors import ConfigError
from blis.foundation.words import shown

PACKAGE_FOLDER = Path(__file__).resolve().parents[1]

MOST_TEXT = 2**28  #: of a file that is read whole, unpacked [characters]
MOST_DOCUMENT = 2**24  #: of a file that people write [characters]
LONGEST_LINE = 2**24  #: of a file that is read by lines [characters]

#: What reading a file may raise that is damaged, gone, or no text.
_UNREADABLE = (OSError, EOFError, UnicodeError, zlib.error)


def shipped_folder(name: str) -> Path:
    """The folder `name` inside the package (a wheel) or beside it (the source tree), the first that exists.

    Raises
    ------
    ConfigError
        If neither exists: the installation is incomplete.
    """
    places = (PACKAGE_FOLDER / name, PACKAGE_FOLDER.parent / name)
    for place in places:
        if place.is_dir():
            return place
    looked = " nor ".join(str(place) for place in places)
    raise ConfigError(f"folder {name!r} must be shipped with the package; found neither {looked}. Install it again.")


def conf_folder() -> Path:
    """The folder of configurations."""
    return shipped_folder("conf")


def is_file(path: Path) -> bool:
    """Whether there is a file.

    Raises
    ------
    ConfigError
        If that cannot be found out: a folder may not be entered, or no file can have the name.
    """
    return _looked_at(path, Path.is_file)


def is_folder(path: Path) -> bool:
    """Whether there is a folder; raises as `is_file`."""
    return _looked_at(path, Path.is_dir)


def stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file is written anew; None where there is none. For what is remembered of a file."""
    try:
        found = path.stat()
    except OSError:  # whoever reads it will say why
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def check_path(where: str, value: object) -> Path:
    """Return `value` as the path of a file that exists."""
    if not isinstance(value, str | Path) or not str(value):
        raise ConfigError(f"{where} must be the path of a file; got {shown(value)}.")
    path = Path(value)
    if not is_file(path):
        raise ConfigError(f"{where} must be the path of a file; there is none at {shown(str(value))}.")
    return path


def read_text(path: Path, most: int = MOST_TEXT) -> str:
    """The text of a UTF-8 file, unpacked if its name ends in .gz.

    Raises
    ------
    ConfigError
        If it cannot be read or decoded, or has more than `most` characters.
    """
    with _reading(path), opened(path) as file:
        text = file.read(most + 1)
    if len(text) > most:
        raise ConfigError(f"{path} must have at most {most} characters to be read whole.")
    return text


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises
    ------
    ConfigError
        If it cannot be read or parsed, or holds something else.
    """
    text = read_text(path)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} must be JSON; got an error: {error}.") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path} must be a JSON object; got {type(document).__name__}.")
    return document


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file that are not blank, each with its number from 1; as `read_text`."""
    with _reading(path), opened(path) as file:
        number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE:
                raise ConfigError(f"{path}, line {number}: must have fewer than {LONGEST_LINE} characters.")
            if not line.isspace():
                yield number, line


def opened(path: Path, newline: str | None = None) -> TextIO:
    """The file as text; a byte order mark is passed over."""
    if path.suffix == ".gz":
        import gzip

        return gzip.open(path, "rt", encoding="utf-8-sig", newline=newline)
    return path.open(encoding="utf-8-sig", newline=newline)


@contextmanager
def folder_aside(folder: Path) -> Iterator[Path]:
    """A new folder beside what it will replace, to make files in that nobody meets half-written; it does not stay."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=folder, ignore_cleanup_errors=True) as aside:
        yield Path(aside)


def write_whole(where: str, path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make a file aside, and put it in the place of `path`.

    Parameters
    ----------
    where : str
        What told the path, for messages.
    path : Path
        Its folder must exist.
    write : callable
        Makes a file of the name that it is given.

    Raises
    ------
    ConfigError
        If the file cannot be written, or there is no room; what was at `path` is still there then.
    """
    try:
        with folder_aside(path.parent) as aside:
            write(aside / path.name)
            os.replace(aside / path.name, path)
    except OSError as error:
        raise ConfigError(f"{where}: {shown(str(path))} cannot be written: {error.strerror or error}.") from error


def write_text_whole(where: str, path: Path, text: str) -> None:
    """Write a text file whole or not at all; see `write_whole`."""
    write_whole(where, path, lambda aside: aside.write_text(text, encoding="utf-8"))


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Say which file cannot be read."""
    try:
        yield
    except _UNREADABLE as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ConfigError(f"{path} cannot be read: {reason}.") from error


def _looked_at(path: Path, question: Callable[[Path], bool]) -> bool:
    try:
        return question(path)
    except OSError as error:
        raise ConfigError(f"{shown(str(path))} cannot be read: {error.strerror or error}.") from error
