"""Requests of the Azure LLM inference logs: times and lengths of production requests, without their text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blis.foundation.checks import check_int, nearest
from blis.foundation.errors import ConfigError
from blis.foundation.units import Float64Vector, Int64Vector
from blis.workload.logs.recorded import check_options, int_column, read_csv, refuse_cell
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import Requests
from blis.workload.table import requests_of, timeline

EXCERPT = Path(__file__).parents[1] / "data" / "azure_llm_2023_conv_2000.csv"
COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
NS_PER_US = 1000
IS_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,9})?", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class Params:
    """Which log, and how fast it is replayed."""

    path: Path | None = None  #: CSV file, may be gzipped; None for the excerpt shipped with the package
    rate: float | None = None  #: > 0 [requests/s], time is scaled to this mean rate; None as recorded
    num_requests: int | None = None  #: ≥ 1, only the first ones; None for all

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, object]) -> "Params":
        """Check the keys of `Params`."""
        return cls(**check_options(where, mapping, needs_path=False))


def generate(params: Params, seed: int, block_size_tokens: int) -> Requests:
    """Read the log; the first arrival is time 0, and no request shares a prefix with another.

    Parameters
    ----------
    params : Params
    seed : int ≥ 0
        Not used: a log has no randomness.
    block_size_tokens : int ≥ 1

    Returns
    -------
    Requests

    Raises
    ------
    ConfigError
        Naming the row and the column of a wrong cell.
    """
    check_int("block_size_tokens", block_size_tokens, 1, unit="tokens")
    path = params.path or EXCERPT
    header, columns = read_csv(path)
    for name in COLUMNS:
        if name not in header:
            raise ConfigError(
                f"{path} must have a column {name!r}{nearest(name, header)} Columns: {', '.join(header)}."
            )
    times, prompts, outputs = (columns[header.index(name)] for name in COLUMNS)
    input_tokens = int_column(path, COLUMNS[1], prompts, 1)
    output_tokens = int_column(path, COLUMNS[2], outputs, 0)

    line = timeline("workload", _microseconds(path, times), params.rate, params.num_requests)
    input_tokens, output_tokens = input_tokens[line.order], output_tokens[line.order]
    n = len(line.order)
    return requests_of(
        arrival_us=line.arrival_us,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        keys=keys_of_groups(input_tokens, output_tokens, np.full(n, -1), np.zeros(n, np.int64), block_size_tokens),
        block_size_tokens=block_size_tokens,
        number=line.order,
        notes=line.notes,
    )


def _microseconds(path: Path, cells: list[str]) -> Float64Vector:
    """Times since the earliest one [µs], not rounded."""
    rule = "a date and time such as 2023-11-16 18:15:46.6805900"
    texts = [cell.strip().removesuffix("+00:00") for cell in cells]  # the logs of 2024 name the zone
    if not all(map(IS_TIME, texts)):
        row = next(row for row, text in enumerate(texts) if not IS_TIME(text))
        refuse_cell(path, row, COLUMNS[0], rule, cells)
    try:
        times = np.array(texts, "datetime64[ns]")
    except ValueError:
        refuse_cell(path, _first_impossible(texts), COLUMNS[0], rule, cells)
    since_first_ns: Int64Vector = (times - times.min()).astype(np.int64)
    return since_first_ns / NS_PER_US


def _first_impossible(texts: list[str]) -> int:
    """Row of the first date that no calendar has."""
    for row, text in enumerate(texts):
        try:
            np.datetime64(text, "ns")
        except ValueError:
            return row
    return 0
