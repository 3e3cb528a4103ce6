"""What a file shows at its beginning, from which the formats tell whether it is theirs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from blis.foundation.errors import ConfigError
from blis.foundation.files import text_lines
from blis.foundation.strict_yaml import read_yaml
from blis.workload.logs.json_rows import json_document
from blis.workload.logs.recorded import csv_pieces

FOLDER, CSV, JSON, JSON_LINES, YAML = "folder", "csv", "json", "json lines", "yaml"
#: How the names of such files end, without .gz.
_ENDINGS = {(".csv",): CSV, (".json", ".jsonl", ".ndjson"): JSON, (".yaml", ".yml"): YAML}


class Head(NamedTuple):
    """The beginning of a file; what does not exist is empty."""

    form: str  #: folder, csv, json, json lines, yaml
    names: tuple[str, ...] = ()  #: columns of a CSV file, keys of a document or of the first line
    first: Any = None  #: cells of the first row; the document; the object in the first line


def head_of(path: Path) -> Head:
    """The beginning of a file or folder.

    Raises
    ------
    ConfigError
        If its name ends in none of the known ways, or it cannot be read.
    """
    if path.is_dir():
        return Head(FOLDER)
    name = path.name.removesuffix(".gz")
    form = next((form for ends, form in _ENDINGS.items() if name.endswith(ends)), None)
    if form == CSV:
        header, pieces = csv_pieces(path, n_rows=1)
        return Head(CSV, tuple(header), tuple(column[0] for column in next(pieces).columns))
    if form == YAML:
        document = read_yaml(path)
        return Head(YAML, _keys(document), document)
    if form == JSON:
        return _json_head(path)
    raise ConfigError(
        f"{path}: the name must end in .csv, .json, .jsonl, .yaml or .gz after it; else give from=FORMAT."
    )


def _json_head(path: Path) -> Head:
    """A document, or the first of several lines that are documents by themselves."""
    lines = (text for _, text in text_lines(path))
    first = next(lines, "")
    try:
        record = json.loads(first)
        is_lines = isinstance(record, dict) and (".jsonl" in path.name or bool(next(lines, "")))
    except (ValueError, RecursionError):
        record, is_lines = json_document(path), False
    shown = record[0] if isinstance(record, list) and record else record
    return Head(JSON_LINES if is_lines else JSON, _keys(shown), record)


def _keys(document: object) -> tuple[str, ...]:
    return tuple(map(str, document)) if isinstance(document, Mapping) else ()
