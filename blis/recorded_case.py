"""A recorded case: a folder with a configuration, its requests, and what a reference program did with each of them.

The folder holds case.yaml, requests.csv, expected.csv (either may be gzipped, with .gz at the end of its name) and
expected.json.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from blis.checks import check_keys
from blis.engine.codes import STATUS_NAMES
from blis.errors import ConfigError
from blis.recorded_document import CaseDocument, read_document
from blis.units import BoolVector, Float64Vector, Int64Vector
from blis.workload.labels import Labels, number_names
from blis.workload.prefix_keys import PrefixKeys, keys_of_groups
from blis.workload.recorded import float_column, int_column, read_csv, refuse_cell
from blis.workload.requests import Requests
from blis.workload.table import LATEST_US, requests_of

if TYPE_CHECKING:
    from blis.simulate import Simulation

CONFIGURATION, REQUESTS, ROWS, AGGREGATES = "case.yaml", "requests.csv", "expected.csv", "expected.json"

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

#: Columns of expected.csv that hold doubles, and the one that holds names; the others hold whole numbers.
DOUBLE_COLUMNS = ("regret", "score")
STATUS_COLUMN = "status"


@dataclass(frozen=True, slots=True)
class ExpectedColumn:
    """One column of expected.csv, in the order of the rows of requests.csv."""

    is_given: BoolVector  #: (n,) False where the cell is blank
    values: Int64Vector | Float64Vector  #: (n,) a status as index into `STATUS_NAMES`; 0 where the cell is blank


@dataclass(frozen=True, slots=True)
class RecordedCase:
    """What was asked of the reference program, and what it answered."""

    name: str
    document: CaseDocument
    requests: Requests  #: in order of arrival; `number` is the row of requests.csv
    columns: Mapping[str, ExpectedColumn]  #: those that are to be compared
    aggregates: Mapping[str, Any]  #: the object in expected.json


def read_case(folder: Path) -> RecordedCase:
    """Read a folder strictly.

    Raises
    ------
    ConfigError
        If a file is absent or malformed; the message names the file and the field.
    """
    with _naming(folder / CONFIGURATION):
        document = read_document(_existing(folder, CONFIGURATION))
    path = _existing(folder, REQUESTS)
    with _naming(path):
        requests = _read_requests(path, document.block_size_tokens)
    path = _existing(folder, ROWS)
    with _naming(path):
        columns = _read_expected(path, document.columns, len(requests))
    return RecordedCase(
        name=folder.resolve().name,
        document=document,
        requests=requests,
        columns=columns,
        aggregates=_read_aggregates(_existing(folder, AGGREGATES)),
    )


def simulation_of(case: RecordedCase) -> "Simulation":
    """The run that the case describes, under the semantics of its date, ready to start.

    Raises
    ------
    ConfigError
        If a policy cannot be bound.
    """
    from blis.binding import BoundPolicy, bind
    from blis.cluster import Cluster, Instance
    from blis.semantics import semantics
    from blis.simulate import Simulation

    document = case.document
    instance = Instance(
        kv_blocks=document.kv_blocks,
        max_running_requests=document.max_running_requests,
        step_token_budget=document.step_token_budget,
        latency=document.latency_model,
        long_prefill_threshold_tokens=document.long_prefill_threshold_tokens,
    )
    cluster = Cluster(
        (instance,) * document.instances,
        document.latency,
        document.block_size_tokens,
        document.admission_latency_us,
        document.routing_latency_us,
        document.snapshot_refresh_us,
        document.cache_signal_delay_us,
    )
    policies: dict[str, BoundPolicy | Mapping[str, Any] | str] = dict(document.policies)
    admission = document.policies["admission"]
    if admission["policy"] == "token-bucket":
        # A recorded bucket may be of size or rate 0; the bounds of the policy's parameters are for searches.
        bucket = bind("admission", "admission", "token-bucket")
        parameters = [admission[name] for name in bucket.flag("Params", None)._fields]
        policies["admission"] = bucket._replace(parameters=np.array(parameters, np.float64))
    return Simulation(
        case.requests,
        cluster,
        policies,
        semantics=semantics(document.semantics),
        horizon_us=document.horizon_us,
        record_routing=True,
    )


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Put the file's name into an error that lacks it."""
    try:
        yield
    except ConfigError as error:
        if str(path) in str(error):
            raise
        raise ConfigError(f"{path}: {error}") from error


