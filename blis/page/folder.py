"""A run folder as the page sees it: what `python -m blis.run` has written, read and checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from blis.errors import ConfigError
from blis.page.files import FLAG, NUMBER, TEXT, numbers, read_mapping, read_table, read_text
from blis.page.measures import MEASURES
from blis.workload.strict_yaml import read_yaml

if TYPE_CHECKING:
    import pyarrow

#: More runs than this make a page that nobody reads, of more megabytes than a browser likes.
MOST_RUNS = 12

FILES = ("metrics.json", "requests.parquet", "config.yaml", "policies.yaml")

_REQUESTS = {
    **dict.fromkeys(("request", "instance", "arrival_us", "input_tokens", "output_tokens"), NUMBER),
    **dict.fromkeys(("scheduling_delay_ms", "ttft_ms", "itl_mean_ms", "e2e_ms"), NUMBER),
    **{"status": TEXT, "slo_class": TEXT, "meets_slo": FLAG},
}
_ROUTINGS = dict.fromkeys(("score_regret", "reference_regret_ms"), NUMBER)
_BATCHES = dict.fromkeys(
    ("clock_us", "length_us", "instance", "queued_requests", "running_requests", "used_blocks"), NUMBER
)
_ROLLOUTS = {"decision": TEXT, "request": NUMBER, "ttft_change_ms": NUMBER, "e2e_change_ms": NUMBER}

_GROUP = ("arrived_requests", "completion_ratio", "rejection_ratio", "slo_attainment", "goodput_rps")
_GROUP_NUMBERS = (*_GROUP, "ttft_p50_ms", "ttft_p99_ms", "e2e_p99_ms")
_ANOMALY = {"count": int, "rate_of": str, "rule": str, "compatible": bool, "examples": list}
_EXAMPLE = {"text": str, "time_s": (int, float)}
_DECISION = {"text": str, "regret_ms": (int, float), "measured": bool}


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
            raise ConfigError(f"RUN_DIR: {str(path)!r} is given twice.")
    return [_read(path, name) for path, name in zip(paths, _names(paths), strict=True)]


def _check_is_run(path: Path) -> None:
    if not path.is_dir():
        raise ConfigError(f"RUN_DIR must be a folder that python -m blis.run has written; there is none at {str(path)!r}.")
    absent = [name for name in FILES if not (path / name).is_file()]
    if len(absent) == len(FILES):
        inside = sorted(str(one.parent) for one in path.glob("*/metrics.json"))
        nearest = f"; it holds runs, such as {inside[0]!r}" if inside else ""
        raise ConfigError(f"RUN_DIR must be a folder that python -m blis.run has written; got {str(path)!r}{nearest}.")
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
    _check_metrics(path / "metrics.json", metrics)
    requests = read_table(path / "requests.parquet", _REQUESTS)
    _check_requests(path / "requests.parquet", requests, metrics)
    explanation = None
    if (path / "explanation.json").is_file():
        explanation = read_mapping(path / "explanation.json")
        _check_explanation(path / "explanation.json", explanation)
    batches = _trace_table(path, "batches", _BATCHES)
    if batches is not None:
        _check_places(path / "trace" / "batches.parquet", numbers(batches, "instance"), metrics["n_instances"])
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
        raise ConfigError(f"{path} is damaged: it must hold a mapping; got {document!r}.")
    return document


def _check_metrics(path: Path, metrics: Mapping[str, Any]) -> None:
    _check_types(path, "", metrics, {"n_instances": int, "injected_requests": int, "seed": int, "notes": list})
    _check_types(path, "", metrics, {"completed_requests": int, "vllm_estimated_duration_s": (int, float)})
    if metrics["n_instances"] < 1 or metrics["vllm_estimated_duration_s"] < 0:
        raise ConfigError(f"{path} is damaged: n_instances must be ≥ 1 and vllm_estimated_duration_s ≥ 0.")
    _check_numbers(path, "", metrics, [one.key for one in MEASURES])
    for key, name in (("instances", "instance_id"), ("classes", "slo_class"), ("tenants", "tenant")):
        for place, block in enumerate(_list(path, metrics, key)):
            _check_types(path, f"{key}[{place}].", block, {name: str})
            _check_numbers(path, f"{key}[{place}].", block, _GROUP_NUMBERS)
    if len(metrics["instances"]) != metrics["n_instances"]:
        raise ConfigError(f"{path} is damaged: instances must have {metrics['n_instances']} entries.")
    for place, block in enumerate(metrics["instances"]):
        _check_types(path, f"instances[{place}].", block, {"kv_total_blocks": int})


def _check_requests(path: Path, requests: "pyarrow.Table", metrics: Mapping[str, Any]) -> None:
    if requests.num_rows != metrics["injected_requests"]:
        raise ConfigError(
            f"{path} must be of the same run as metrics.json, with {metrics['injected_requests']} rows; "
            f"got {requests.num_rows}."
        )
    for name in ("request", "arrival_us", "input_tokens", "output_tokens"):
        if np.isnan(numbers(requests, name)).any():
            raise ConfigError(f"{path} is damaged: the column {name!r} must have a number in each row.")
    placed = numbers(requests, "instance")
    _check_places(path, placed[~np.isnan(placed)], metrics["n_instances"])


def _check_places(path: Path, places: Any, n_instances: int) -> None:
    if not ((places >= 0) & (places < n_instances)).all():
        raise ConfigError(f"{path} is damaged: instances must be from 0 to {n_instances - 1}.")


def _check_explanation(path: Path, told: Mapping[str, Any]) -> None:
    _check_types(path, "", told, {"regret": dict, "anomalies": dict})
    _check_types(path, "regret.", told["regret"], {"score": dict, "reference": dict})
    _check_numbers(path, "regret.score.", told["regret"]["score"], ("mean", "max"))
    reference = ("mean_ms", "p50_ms", "p99_ms", "max_ms", "best_choice_share")
    _check_numbers(path, "regret.reference.", told["regret"]["reference"], reference)
    if told["regret"].get("rollout") is not None:
        _check_rollout(path, told["regret"])
    for name, one in told["anomalies"].items():
        _check_types(path, f"anomalies.{name}.", one, _ANOMALY)
        _check_numbers(path, f"anomalies.{name}.", one, ("rate",))
        for place, example in enumerate(one["examples"]):
            _check_types(path, f"anomalies.{name}.examples[{place}].", example, _EXAMPLE)
    for place, one in enumerate(_list(path, told, "worst_decisions")):
        _check_types(path, f"worst_decisions[{place}].", one, _DECISION)


def _check_rollout(path: Path, regret: Mapping[str, Any]) -> None:
    _check_types(path, "regret.", regret, {"rollout": dict})
    rollout = regret["rollout"]
    _check_types(path, "regret.rollout.", rollout, {"decisions": int, "alternatives": int, "admissions": dict})
    figures = ("ttft_mean_ms", "ttft_p99_ms", "ttft_max_ms", "e2e_mean_ms", "e2e_max_ms", "best_choice_share")
    _check_numbers(path, "regret.rollout.", rollout, (*figures, "improvable_share"))
    admissions = ("admitted", "rejected", "others_e2e_change_if_rejected_ms", "others_e2e_change_if_admitted_ms")
    _check_numbers(path, "regret.rollout.admissions.", rollout["admissions"], (*admissions, "ttft_if_admitted_ms"))


def _list(path: Path, mapping: Mapping[str, Any], key: str) -> list[Any]:
    _check_types(path, "", mapping, {key: list})
    found: list[Any] = mapping[key]
    return found


def _check_numbers(path: Path, where: str, mapping: Mapping[str, Any], keys: Sequence[str]) -> None:
    """Each key must be there, with a number or null."""
    _check_types(path, where, mapping, dict.fromkeys(keys, (int, float, type(None))))


def _check_types(path: Path, where: str, mapping: object, types: Mapping[str, Any]) -> None:
    if not isinstance(mapping, Mapping):
        raise ConfigError(f"{path} is damaged: {where.rstrip('.')} must be a mapping; got {mapping!r}.")
    for key, kinds in types.items():
        if key not in mapping:
            raise ConfigError(f"{path} is damaged, or of another version of this program: {where}{key} is absent.")
        if not isinstance(mapping[key], kinds):
            raise ConfigError(f"{path} is damaged: {where}{key} is of the wrong kind; got {mapping[key]!r}.")
