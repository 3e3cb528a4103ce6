"""Files that a calibration leaves: all figures as JSON, the pairs as a table, images and the page."""

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from blis.calibrating.calibration import CalibratedRun, Calibration
from blis.calibrating.measured_run import STATUSES
from blis.calibrating.pairing import measured_times, simulated_times
from blis.foundation.errors import ConfigError
from blis.foundation.files import folder_aside
from blis.foundation.words import shown
from blis.output.calibration.drawing import PAGE, PLOTS, quantile_figure, scatter_figure
from blis.output.printing import json_text


def write_calibration(
    folder: Path, found: Calibration, document: Mapping[str, Any], wanted: frozenset[str]
) -> list[Path]:
    """Write the files of a calibration, all or none, and return their paths.

    Raises
    ------
    ConfigError
        If the folder cannot be written.
    """
    makers: dict[str, Callable[[Path], object]] = {
        "calibration.json": lambda path: path.write_text(json_text(document), encoding="utf-8"),
        "pairs.parquet": partial(_write_pairs, found),
    }
    if PLOTS in wanted:
        makers["scatter.png"] = lambda path: scatter_figure(found).savefig(path, dpi=120)
        makers["quantiles.png"] = lambda path: quantile_figure(found).savefig(path, dpi=120)
    if PAGE in wanted:
        from blis.output.calibration.page import calibration_page

        makers["calibration.html"] = lambda path: path.write_text(calibration_page(found, document), encoding="utf-8")
    return write_together(folder, makers)


def write_together(folder: Path, makers: Mapping[str, Callable[[Path], object]]) -> list[Path]:
    """Make files aside, then put all of them into the folder.

    Raises
    ------
    ConfigError
        If the folder cannot be written.
    """
    try:
        with folder_aside(folder) as aside:
            for name, make in makers.items():
                make(aside / name)
            for name in makers:
                os.replace(aside / name, folder / name)
    except OSError as error:
        raise ConfigError(
            f"output.folder must be a folder that can be written, with room in it; got {shown(str(folder))}: "
            f"{error.strerror or error}."
        ) from error
    return [folder / name for name in makers]


def _write_pairs(found: Calibration, path: Path) -> None:
    """One row per measured request of every run, compared or not."""
    import pyarrow

    from blis.output.tables import write_table

    write_table(pyarrow.concat_tables([_pairs(one) for one in found.runs]), path)


def _pairs(one: CalibratedRun) -> Any:
    import pyarrow

    run, n = one.run, len(one.run)
    columns: dict[str, Any] = {
        "run": [run.name] * n,
        "request_id": list(run.request_id),
        "slo_class": [run.slo_class.names[k] if k >= 0 else "" for k in run.slo_class.indices.tolist()],
        "status": [STATUSES[k] for k in run.status.tolist()],
        "reason": list(run.reason),
        "sent_us": run.sent_us,
        "input_tokens": run.input_tokens,
        "output_tokens": run.output_tokens,
        "is_compared": one.paired.counted,
    }
    for pairs in one.paired.pairs:
        is_pair = np.zeros(n, np.bool_)
        is_pair[pairs.row] = True
        for side, values in (
            ("measured", measured_times(run, pairs.metric)[0]),
            ("simulated", simulated_times(run, one.seen, pairs.metric)),
        ):
            columns[f"{side}_{pairs.metric.name}_us"] = pyarrow.array(values, mask=~is_pair)
    return pyarrow.table(columns)
