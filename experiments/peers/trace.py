"""The one trace that both simulators read: plain rows of times, lengths and hashes, as it was recorded."""

import gzip
import io
import json
from pathlib import Path
from typing import TextIO

from blis.foundation.errors import ConfigError
from blis.workload.kinds.mooncake import FIELDS, SESSION_FIELDS, Params, generate
from blis.workload.prefixes.chained_keys import MOONCAKE_BLOCK_TOKENS


def write_plain(trace: Path, plain: Path) -> int:
    """Unpack a trace into a file that holds what both simulators read, and no more.

    Parameters
    ----------
    trace : Path    a Mooncake trace, perhaps packed
    plain : Path    the file to be written

    Returns
    -------
    int
        Number of requests.

    Raises
    ------
    ConfigError
        If it is no such trace, has sessions or no hashes: one simulator would read something else into it.
    """
    requests = generate(Params.from_mapping("trace", {"path": str(trace)}), 0, MOONCAKE_BLOCK_TOKENS)
    with _opened(trace) as rows, plain.open("w", encoding="utf-8") as file:
        for number, line in enumerate(rows, 1):
            if line.strip():
                file.write(_plain_row(f"trace {str(trace)!r}, line {number}", json.loads(line)) + "\n")
    return len(requests)


def _opened(trace: Path) -> TextIO:
    if trace.suffix == ".gz":
        return io.TextIOWrapper(gzip.GzipFile(trace), encoding="utf-8")
    return trace.open(encoding="utf-8")


def _plain_row(where: str, row: dict[str, object]) -> str:
    sessions = [field for field in SESSION_FIELDS if field in row]
    if sessions:
        raise ConfigError(f"{where}: a trace to be compared must have no sessions; got {', '.join(sessions)}.")
    missing = [field for field in FIELDS if field not in row]
    if missing:
        raise ConfigError(f"{where}: a trace to be compared must have {', '.join(FIELDS)}; lacks {', '.join(missing)}.")
    return json.dumps({field: row[field] for field in FIELDS})