def _existing(folder: Path, name: str) -> Path:
    """The file of that name, or its gzipped form."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file() and (path.suffix != ".gz" or name in (REQUESTS, ROWS)):
            return path
    raise ConfigError(f"{folder / name} is missing; a recorded case needs it.")


def _read_requests(path: Path, block_size_tokens: int) -> Requests:
    """The rows as `Requests`, in order of arrival, those of one microsecond in the order of rows."""
    header, columns = read_csv(path)
    table = _table(path, header, columns)
    check_keys(str(path), {name: 0 for name in table if any(table[name])}, (*NEEDED_COLUMNS, *OPTIONAL_COLUMNS))
    _check_rows(path, header, "are needed", NEEDED_COLUMNS)
    n = len(columns[0])
    for name in OPTIONAL_COLUMNS:
        table.setdefault(name, [""] * n)

    def numbers(name: str, minimum: int, blank: str = "") -> Int64Vector:
        return int_column(path, name, [cell.strip() or blank for cell in table[name]], minimum)

    row = numbers("request", 0)
    if (row != np.arange(n)).any():
        refuse_cell(path, int((row != np.arange(n)).argmax()), "request", "the row number, from 0", table["request"])
    arrival_us = numbers("arrival_us", 0)
    if arrival_us.max() >= LATEST_US:
        refuse_cell(path, int(arrival_us.argmax()), "arrival_us", "below 2**62 µs", table["arrival_us"])
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


def _read_expected(path: Path, names: tuple[str, ...], n: int) -> dict[str, ExpectedColumn]:
    """The columns to be compared, one entry per request in the order of requests.csv."""
    header, columns = read_csv(path)
    table = _table(path, header, columns)
    _check_rows(path, header, "are needed because case.yaml declares them comparable", ("request", *names))
    row = int_column(path, "request", table["request"], 0)
    if not np.array_equal(np.sort(row), np.arange(n)):
        raise ConfigError(f"{path}: column 'request' must name each of the {n} requests once; got {len(row)} rows.")
    order = np.argsort(row)
    return {name: _expected_column(path, name, [table[name][at].strip() for at in order]) for name in names}


def _expected_column(path: Path, name: str, cells: list[str]) -> ExpectedColumn:
    is_given = np.array([bool(cell) for cell in cells])
    if name in DOUBLE_COLUMNS:
        return ExpectedColumn(is_given, float_column(path, name, [cell or "0" for cell in cells]))
    if name != STATUS_COLUMN:
        return ExpectedColumn(is_given, int_column(path, name, [cell or "0" for cell in cells]))
    for place, cell in enumerate(cells):
        if cell and cell not in STATUS_NAMES:
            refuse_cell(path, place, name, f"one of {', '.join(STATUS_NAMES)}", cells)
    return ExpectedColumn(is_given, np.array([STATUS_NAMES.index(cell) if cell else 0 for cell in cells], np.int64))


def _table(path: Path, header: list[str], columns: list[list[str]]) -> dict[str, list[str]]:
    if len(set(header)) < len(header):
        raise ConfigError(f"{path} must have columns of different names; got {', '.join(header)}.")
    return dict(zip(header, columns, strict=True))


def _check_rows(path: Path, header: list[str], why: str, names: tuple[str, ...]) -> None:
    absent = [name for name in names if name not in header]
    if absent:
        raise ConfigError(f"{path}: columns {', '.join(absent)} {why}; got {', '.join(header)}.")


def _read_aggregates(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} must be JSON; got an error: {error}.") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path} must be a JSON object; got {type(document).__name__}.")
    return document
