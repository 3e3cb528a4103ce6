"""The CSV format of the Azure LLM inference logs: times and lengths."""

from pathlib import Path

import numpy as np

from blis.workload.kinds.azure import COLUMNS
from blis.workload.requests import Requests
from blis.workload.writers._losses import Loss, losses
from blis.workload.writers._text import text_file

SUFFIXES = ()  #: .csv means several formats
HOLDS: frozenset[str] = frozenset()
FIRST_DAY = np.datetime64("2000-01-01T00:00:00", "us")  #: of time 0; the format has dates, requests have none


def files(path: Path) -> tuple[Path, ...]:
    """The one file."""
    return (path,)


def write(requests: Requests, path: Path) -> tuple[Loss, ...]:
    """Write the requests."""
    times = np.datetime_as_string(FIRST_DAY + requests.arrival_us.astype("timedelta64[us]"))
    rows = zip(times.tolist(), requests.input_tokens.tolist(), requests.output_tokens.tolist(), strict=True)
    with text_file(path) as file:
        file.write(",".join(COLUMNS) + "\n")
        # Seven decimals, as the published logs have them.
        file.writelines(f"{time[:10]} {time[11:]}0,{prompt},{output}\n" for time, prompt, output in rows)
    return tuple(losses(requests, HOLDS))
