"""Text files that are plain or packed by their names, byte for byte the same each time."""

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from blis.foundation.units import US_PER_S, Int32Vector, Int64Vector


@contextmanager
def text_file(path: Path) -> Iterator[TextIO]:
    """A UTF-8 file to write; packed, without a time stamp, if its name ends in .gz."""
    if path.suffix != ".gz":
        with path.open("w", encoding="utf-8", newline="") as file:
            yield file
        return
    with (
        path.open("wb") as packed,
        gzip.GzipFile("", "wb", mtime=0, fileobj=packed) as stream,
        io.TextIOWrapper(stream, encoding="utf-8", newline="") as file,
    ):
        yield file


def seconds(times_us: Int64Vector) -> list[str]:
    """Times in seconds with six decimals: exact."""
    return [f"{time // US_PER_S}.{time % US_PER_S:06d}" for time in times_us.tolist()]


def names_of(indices: Int32Vector, names: tuple[str, ...]) -> list[str]:
    """A column of names, "" where there is none."""
    return [names[index] if index >= 0 else "" for index in indices.tolist()]
