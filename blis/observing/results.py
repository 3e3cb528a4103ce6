"""What an observation leaves behind, made aside and moved into place together."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from blis.foundation.errors import ConfigError
from blis.foundation.files import folder_aside
from blis.foundation.placing import place_together
from blis.foundation.words import shown
from blis.observing.figures import figures
from blis.observing.observation import Observation
from blis.observing.server_header import header
from blis.observing.server_metrics import TABLE, metrics_table, read_samples, server_figures
from blis.observing.trace_files import write_trace
from blis.workload.requests import Requests

METRICS = "metrics.json"


class Observed(NamedTuple):
    """What came of an observation."""

    metrics: Mapping[str, Any]  #: ready for JSON
    was_interrupted: bool


def finish(
    folder: Path,
    requests: Requests,
    observations: Sequence[Observation],
    head: Mapping[str, Any],
    more: Mapping[str, Any],
) -> dict[str, Any]:
    """Write the trace, the figures and the server's own metrics into a folder, and return the figures.

    Parameters
    ----------
    folder : Path
    requests : Requests
    observations : sequence of Observation
        One for each request, in its order.
    head : mapping
        That of the journal: the model, when the run began, what the server said before.
    more : mapping
        What else the figures say.

    Raises
    ------
    ConfigError
        If the folder cannot be written.
    """
    samples = read_samples(folder)
    model = str(head["model"])
    told = head.get("server")
    server = header(model, told if isinstance(told, Mapping) else {}, samples)
    metrics = {
        **figures(requests, observations),
        "server": {"model": model, **server_figures(samples)},
        **more,
    }
    try:
        with folder_aside(folder) as aside:
            write_trace(aside, requests, observations, server, str(head["created_at"]))
            (aside / METRICS).write_text(
                json.dumps(metrics, indent=2, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8"
            )
            if samples:
                _write_parquet(metrics_table(samples), aside / TABLE)
            made = sorted(aside.iterdir())
            place_together(made, [folder / path.name for path in made], True)
    except OSError as error:
        raise ConfigError(
            f"output.folder: {shown(str(folder))} cannot be written: {error.strerror or error}."
        ) from error
    return metrics


def _write_parquet(table: Any, path: Path) -> None:
    import pyarrow.parquet

    pyarrow.parquet.write_table(table, path)
