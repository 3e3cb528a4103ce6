"""A run folder as the page sees it: what `python -m blis.run` has written, read and checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blis.foundation.errors import ConfigError
from blis.foundation.strict_yaml import read_yaml
from blis.foundation.words import shown
from blis.output.page.damage import check_explanation, check_metrics, check_places, check_requests
from blis.output.page.files import FLAG, NUMBER, TEXT, numbers, read_mapping, read_table, read_text

if TYPE_CHECKING:
    import pyarrow

#: More runs than this make a page that nobody reads, of more megabytes than a browser likes.
MOST_RUNS = 12

FILES = ("metrics.json", "requests.parquet", "config.yaml", "policies.yaml")

_REQUESTS = {
    **dict.fromkeys(("request", "instance", "arrival_us", "input_tokens", "output_tokens"), NUMBER),
    **dict.fromkeys(("scheduling_delay_ms", "ttft_ms", "itl_mean_ms", "e2e_ms"), NUMBER),
    "status": TEXT,
    "slo_class": TEXT,
    "meets_slo": FLAG,
}
_ROUTINGS = dict.fromkeys(("score_regret", "reference_regret_ms"), NUMBER)
_BATCHES = dict.fromkeys(
    ("clock_us", "length_us", "instance", "queued_requests", "running_requests", "used_blocks"), NUMBER
)
_ROLLOUTS = {"decision": TEXT, "request": NUMBER, "ttft_change_ms": NUMBER, "e2e_change_ms": NUMBER}


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run. What a run without a trace has not is None."""

    path: Path
    name: str  #: tells it from the others on the page
    metrics: Mapping[str, Any]  #: metrics.json
    requests: "pyarrow.Table"  #: one row per request, in order of arrival
    config: Mapping[str, Any]
    policies: Mapping[str, Any]
    config_text: str
    policies_text: str
    summary: str | None  #: summary.md
    explanation: Mapping[str, Any] | None  #: explanation.json
    routings: "pyarrow.Table | None"
    batches: "pyarrow.Table | None"
    rollouts: "pyarrow.Table | None"

    @property
    def n_instances(self) -> int:
        """Number of instances of the cluster."""
        return int(self.metrics["n_instances"])

    @property
    def end_us(self) -> float:
        """Time of the last event."""
        return 1e6 * float(self.metrics["vllm_estimated_duration_s"])


def read_folders(paths: Sequence[Path]) -> list[RunFolder]:
    """The runs in these folders, in this order.

    Raises
    ------
    ConfigError
        If one is absent, no run folder, damaged, or given twice, or there are more than `MOST_RUNS`.
    """
    if len(paths) > MOST_RUNS:
        raise ConfigError(f"RUN_DIR: at most {MOST_RUNS} runs fit on a page; got {len(paths)}.")
    for place, path in enumerate(paths):
        _check_is_run(path)
        if path.resolve() in [other.resolve() for other in paths[:place]]:
            raise ConfigError(f"RUN_DIR: {shown(str(path))} is given twice.")
    return [_read(path, name) for path, name in zip(paths, _names(paths), strict=True)]


def _check_is_run(path: Path) -> None:
    if not path.is_dir():
        raise ConfigError(
            f"RUN_DIR must be a folder that python -m blis.run has written; there is none at {shown(str(path))}."
        )
    absent = [name for name in FILES if not (path / name).is_file()]
    if len(absent) == len(FILES):
        inside = sorted(str(one.parent) for one in path.glob("*/metrics.json"))
        nearest = f"; it holds runs, such as {shown(inside[0])}" if inside else ""
        raise ConfigError(
            f"RUN_DIR must be a folder that python -m blis.run has written; got {shown(str(path))}{nearest}."
        )
    if absent:
        raise ConfigError(f"{path} is damaged: a run folder has {', '.join(FILES)}; {absent[0]} is absent.")


def _names(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that tell all of them apart."""
    parts = [path.resolve().parts for path in paths]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(one[-length:]) for one in parts]
        if len(set(names)) == len(names):
            break
    return names


def _read(path: Path, name: str) -> RunFolder:
    metrics = read_mapping(path / "metrics.json")
    check_metrics(path / "metrics.json", metrics)
    requests = read_table(path / "requests.parquet", _REQUESTS)
    check_requests(path / "requests.parquet", requests, metrics)
    explanation = None
    if (path / "explanation.json").is_file():
        explanation = read_mapping(path / "explanation.json")
        check_explanation(path / "explanation.json", explanation)
    batches = _trace_table(path, "batches", _BATCHES)
    if batches is not None:
        check_places(path / "trace" / "batches.parquet", numbers(batches, "instance"), metrics["n_instances"])
    return RunFolder(
        path=path,
        name=name,
        metrics=metrics,
        requests=requests,
        config=_yaml_mapping(path / "config.yaml"),
        policies=_yaml_mapping(path / "policies.yaml"),
        config_text=read_text(path / "config.yaml"),
        policies_text=read_text(path / "policies.yaml"),
        summary=read_text(path / "summary.md") if (path / "summary.md").is_file() else None,
        explanation=explanation,
        routings=_trace_table(path, "routings", _ROUTINGS),
        batches=batches,
        rollouts=_trace_table(path, "rollouts", _ROLLOUTS),
    )


def _trace_table(path: Path, name: str, columns: Mapping[str, str]) -> "pyarrow.Table | None":
    file = path / "trace" / f"{name}.parquet"
    return read_table(file, columns) if file.is_file() else None


def _yaml_mapping(path: Path) -> dict[str, Any]:
    document = read_yaml(path)
    if not isinstance(document, dict):
        raise ConfigError(f"{path} is damaged: it must hold a mapping; got {shown(document)}.")
    return document
