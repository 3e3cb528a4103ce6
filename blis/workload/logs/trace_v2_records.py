"""The CSV file of a BLIS trace of version 1 to 3: columns by name, some of which only newer versions have."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from blis.foundation.checks import nearest
from blis.foundation.errors import ConfigError
from blis.foundation.units import BoolVector, Float64Vector, Int64Vector
from blis.foundation.words import shown
from blis.workload.drawing.lengths import LONGEST_TOKENS
from blis.workload.logs.name_column import NameColumn
from blis.workload.logs.recorded import LATEST_US, csv_pieces, float_column, int_column, refuse_cell

COLUMNS = (
    *("request_id", "client_id", "tenant_id", "slo_class", "session_id", "round_index", "prefix_group", "streaming"),
    *("input_tokens", "output_tokens", "text_tokens", "image_tokens", "audio_tokens", "video_tokens", "reason_ratio"),
    *("arrival_time_us", "send_time_us", "first_chunk_time_us", "last_chunk_time_us", "num_chunks", "status"),
    "error_message",
)
PREFIX_COLUMN = "prefix_length"  #: optional; always there since version 3
SERVER_COLUMN = "server_input_tokens"  #: optional, since version 3: prompts as the server counted them, 0 for unknown
#: Optional columns that have no effect.
UNREAD_COLUMNS = (
    *("deadline_us", "finish_reason", "vllm_priority", "slo_target_us", "x_request_id"),
    *("cached_tokens", "http_status"),  # of an observed server: empty where it does not say, 0 where it did not answer
)
#: Optional columns of names: which model a request asks for, and which adapter of its weights.
NAME_COLUMNS = ("model", "adapter")
STATUSES = ("ok", "error", "timeout")
UNSAID_PREFIX_TOKENS = 50  #: of a group's text, where the trace does not say

MODALITY_COLUMNS = ("image_tokens", "audio_tokens", "video_tokens")  #: within input_tokens; the rest is text

_NAMES = {"client_id": True, "tenant_id": False, "slo_class": False, "session_id": True, "prefix_group": True}
_TIMES = ("arrival_time_us", "send_time_us")
_NUMBERS = ("request_id", "round_index", "input_tokens", "output_tokens", *_TIMES, *MODALITY_COLUMNS)
_UNREAD_INTS = ("text_tokens", "first_chunk_time_us", "last_chunk_time_us", "num_chunks")
_WORDS = (("streaming", ("true", "false")), ("status", STATUSES))


class Records(NamedTuple):
    """The records whose status is ok, in the order of the file."""

    numbers: dict[str, Int64Vector]  #: the columns of whole numbers
    names: dict[str, NameColumn]  #: client_id, tenant_id, slo_class, session_id, prefix_group; model, adapter if there
    is_streaming: BoolVector
    reason_ratio: Float64Vector
    prefix_tokens: Int64Vector
    n_left_out: int  #: records with another status
    n_by_server: int  #: records whose prompts are as long as the server says, and not as the client says


def read_records(path: Path) -> Records:
    """Read the file strictly; of a record that is not ok, whole numbers need only be numbers.

    Raises
    ------
    ConfigError
        Naming the row (from 0), the line and the column of a wrong cell.
    """
    header, pieces = csv_pieces(path)
    _check_header(path, header)
    found: dict[str, list[np.ndarray]] = {name: [] for name in (*_NUMBERS, "streaming", "reason_ratio", PREFIX_COLUMN)}
    optional = {name: True for name in NAME_COLUMNS if name in header}
    names = {name: NameColumn(empty_is_none) for name, empty_is_none in (_NAMES | optional).items()}
    n_records = n_kept = n_by_server = 0
    for first_row, columns in pieces:
        piece = _Piece(path, first_row, dict(zip(header, columns, strict=True)))
        is_ok = piece.is_ok()
        n_records += len(is_ok)
        n_kept += int(is_ok.sum())
        for name in _NUMBERS:
            found[name].append(piece.kept_ints(name, is_ok, LATEST_US if name in _TIMES else LONGEST_TOKENS))
        n_by_server += piece.correct_prompts(is_ok, found["input_tokens"][-1])
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
        numbers={name: whole[name] for name in _NUMBERS},
        names=names,
        is_streaming=whole["streaming"],
        reason_ratio=whole["reason_ratio"],
        prefix_tokens=whole[PREFIX_COLUMN],
        n_left_out=n_records - n_kept,
        n_by_server=n_by_server,
    )


def _check_header(path: Path, header: Sequence[str]) -> None:
    known = (*COLUMNS, PREFIX_COLUMN, SERVER_COLUMN, *NAME_COLUMNS, *UNREAD_COLUMNS)
    for position, name in enumerate(header):
        if name not in known:
            missing = [column for column in COLUMNS if column not in header]
            raise ConfigError(
                f"{path}: unknown column {shown(name)} at position {position}{nearest(name, missing or known)}"
            )
    for name in COLUMNS if header else ():
        if name not in header:
            raise ConfigError(f"{path} must have the {len(COLUMNS)} columns of a trace; {name!r} is missing.")


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

    def kept_ints(self, name: str, is_ok: BoolVector, most: int) -> Int64Vector:
        """Numbers of the records that are kept; what is left out need only be numbers."""
        numbers = int_column(self.path, name, self.cells[name], None, self.first_row)
        for is_wrong, rule in ((numbers < 0, "an int ≥ 0"), (numbers > most, f"an int ≤ {most}")):
            if (is_ok & is_wrong).any():
                self.refuse(int((is_ok & is_wrong).argmax()), name, rule)
        return numbers[is_ok]

    def correct_prompts(self, is_ok: BoolVector, input_tokens: Int64Vector) -> int:
        """Put in the server's count, unless a group's text is part of it, and return how many prompts that changes."""
        if SERVER_COLUMN not in self.cells:
            return 0
        counted = self.kept_ints(SERVER_COLUMN, is_ok, LONGEST_TOKENS)
        has_no_group = np.array([name == "" for name in self.cells["prefix_group"]], np.bool_)[is_ok]
        is_other = (counted > 0) & (counted != input_tokens) & has_no_group
        input_tokens[is_other] = counted[is_other]
        return int(is_other.sum())

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
        tokens = self.kept_ints(PREFIX_COLUMN, is_ok, LONGEST_TOKENS)
        is_wrong = np.zeros(len(is_ok), np.bool_)
        is_wrong[is_ok] = (tokens > input_tokens) | ((tokens > 0) & ~has_group)
        if is_wrong.any():
            rule = "an int ≤ input_tokens, and 0 without a prefix_group"
            self.refuse(int(is_wrong.argmax()), PREFIX_COLUMN, rule)
        return tokens

    def refuse(self, at: int, name: str, rule: str) -> None:
        """Raise the error for the cell `at` in a column."""
        refuse_cell(self.path, at, name, rule, self.cells[name], self.first_row)
