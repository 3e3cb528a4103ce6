"""Files of an exchange: read whole, and written whole or not at all."""

from collections.abc import Mapping
from pathlib import Path

from blis.foundation.checks import check_flag
from blis.foundation.errors import ConfigError
from blis.foundation.files import is_file, is_folder
from blis.foundation.words import shown

#: More than any router's configuration has.
_MOST_BYTES = 4_000_000


def read_text(path: Path) -> str:
    """The text of a file.

    Raises
    ------
    ConfigError
        If there is none, or it is no text.
    """
    if not is_file(path):
        raise ConfigError(f"file must be a file; there is no {shown(str(path))}.")
    if path.stat().st_size > _MOST_BYTES:
        raise ConfigError(f"{path} must be a router's configuration; it is larger than {_MOST_BYTES:,} bytes.")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} must be text in UTF-8; it is not at byte {error.start}.") from error
    if not text.strip():
        raise ConfigError(f"{path} must be a router's configuration; it is empty.")
    return text


def check_target(given: Mapping[str, object]) -> Path | None:
    """The file of `output.file`, which must not exist yet, or may be replaced by `overwrite`; None if none is given.

    Raises
    ------
    ConfigError
        If it cannot be written there.
    """
    overwrite = check_flag("overwrite", given.get("overwrite", False))
    if "output.file" not in given:
        return None
    value = given["output.file"]
    if not isinstance(value, str) or not value:
        raise ConfigError(f"output.file must be a path; got {shown(value)}.")
    path = Path(value)
    if is_folder(path) or not is_folder(path.parent):
        raise ConfigError(f"output.file must be a file in a folder that exists; got {shown(value)}.")
    if is_file(path) and not overwrite:
        raise ConfigError(f"{path} exists already; give overwrite=true to replace it.")
    return path


def write_whole(path: Path, text: str) -> None:
    """Write a file so that nobody ever finds half of it."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
