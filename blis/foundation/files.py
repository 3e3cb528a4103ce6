"""Files: the folders that are shipped with the program, and texts that are read whole or by lines, packed or not."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from blis.foundation.errors import ConfigError

PACKAGE_FOLDER = Path(__file__).resolve().parents[1]


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


def check_path(where: str, value: object) -> Path:
    """Return `value` as the path of a file that exists."""
    if not isinstance(value, str | Path) or not str(value):
        raise ConfigError(f"{where} must be the path of a file; got {value!r}.")
    path = Path(value)
    if not path.is_file():
        raise ConfigError(f"{where} must be the path of a file; there is none at {str(value)!r}.")
    return path


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, unpacked if its name ends in .gz.

    Raises
    ------
    ConfigError
        If it cannot be read or decoded.
    """
    try:
        with opened(path) as file:
            return file.read()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from error


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file that are not blank, each with its number from 1; as `read_text`."""
    try:
        with opened(path) as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from error


def opened(path: Path, newline: str | None = None) -> TextIO:
    """The file as text; a byte order mark is passed over."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline=newline)
    return path.open(encoding="utf-8-sig", newline=newline)
