"""A recorded case: a folder with a configuration, its requests, and what a reference program did with each of them.

The folder holds case.yaml, requests.csv, expected.csv (either may be gzipped, with .gz at the end of its name) and
expected.json.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from blis.engine.codes import NEVER_US, STATUS_NAMES
from blis.foundation.errors import ConfigError
from blis.foundation.files import is_file, read_json
from blis.foundation.units import BoolVector, Float64Vector, Int64Vector
from blis.recorded.document import CaseDocument, read_document
from blis.recorded.requests import check_columns, read_requests
from blis.workload.logs.recorded import float_column, int_column, read_csv, refuse_cell
from blis.workload.requests import Requests

if TYPE_CHECKING:
    from blis.simulate import Simulation

CONFIGURATION, REQUESTS, ROWS, AGGREGATES = "case.yaml", "requests.csv", "expected.csv", "expected.json"

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
        requests = read_requests(path, document.block_size_tokens)
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
    from blis.cluster.instances import Cluster, Instance
    from blis.foundation.semantics import semantics
    from blis.policies.binding import BoundPolicy, bind
    from blis.prepare import bind_run
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
        bind_run(cluster, policies, semantics(document.semantics), document.horizon_us),
        record_routing=True,
        max_events=None if document.horizon_us is None else NEVER_US,  # a horizon ends any run
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
        if is_file(path) and (path.suffix != ".gz" or name in (REQUESTS, ROWS)):
            return path
    raise ConfigError(f"{folder / name} is missing; a recorded case needs it.")


def _read_expected(path: Path, names: tuple[str, ...], n: int) -> dict[str, ExpectedColumn]:
    """The columns to be compared, one entry per request in the order of requests.csv."""
    header, columns = read_csv(path)
    table = dict(zip(header, columns, strict=True))
    check_columns(path, header, "are needed because case.yaml declares them comparable", ("request", *names))
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


def _read_aggregates(path: Path) -> dict[str, Any]:
    return read_json(path)
