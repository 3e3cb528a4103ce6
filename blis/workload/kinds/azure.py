"""The Azure LLM inference logs: times and lengths of production requests, without their text."""

import re
from pathlib import Path

import numpy as np

from blis.foundation.units import Float64Vector, Int64Vector
from blis.workload.drawing.lengths import LONGEST_TOKENS
from blis.workload.logs.log import Log, replayed
from blis.workload.logs.losses import Loss, losses
from blis.workload.logs.options import LogParams
from blis.workload.logs.recognition import CSV, Head
from blis.workload.logs.recorded import int_column, read_csv, refuse_cell
from blis.workload.logs.text import text_file
from blis.workload.requests import Requests

EXCERPT = Path(__file__).parents[1] / "data" / "azure_llm_2023_conv_2000.csv"
COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
SUFFIXES = ()  #: of written files; .csv means several formats
HOLDS: frozenset[str] = frozenset()  #: aspects that survive writing
NS_PER_US = 1000
#: The logs of 2023 name no zone, those of 2024 +00:00, exports of them Z. Nanoseconds since 1970 end in 2262.
IS_TIME = re.compile(r"(19[7-9]\d|2[01]\d\d)-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,9})?", re.ASCII).fullmatch
ZONE = re.compile(r"(Z|[+-]00:?00)$", re.ASCII)
TIME_RULE = "a date and time of the years 1970 to 2199, in UTC, such as 2023-11-16 18:15:46.6805900"
FIRST_DAY = np.datetime64("2000-01-01T00:00:00", "us")  #: of time 0 when written


class Params(LogParams):
    """Options of a log; without a path, the excerpt that is shipped."""

    needs_path = False


def recognises(head: Head) -> bool:
    """Whether a file is such a log."""
    return head.form == CSV and COLUMNS[0] in head.names


def generate(params: Params, seed: int, block_size_tokens: int) -> Requests:
    """The requests of a log; none shares a prefix with another, and the earliest date is second 0 of the log."""
    path = params.path or EXCERPT
    header, columns = read_csv(path, COLUMNS)
    cells = dict(zip(header, columns, strict=True))
    prompts, outputs = (int_column(path, name, cells[name], 0, maximum=LONGEST_TOKENS) for name in COLUMNS[1:])
    return replayed(Log(_microseconds(path, cells[COLUMNS[0]]), prompts, outputs), params, seed, block_size_tokens)


def write(requests: Requests, path: Path) -> tuple[Loss, ...]:
    """Write requests as such a log."""
    times = np.datetime_as_string(FIRST_DAY + requests.arrival_us.astype("timedelta64[us]"))
    rows = zip(times.tolist(), requests.input_tokens.tolist(), requests.output_tokens.tolist(), strict=True)
    with text_file(path) as file:
        file.write(",".join(COLUMNS) + "\n")
        # Seven decimals, as the published logs have them.
        file.writelines(f"{time[:10]} {time[11:]}0,{prompt},{output}\n" for time, prompt, output in rows)
    return losses(requests, HOLDS)


def _microseconds(path: Path, cells: list[str]) -> Float64Vector:
    """Times since the earliest one [µs], not rounded."""
    texts = [text if text[-5:].isdigit() else ZONE.sub("", text) for text in map(str.strip, cells)]
    if not all(map(IS_TIME, texts)):
        refuse_cell(
            path, next(row for row, text in enumerate(texts) if not IS_TIME(text)), COLUMNS[0], TIME_RULE, cells
        )
    try:
        times = np.array(texts, "datetime64[ns]")
    except ValueError:
        refuse_cell(path, _first_impossible(texts), COLUMNS[0], TIME_RULE, cells)
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
