"""The native files of ServeGen: per client a trace of windows (rate, CV, process) and a data set of length tables.

Format: ServeGen (Alibaba, Apache-2.0). `chunk-N-trace.csv` has no header: start of the window [s], rate [requests/s],
coefficient of variation of the gaps, name of the process (may be empty), and its shape and scale. A window lasts to the
next row's start. `chunk-N-dataset.json` maps the start of a (longer) window, as text, to tables of weights
"{length: weight}", also as text: they are parsed as data, never evaluated.
"""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np

from blis.foundation.checks import nearest
from blis.foundation.errors import ConfigError
from blis.foundation.files import read_text
from blis.foundation.units import Float64Vector, Int64Vector
from blis.workload.drawing.lengths import LONGEST_TOKENS

PROCESSES = ("poisson", "gamma", "weibull")
PROCESS_CODES = {"": 0, "poisson": 0, "exponential": 0, "gamma": 1, "weibull": 2}
COLUMNS = ("start", "rate", "cv", "pattern", "shape", "scale")
SINGLE_WINDOW_S = 600.0  #: length of a window in a file of one row, which cannot tell; ServeGen's own
MODALITIES = ("image", "audio", "video")

_TRACE_NAME = re.compile(r"chunk-(\d+)-trace\.csv", re.ASCII)
_FIELDS = (
    *("input_tokens", "output_tokens", "reason_ratio", "text_tokens"),
    *(f"{modality}_{part}" for modality in MODALITIES for part in ("tokens", "count")),
)


class ClientFiles(NamedTuple):
    """The two files of a client."""

    number: int
    trace: Path
    dataset: Path


class Windows(NamedTuple):
    """Windows of one client, in the order of time; arrays of length k."""

    line: Int64Vector  #: in the trace, from 1
    start_s: Float64Vector
    rate: Float64Vector  #: [requests/s]
    cv: Float64Vector
    process: Int64Vector  #: index into `PROCESSES`
    shape: Float64Vector  #: 0 where the trace has none
    scale: Float64Vector  #: [s], 0 where the trace has none
    window_s: float

    def kept(self, is_kept: Any) -> "Windows":
        """The windows that a mask or an index picks."""
        kept = {name: getattr(self, name)[is_kept] for name in self._fields if name != "window_s"}
        return Windows(**kept, window_s=self.window_s)


class LengthTable(NamedTuple):
    """A discrete distribution."""

    values: Float64Vector  #: increasing in the order of the file
    bounds: Float64Vector  #: cumulated weights

    def at(self, uniform: Float64Vector) -> Float64Vector:
        """The values whose cumulated weight first exceeds the uniform numbers in [0, 1)."""
        picked = np.searchsorted(self.bounds, uniform * self.bounds[-1], side="right")
        values: Float64Vector = self.values[np.minimum(picked, len(self.values) - 1)]
        return values


class Dataset(NamedTuple):
    """The texts of a client's tables."""

    path: Path
    start_s: Float64Vector  #: increasing
    fields: tuple[dict[str, str], ...]  #: per window: name of the table -> its text

    def window_of(self, start_s: Float64Vector) -> Int64Vector:
        """The window that holds each time, -1 before the first."""
        windows: Int64Vector = np.searchsorted(self.start_s, start_s, side="right") - 1
        return windows

    def has_lengths(self, window: int) -> bool:
        """Whether a window has tables of prompts and of outputs."""
        given = {name for name, text in self.fields[window].items() if text.strip() not in ("{}", "")}
        prompt_tables = {"input_tokens", "text_tokens", *(f"{modality}_tokens" for modality in MODALITIES)}
        return "output_tokens" in given and bool(given & prompt_tables)

    def table(self, window: int, name: str) -> LengthTable | None:
        """A window's table, None where it is absent or empty."""
        text = self.fields[window].get(name, "").strip()
        where = f"{self.path}, window '{self.start_s[window]:g}', key {name!r}"
        return None if text in ("", "{}") else _table(where, text, is_ratio=name == "reason_ratio")


def find_clients(folder: Path) -> list[ClientFiles]:
    """The clients of a folder, by number.

    Raises
    ------
    ConfigError
        If there is none, or one of the two files of a client is missing.
    """
    names = sorted(path.name for path in folder.iterdir() if path.name.startswith("chunk-"))
    clients = []
    for name in names:
        match = _TRACE_NAME.fullmatch(name)
        twin = (
            name.replace("-dataset.json", "-trace.csv")
            if match is None
            else name.replace("-trace.csv", "-dataset.json")
        )
        if twin == name:
            raise ConfigError(
                f"{folder / name}: must be named chunk-N-trace.csv or chunk-N-dataset.json, with a number N."
            )
        if twin not in names:
            raise ConfigError(f"{folder / name} must have {twin!r} beside it; there is no such file.")
        if match is not None:
            clients.append(ClientFiles(int(match[1]), folder / name, folder / twin))
    if not clients:
        raise ConfigError(f"{folder} must hold files chunk-N-trace.csv and chunk-N-dataset.json; there are none.")
    return sorted(clients)


