"""The CSV file of a version 2 trace: 22 columns, and one more where requests share prefixes."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from blis.foundation.checks import nearest
from blis.foundation.errors import ConfigError
from blis.foundation.units import BoolVector, Float64Vector, Int64Vector
from blis.workload.logs.name_column import NameColumn
from blis.workload.logs.recorded import csv_pieces, float_column, int_column, refuse_cell

COLUMNS = (
    *("request_id", "client_id", "tenant_id", "slo_class", "session_id", "round_index", "prefix_group", "streaming"),
    *("input_tokens", "output_tokens", "text_tokens", "image_tokens", "audio_tokens", "video_tokens", "reason_ratio"),
    *("arrival_time_us", "send_time_us", "first_chunk_time_us", "last_chunk_time_us", "num_chunks", "status"),
    "error_message",
)
PREFIX_COLUMN = "prefix_length"  #: optional, after the others
STATUSES = ("ok", "error", "timeout")
UNSAID_PREFIX_TOKENS = 50  #: of a group's text, where the trace does not say

MODALITY_COLUMNS = ("image_tokens", "audio_tokens", "video_tokens")  #: within input_tokens; the rest is text

_NAMES = {"client_id": True, "tenant_id": False, "slo_class": False, "session_id": True, "prefix_group": True}
_LEAST = {
    **dict.fromkeys(("request_id", "round_index", "output_tokens", "arrival_time_us", "send_time_us"), 0),
    "input_tokens": 1,
    **dict.fromkeys(MODALITY_COLUMNS, 0),
}
_UNREAD_INTS = ("text_tokens", "first_chunk_time_us", "last_chunk_time_us", "num_chunks")
_WORDS = (("streaming", ("true", "false")), ("status", STATUSES))


class Records(NamedTuple):
    """The records whose status is ok, in the order of the file."""

    numbers: dict[str, Int64Vector]  #: the columns of whole numbers
    names: dict[str, NameColumn]  #: client_id, tenant_id, slo_class, session_id, prefix_group
    is_streaming: BoolVector
    reason_ratio: Float64Vector
    prefix_tokens: Int64Vector
    n_left_out: int  #: records with another status


def read_records(path: Path) -> Records:
    """Read the file strictly; of a record that is not ok, whole numbers need only be numbers.

    Raises
    ------
    ConfigError
        Naming the row (from 0), the line and the column of a wrong cell.
    """
    header, pieces = csv_pieces(path)
    _check_header(path, header)
    found: dict[str, list[np.ndarray]] = {name: [] for name in (*_LEAST, "streaming", "reason_ratio", PREFIX_COLUMN)}
    names = {name: NameColumn(empty_is_none) for name, empty_is_none in _NAMES.items()}
    n_records = n_kept = 0
    for first_row, columns in pieces:
        piece = _Piece(path, first_row, dict(zip(header, columns, strict=True)))
        is_ok = piece.is_ok()
        n_records += len(is_ok)
        n_kept += int(is_ok.sum())
        for name, least in _LEAST.items():
            found[name].append(piece.kept_ints(name, is_ok, least))
        piece.check_modalities(is_ok, *(found[name][-1] for name in ("input_tokens", *MODALITY_COLUMNS)))
        found["streaming"].append(np.array([cell == "true" for cell in piece.cells["streaming"]])[is_ok])
        found["reason_ratio"].append(piece.ratios(is_ok))
        found[PREFIX_COLUMN].append(piece.prefix_tokens(is_ok, found["input_tokens"][-1]))
        for name, column in names.items():
            cells = piece.cells[name]
            column.extend(cells if is_ok.all() else [cells[at] for at in np.flatnonzero(is_ok)])
    if n_kept == 0:
        raise ConfigError(f"{path} must hold at least one record with status ok; all {n_records} have another.")
    whole = {name: np.concatenate(parts) for name, parts in found.items()}
    return Records(
        numbers={name: whole[name] for name in _LEAST},
        names=names,
        is_streaming=whole["streaming"],
        reason_ratio=whole["reason_ratio"],
        prefix_tokens=whole[PREFIX_COLUMN],
        n_left_out=n_records - n_kept,
    )


def _check_header(path: Path, header: Sequence[str]) -> None:
    expected = (*COLUMNS, PREFIX_COLUMN)
    for position, name in enumerate(header):
        if position >= len(expected) or name != expected[position]:
            due = repr(expected[position]) if position < len(expected) else "absent"
            raise ConfigError(f"{path}: column {position} must be {due}; got {name!r}{nearest(name, expected)}")
    if header and len(header) < len(COLUMNS):
        raise ConfigError(f"{path} must have {len(COLUMNS)} columns; {COLUMNS[len(header)]!r} is missing.")


class _Piece(NamedTuple):
    """Some rows of the file."""

    path: Path
    first_row: int
    cells: dict[str, tuple[str, ...]]

    def is_ok(self) -> BoolVector:
        """Whether each record's status is ok; the columns that have no effect are checked too."""
        for name in _UNREAD_INTS:
            int_column(self.path, name, self.cells[name], None, self.first_row)
        for name, choices in _WORDS:
            for at, cell in enumerate(self.cells[name]):
                if cell not in choices:
                    self.refuse(at, name, f"one of {', '.join(choices)}")
        return np.array([cell == "ok" for cell in self.cells["status"]], np.bool_)

    def kept_ints(self, name: str, is_ok: BoolVector, least: int) -> Int64Vector:
        """Numbers of the records that are kept; what is left out need only be numbers."""
        numbers = int_column(self.path, name, self.cells[name], None, self.first_row)
        is_wrong = is_ok & (numbers < least)
        if is_wrong.any():
            self.refuse(int(is_wrong.argmax()), name, f"an int ≥ {least}")
        return numbers[is_ok]

    def check_modalities(self, is_ok: BoolVector, input_tokens: Int64Vector, *parts: Int64Vector) -> None:
        """Refuse parts that are longer than the prompt."""
        left = input_tokens.copy()
        for name, tokens in zip(MODALITY_COLUMNS, parts, strict=True):
            left -= tokens
            if (left < 0).any():
                at = int(np.flatnonzero(is_ok)[(left < 0).argmax()])
                self.refuse(at, name, "an int that leaves the parts of the prompt ≤ input_tokens together")

    def ratios(self, is_ok: BoolVector) -> Float64Vector:
        """The ratios of the records that are kept."""
        ratios = float_column(self.path, "reason_ratio", self.cells["reason_ratio"], None, self.first_row)
        is_wrong = is_ok & ~((ratios >= 0) & (ratios <= 1))
        if is_wrong.any():
            self.refuse(int(is_wrong.argmax()), "reason_ratio", "a number in [0, 1]")
        return ratios[is_ok]

    def prefix_tokens(self, is_ok: BoolVector, input_tokens: Int64Vector) -> Int64Vector:
        """Length of the group's text in each prompt."""
        has_group = np.array([name != "" for name in self.cells["prefix_group"]], np.bool_)[is_ok]
        if PREFIX_COLUMN not in self.cells:
            return np.where(has_group, np.minimum(UNSAID_PREFIX_TOKENS, input_tokens), 0)
        tokens = self.kept_ints(PREFIX_COLUMN, is_ok, 0)
        is_wrong = np.zeros(len(is_ok), np.bool_)
        is_wrong[is_ok] = (tokens > input_tokens) | ((tokens > 0) & ~has_group)
        if is_wrong.any():
            rule = "an int ≤ input_tokens, and 0 without a prefix_group"
            self.refuse(int(is_wrong.argmax()), PREFIX_COLUMN, rule)
        return tokens

    def refuse(self, at: int, name: str, rule: str) -> None:
        """Raise the error for the cell `at` in a column."""
        refuse_cell(self.path, at, name, rule, self.cells[name], self.first_row)
