"""A table of step prices as a text file: lines of `# key: value`, then one row for each knot of a part's first axis."""

from pathlib import Path

import numpy as np

from blis.cluster.steps.measured import Measured
from blis.cluster.steps.table import FIRST_AXIS, PARTS, SECOND_AXIS, SHAPES, Deployed, StepTable, base_of
from blis.foundation.checks import check_int, check_keys
from blis.foundation.errors import ConfigError
from blis.foundation.files import read_text
from blis.foundation.words import shown

FORMAT = "blis step prices 1"
SUFFIX = ".csv"
_DIGITS = 5  # significant, of a price
_ROUNDING = 2e-4  # by which rounded sums may seem to fall

_DEPLOYED = ("model", "device", "tensor_parallel", "engine", "expert_parallel", "data_parallel")
_MEASURED = ("step_tokens", "decode_requests", "context_tokens", "prompt_tokens")
_MEASURED_KEYS = tuple(f"measured_{name}" for name in _MEASURED)
_KEYS = ("format", "source", *_DEPLOYED, *_MEASURED_KEYS)
_WHOLE = ("tensor_parallel", "expert_parallel", "data_parallel", *_MEASURED_KEYS)


def written(table: StepTable) -> str:
    """The text of a table's file."""
    head: dict[str, object] = {"format": FORMAT, "source": table.source}
    head |= {name: getattr(table.deployed, name) for name in _DEPLOYED}
    head |= {f"measured_{name}": getattr(table.measured, name) for name in _MEASURED}
    lines = [f"# {key}: {value}" for key, value in head.items()]
    for part in PARTS:
        rows = np.atleast_2d(getattr(table, part).reshape(len(FIRST_AXIS[part]), -1))
        for knot, row in zip(FIRST_AXIS[part], rows, strict=True):
            lines.append(",".join([part, f"{knot:.10g}", *_compact(row)]))
    return "\n".join(lines) + "\n"


def _compact(row: np.ndarray) -> list[str]:
    """Prices of a row; those equal to the one before are left empty."""
    words = [f"{price:.{_DIGITS}g}" for price in row]
    return [word if place == 0 or word != words[place - 1] else "" for place, word in enumerate(words)]


def read_table(path: Path) -> StepTable:
    """The table in a file.

    Raises
    ------
    ConfigError
        If it cannot be read, is no such table, or a row is wrong; the message names the line.
    """
    head: dict[str, object] = {}
    parts: dict[str, list[np.ndarray]] = {part: [] for part in PARTS}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        where = f"{path}, line {number}"
        if line.startswith("#"):
            key, separator, value = line[1:].partition(":")
            if not separator:
                raise ConfigError(f"{where}: must be '# key: value'; got {shown(line)}.")
            if key.strip() in head:
                raise ConfigError(f"{where}: key {shown(key.strip())} is given twice.")
            head[key.strip()] = value.strip()
        elif line.strip():
            if head.get("format") != FORMAT:
                raise ConfigError(f"{path} must begin with '# format: {FORMAT}'; got {shown(head.get('format'))}.")
            part, row = _row(where, line, parts)
            parts[part].append(row)
    return _table(path, head, parts)


def _row(where: str, line: str, parts: dict[str, list[np.ndarray]]) -> tuple[str, np.ndarray]:
    part, *words = line.split(",")
    if part not in SHAPES:
        raise ConfigError(f"{where}: the first column must be one of {', '.join(PARTS)}; got {shown(part)}.")
    axis, width = FIRST_AXIS[part], SHAPES[part][1] if len(SHAPES[part]) == 2 else 1
    place = len(parts[part])
    if place >= len(axis) or words[:1] != [f"{axis[min(place, len(axis) - 1)]:.10g}"]:
        expected = f"knot {axis[place]:.10g}" if place < len(axis) else "no further row"
        raise ConfigError(f"{where}: {part} must have {expected} here; got {shown(','.join(words[:1]))}.")
    if len(words) != width + 1:
        raise ConfigError(f"{where}: must have {width} prices; got {len(words) - 1}.")
    row = np.empty(width)
    for column, word in enumerate(words[1:]):
        try:
            row[column] = float(word) if word or column == 0 else row[column - 1]
        except ValueError:
            row[column] = np.nan
        if not 0 <= row[column] < np.inf:
            raise ConfigError(f"{where}, column {column + 3}: must be a finite number ≥ 0 [µs]; got {shown(word)}.")
    if np.any(np.diff(row) < 0):
        raise ConfigError(f"{where}: prices must not fall along a row.")
    if width == 1 and place and row[0] < parts[part][-1][0]:
        raise ConfigError(f"{where}: must not be below the row before, {parts[part][-1][0]:g}; got {row[0]:g}.")
    return part, row


def _table(path: Path, head: dict[str, object], parts: dict[str, list[np.ndarray]]) -> StepTable:
    if head.get("format") != FORMAT:
        raise ConfigError(f"{path} must begin with '# format: {FORMAT}'; got {shown(head.get('format'))}.")
    check_keys(str(path), head, _KEYS, _KEYS)
    for part, rows in parts.items():
        if len(rows) != SHAPES[part][0]:
            raise ConfigError(f"{path}: {part} must have {SHAPES[part][0]} rows; got {len(rows)}. Is it cut off?")
    numbers = {key: check_int(f"{path}: {key}", _whole(head[key]), minimum=1) for key in _WHOLE}
    arrays = {part: np.array(rows).reshape(SHAPES[part]) for part, rows in parts.items()}
    if np.any(arrays["mixed"] < arrays["decode"]):
        raise ConfigError(f"{path}: mixed must nowhere be below decode.")
    for surface in SECOND_AXIS:
        whole = base_of(surface, arrays) + arrays[surface]
        fallen = np.flatnonzero(np.any(np.diff(whole, axis=0) < -_ROUNDING * whole[1:], axis=1))
        if len(fallen):
            raise ConfigError(
                f"{path}: {surface} of {FIRST_AXIS[surface][fallen[0] + 1]:g} must cost no less than of "
                f"{FIRST_AXIS[surface][fallen[0]]:g}, with all else that such steps cost."
            )
    return StepTable(
        deployed=Deployed(**{key: numbers.get(key, head[key]) for key in _DEPLOYED}),  # type: ignore[arg-type]
        source=str(head["source"]),
        measured=Measured(**{name: numbers[f"measured_{name}"] for name in _MEASURED}),
        **arrays,
    )


def _whole(text: object) -> object:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else text
