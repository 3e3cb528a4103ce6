"""The requests of a recorded case, requests.csv, as the table that a simulation runs."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from blis.foundation.checks import check_keys
from blis.foundation.errors import ConfigError
from blis.foundation.units import Int64Vector
from blis.workload.drawing.lengths import LONGEST_TOKENS
from blis.workload.labels import Labels, number_names
from blis.workload.logs.recorded import int_column, read_csv, refuse_cell
from blis.workload.prefixes.keys import PrefixKeys, keys_of_groups
from blis.workload.requests import MOST_REQUESTS, Requests
from blis.workload.table import LATEST_US, requests_of

#: Columns of requests.csv that must be there, and those that may be absent or have blank cells.
NEEDED_COLUMNS = ("request", "arrival_us", "input_tokens", "output_tokens")
OPTIONAL_COLUMNS = (
    "prefix_group",
    "prefix_length",
    "slo_class",
    "tenant",
    "session",
    "round",
    "context_of",
    "context_length",
)

#: The largest number in each column.
_MOST = {
    "request": MOST_REQUESTS,
    "arrival_us": LATEST_US - 1,
    "input_tokens": LONGEST_TOKENS,
    "output_tokens": LONGEST_TOKENS,
    "prefix_length": LONGEST_TOKENS,
    "context_length": LONGEST_TOKENS,
    "context_of": MOST_REQUESTS,
    "round": 2**31 - 1,
}


class _Texts(NamedTuple):
    """What prompts consist of, by row."""

    input_tokens: Int64Vector
    output_tokens: Int64Vector
    prefix_group: Int64Vector  #: -1: none
    prefix_tokens: Int64Vector
    context_of: Int64Vector  #: -1: none
    context_tokens: Int64Vector

    def keys(self, block_size_tokens: int) -> PrefixKeys:
        """Keys of the prompts; no row may continue a later one."""
        return keys_of_groups(
            self.input_tokens,
            self.output_tokens,
            self.prefix_group,
            self.prefix_tokens,
            block_size_tokens,
            self.context_of,
            self.context_tokens,
        )


def read_requests(path: Path, block_size_tokens: int) -> Requests:
    """The rows as `Requests`, in order of arrival, those of one microsecond in the order of rows.

    `number` is the row; without a group, a conversation or labels the cells of those columns are blank.

    Raises
    ------
    ConfigError
        Naming the file, the row (from 0) and the column of a wrong cell.
    """
    header, columns = read_csv(path)
    table = dict(zip(header, columns, strict=True))
    check_keys(str(path), {name: 0 for name in table if any(table[name])}, (*NEEDED_COLUMNS, *OPTIONAL_COLUMNS))
    check_columns(path, header, "are needed", NEEDED_COLUMNS)
    n = len(columns[0])
    for name in OPTIONAL_COLUMNS:
        table.setdefault(name, [""] * n)

    def numbers(name: str, minimum: int, blank: str = "") -> Int64Vector:
        column = int_column(path, name, [cell.strip() or blank for cell in table[name]], minimum)
        if column.max() > _MOST[name]:
            refuse_cell(path, int(column.argmax()), name, f"an int ≤ {_MOST[name]}", table[name])
        return column

    row = numbers("request", 0)
    if (row != np.arange(n)).any():
        refuse_cell(path, int((row != np.arange(n)).argmax()), "request", "the row number, from 0", table["request"])
    arrival_us = numbers("arrival_us", 0)
    input_tokens, output_tokens = numbers("input_tokens", 1), numbers("output_tokens", 0)
    group = number_names([cell.strip() for cell in table["prefix_group"]], empty_is_none=True)
    prefix_tokens = np.where(group.indices >= 0, numbers("prefix_length", 0, "0"), 0)
    context_of, context_tokens = numbers("context_of", -1, "-1"), numbers("context_length", 0, "0")
    if context_of.max() >= n:
        refuse_cell(path, int(context_of.argmax()), "context_of", f"a row, < {n}", table["context_of"])
    texts = _Texts(
        input_tokens, output_tokens, group.indices.astype(np.int64), prefix_tokens, context_of, context_tokens
    )
    keys = _keys(path, texts, block_size_tokens)
    order = np.argsort(arrival_us, kind="stable")

    def labels(name: str, empty_is_none: bool = False) -> Labels:
        return _picked(number_names([cell.strip() for cell in table[name]], empty_is_none), order)

    return requests_of(
        arrival_us=arrival_us[order],
        input_tokens=input_tokens[order],
        output_tokens=output_tokens[order],
        keys=_picked_keys(keys, order),
        block_size_tokens=block_size_tokens,
        number=order,
        slo_class=labels("slo_class"),
        tenant=labels("tenant"),
        session=labels("session", empty_is_none=True),
        turn=numbers("round", 0, "0").astype(np.int32)[order],
        prefix_group=_picked(group, order),
        prefix_tokens=prefix_tokens[order],
    )


def check_columns(path: Path, header: list[str], why: str, names: tuple[str, ...]) -> None:
    """Raise unless all `names` are in the header."""
    absent = [name for name in names if name not in header]
    if absent:
        raise ConfigError(f"{path}: columns {', '.join(absent)} {why}; got {', '.join(header)}.")


def _keys(path: Path, texts: _Texts, block_size_tokens: int) -> PrefixKeys:
    """Keys of the prompts, in the order of rows; a row may continue the conversation of a later one."""
    context_of = texts.context_of
    n = len(context_of)
    if (context_of < np.arange(n)).all():
        return texts.keys(block_size_tokens)
    depth, ancestor = np.zeros(n, np.int64), context_of
    while (ancestor >= 0).any():
        depth += ancestor >= 0
        if depth.max() >= n:
            raise ConfigError(f"{path}, row {int(depth.argmax())}, column 'context_of': continues itself in the end.")
        ancestor = np.where(ancestor >= 0, context_of[ancestor], -1)
    order = np.argsort(depth, kind="stable")
    place = np.argsort(order)
    renamed = texts._replace(context_of=np.where(context_of >= 0, place[context_of], -1))
    return _picked_keys(_Texts(*(column[order] for column in renamed)).keys(block_size_tokens), place)


def _picked_keys(keys: PrefixKeys, rows: Int64Vector) -> PrefixKeys:
    """The keys of `rows`, in their order."""
    starts, lengths = keys.key_offsets[rows], np.diff(keys.key_offsets)[rows]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    source = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
    return PrefixKeys(offsets, keys.keys[source], keys.prompt[rows])


def _picked(labels: Labels, rows: Int64Vector) -> Labels:
    return Labels(labels.indices[rows], labels.names)
