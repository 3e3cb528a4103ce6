"""JSON files read strictly: one object in each line, or one document."""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from blis.foundation.checks import check_int, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.files import read_text, text_lines
from blis.foundation.words import listed, shown
from blis.workload.drawing.lengths import LONGEST_TOKENS


class Place(NamedTuple):
    """An object of a file, put into words only when it is wrong."""

    path: Path
    row: int  #: from 0

    def __str__(self) -> str:
        return f"{self.path}, row {self.row}"


def read_rows(path: Path, take: Callable[[Place, dict[str, Any]], None], known: Iterable[str]) -> tuple[str, ...]:
    """Give the object in each line, or each of one list, to `take`, and say which fields are not among the known ones.

    Raises
    ------
    ConfigError
        That of `take`, with the number of the line; or if one is no object, or there is none.
    """
    n, names, others = 0, set(known), set[str]()
    for number, record in _objects(path):
        try:
            take(Place(path, n), record)
        except ConfigError as error:
            raise ConfigError(f"{error} See line {number}." if number else str(error)) from error
        n += 1
        if not names.issuperset(record):
            others |= record.keys() - names
    if not n:
        raise ConfigError(f"{path} must hold at least one request; it is empty.")
    return (f"no effect here have the fields {listed(sorted(others))}",) if others else ()


def tokens(where: Place, record: Mapping[str, Any], field: str) -> int:
    """A field that is a length [tokens]."""
    value = record.get(field)
    if type(value) is int and 0 <= value <= LONGEST_TOKENS:
        return value
    if field not in record:
        raise ConfigError(f"{where}: must be a JSON object with {field}; fields: {listed(record) or 'none'}.")
    return check_int(f"{where}, field {field!r}", value, 0, LONGEST_TOKENS, "tokens")


def time(where: Place, record: Mapping[str, Any], field: str, most: float, unit: str) -> float:
    """A field that is a time in [0, most]; NaN if it is absent or null."""
    value = record.get(field)
    if type(value) is int and 0 <= value <= most:
        return value
    return math.nan if value is None else check_number(f"{where}, field {field!r}", value, 0, most, unit)


def json_document(path: Path) -> Any:
    """The one document of a file.

    Raises
    ------
    ConfigError
    """
    return _parsed(path, read_text(path), "one JSON document")


def refuse_row(path: Path, row: int, field: str, rule: str, got: str) -> NoReturn:
    """Raise the error for a field of the object in a row."""
    line = next(islice(text_lines(path), row, None), (0, ""))[0]
    raise ConfigError(f"{Place(path, row)}, field {field!r}: must be {rule}; got {got}. See line {line}.")


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Objects, each with the number of its line from 1; 0 in a list."""
    _, first = next(text_lines(path), (1, ""))
    if first.lstrip().startswith("["):
        for row, record in enumerate(json_document(path)):
            yield 0, _checked_object(Place(path, row), record)
        return
    for row, (number, text) in enumerate(text_lines(path)):
        where = Place(path, row)
        try:
            record = _parsed(where, text.rstrip(), "a JSON object")
        except ConfigError as error:
            raise ConfigError(f"{error} See line {number}.") from error
        yield number, _checked_object(where, record)


def _checked_object(where: Place, record: object) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise ConfigError(f"{where}: must be a JSON object; got {shown(record)}.")
    return record


def _parsed(where: object, text: str, rule: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if "\n" in text else ""
        raise ConfigError(f"{where}: must be {rule}; {error.msg} at {line}column {error.colno}.") from error
    except (ValueError, RecursionError) as error:
        what = "it is nested too deeply" if isinstance(error, RecursionError) else "a number has too many digits"
        raise ConfigError(f"{where}: must be {rule}; {what}.") from error
