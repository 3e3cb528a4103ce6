"""Every evaluation of a search as one Parquet table."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evolve.outcome.files import write_whole

if TYPE_CHECKING:
    import pyarrow

FILE = "history.parquet"


def write_history(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write rows as one Parquet table.

    Raises
    ------
    ConfigError
        If it cannot be written.
    """
    from blis.output.tables import write_table

    table = history_table(rows)
    write_whole(path, lambda aside: write_table(table, aside))


def history_table(rows: Sequence[Mapping[str, Any]]) -> "pyarrow.Table":
    """Rows as a table: a column for each figure, null where a simulation failed or the figure is not defined."""
    import pyarrow as pa

    def column(name: str, kind: Any) -> Any:
        return pa.array([row[name] for row in rows], kind)

    columns = {
        "stage": column("stage", pa.string()),
        "generation": column("generation", pa.int32()),
        "candidate": column("candidate", pa.int32()),
        "name": column("name", pa.string()),
        "genome": pa.array([json.dumps(row["genome"], ensure_ascii=False) for row in rows], pa.string()),
        "digest": column("digest", pa.string()),
        "parents": column("parents", pa.list_(pa.string())),
        "behaviour": column("behaviour", pa.string()),
        "fitness": column("fitness", pa.float64()),
        "objectives": column("objectives", pa.list_(pa.float64())),
        "violation": column("violation", pa.float64()),
        "rungs_short": column("rungs_short", pa.int32()),
        "role": column("role", pa.string()),
        "scenario": column("scenario", pa.string()),
        "seed": column("seed", pa.int64()),
        "num_requests": column("num_requests", pa.int64()),
        "task": column("task", pa.string()),
        "status": pa.array(["ok" if row["error"] is None else "failed" for row in rows], pa.string()),
        "error": column("error", pa.string()),
        "cache_hit": column("cache_hit", pa.bool_()),
        "simulated_requests": column("simulated_requests", pa.int64()),
        "wall_ms": column("wall_ms", pa.float64()),
    }
    for figure in sorted({figure for row in rows for figure in row["figures"]}):
        columns[figure] = pa.array([row["figures"].get(figure) for row in rows], pa.float64())
    return pa.table(columns)
