"""Every evaluation of a search as one Parquet table, and how long each took as another.

Equal searches give equal bytes of the first; clocks differ, so they are kept apart.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evolve.outcome.files import write_whole

if TYPE_CHECKING:
    import pyarrow

FILE, TIMINGS = "history.parquet", "timings.parquet"
#: Columns by which a row of the timings is found in the history; the rows are in the same order, too.
_KEYS = ("stage", "generation", "candidate", "name", "role", "scenario", "seed", "num_requests", "task")
_WALL = "wall_ms"
#: Rows that become columns at a time: as columns they take a twentieth of the memory, and a search may have millions.
_AT_A_TIME = 2_000
#: What marks a figure among the columns, before all of them are known.
_FIGURE = "figure: "


def write_history(rows: Iterable[Mapping[str, Any]], folder: Path) -> list[Path]:
    """Write rows as `history.parquet` and `timings.parquet`; the paths of both.

    Raises
    ------
    ConfigError
        If the folder cannot be written.
    """
    from blis.output.tables import write_table

    table = history_table(rows)
    timings = table.select([*_KEYS, _WALL])
    for name, own in ((FILE, table.drop_columns([_WALL])), (TIMINGS, timings)):
        write_whole(folder / name, partial(write_table, own))
    return [folder / FILE, folder / TIMINGS]


def history_table(rows: Iterable[Mapping[str, Any]]) -> "pyarrow.Table":
    """Rows as a table: a column for each figure, null where a simulation failed or the figure is not defined.

    Rows are gone through once, and become columns `_AT_A_TIME`.
    """
    import pyarrow as pa

    waiting = iter(rows)
    batches = [_batch(list(islice(waiting, _AT_A_TIME)))]
    while some := list(islice(waiting, _AT_A_TIME)):
        batches.append(_batch(some))
    table = pa.concat_tables(batches, promote_options="default").combine_chunks()
    fixed = [name for name in table.column_names if not name.startswith(_FIGURE)]
    figures = sorted(name for name in table.column_names if name.startswith(_FIGURE))
    return table.select([*fixed, *figures]).rename_columns([*fixed, *(name.removeprefix(_FIGURE) for name in figures)])


def _batch(rows: Sequence[Mapping[str, Any]]) -> "pyarrow.Table":
    """Some rows as a table; its figures, which other rows may lack, are marked."""
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
        _WALL: column(_WALL, pa.float64()),
    }
    for figure in {figure for row in rows for figure in row["figures"]}:
        columns[_FIGURE + figure] = pa.array([row["figures"].get(figure) for row in rows], pa.float64())
    return pa.table(columns)