def read_windows(path: Path) -> Windows:
    """All windows of a trace.

    Raises
    ------
    ConfigError
        Naming the line and the column of the first wrong cell.
    """
    rows = [(line, text.split(",")) for line, text in enumerate(read_text(path).split("\n"), 1) if text.strip()]
    if not rows:
        raise ConfigError(f"{path} must hold at least one window; it is empty.")
    for line, cells in rows:
        if len(cells) not in (4, 6):
            raise ConfigError(
                f"{path}, line {line}: must have 4 or 6 columns ({', '.join(COLUMNS)}); got {len(cells)}."
            )
    lines = np.array([line for line, _ in rows], np.int64)
    numbers = {
        name: _numbers(path, lines, position, [cells[position] if position < len(cells) else "0" for _, cells in rows])
        for position, name in enumerate(COLUMNS)
        if name != "pattern"
    }
    steps = np.diff(numbers["start"])
    if (steps <= 0).any():
        at = int((steps <= 0).argmax()) + 1
        _refuse(path, lines[at], 0, f"after the window before it ({numbers['start'][at - 1]:g} s)", rows[at][1][0])
    window_s = float(steps.min()) if len(steps) else SINGLE_WINDOW_S
    process = [_process(path, line, cells[3]) for line, cells in rows]
    columns = (numbers["start"], numbers["rate"], numbers["cv"], np.array(process), numbers["shape"], numbers["scale"])
    return Windows(lines, *columns, window_s=window_s)


def read_dataset(path: Path) -> Dataset:
    """The texts of all tables of a data set; a text is parsed when its table is asked for.

    Raises
    ------
    ConfigError
        Naming the line and column, or the key, of what is wrong.
    """
    try:
        document = json.loads(read_text(path), object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} must be a JSON document; {error}.") from error
    if not isinstance(document, dict) or not document:
        raise ConfigError(f"{path} must be a mapping of window starts to tables; got {str(document)[:80]}.")
    windows: dict[float, dict[str, str]] = {}
    for key, fields in document.items():
        start_s = _number(key)
        if start_s is None or start_s < 0 or start_s in windows:
            raise ConfigError(f"{path}, key {key!r}: must be the start of a window, a number ≥ 0 [s] given once.")
        if not isinstance(fields, dict):
            raise ConfigError(f"{path}, window {key!r}: must be a mapping of names to tables; got {str(fields)[:80]}.")
        for name, text in fields.items():
            if name not in _FIELDS:
                raise ConfigError(f"{path}, window {key!r}: unknown key {name!r}{nearest(name, _FIELDS)}")
            if not isinstance(text, str):
                raise ConfigError(f"{path}, window {key!r}, key {name!r}: must be the text of a table; got {text!r}.")
        windows[start_s] = fields
    starts = sorted(windows)
    return Dataset(path, np.array(starts), tuple(windows[start] for start in starts))


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} is given twice")
    return mapping


def _table(where: str, text: str, is_ratio: bool) -> LengthTable:
    """Parse "{value: weight, ...}"; a comma may follow the last pair."""
    if not (text.startswith("{") and text.endswith("}")):
        raise ConfigError(f"{where}: must be the text of a mapping in braces; got {text[:80]!r}.")
    pairs = [pair.partition(":") for pair in text[1:-1].split(",")]
    if len(pairs) > 1 and not pairs[-1][0].strip() and not pairs[-1][1]:
        pairs.pop()
    values = np.array([_or_nan(value) for value, _, _ in pairs])
    weights = np.array([_or_nan(weight) for _, _, weight in pairs])
    is_wrong = ~(
        (values >= 0) & (values <= (1 if is_ratio else LONGEST_TOKENS)) & (weights >= 0) & np.isfinite(weights)
    )
    if not is_ratio:
        is_wrong |= values != np.floor(values)
    if is_wrong.any():
        rule = "a ratio in [0, 1]" if is_ratio else f"a whole length in [0, {LONGEST_TOKENS}]"
        got = "".join(pairs[int(is_wrong.argmax())]).strip()
        raise ConfigError(f"{where}: must map {rule} to a weight ≥ 0; got {got[:80]!r}.")
    held = weights > 0
    if not held.any() or not math.isfinite(weights.sum()):
        raise ConfigError(f"{where}: must have at least one weight > 0, and a finite sum; got {text[:80]!r}.")
    return LengthTable(values[held], np.cumsum(weights[held]))


def _numbers(path: Path, lines: Int64Vector, position: int, cells: Sequence[str]) -> Float64Vector:
    try:
        numbers = np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        numbers = np.array([_or_nan(cell) for cell in cells])
    is_wrong = ~(np.isfinite(numbers) & (numbers >= 0))
    if is_wrong.any():
        at = int(is_wrong.argmax())
        _refuse(path, lines[at], position, "a finite number ≥ 0", cells[at])
    return numbers


def _process(path: Path, line: int, cell: str) -> int:
    code = PROCESS_CODES.get(cell.strip().lower())
    if code is None:
        _refuse(path, line, 3, f"one of {', '.join(filter(None, PROCESS_CODES))}, or empty", cell)
    return code


def _refuse(path: Path, line: int, position: int, rule: str, cell: str) -> NoReturn:
    raise ConfigError(
        f"{path}, line {line}, column {position + 1} ({COLUMNS[position]}): must be {rule}; got {cell.strip()!r}."
    )


def _number(text: str) -> float | None:
    number = _or_nan(text)
    return number if math.isfinite(number) else None


def _or_nan(text: str) -> float:
    """The number in a text as files mean it: without Python's underscores."""
    try:
        return math.nan if "_" in text else float(text)
    except ValueError:
        return math.nan
