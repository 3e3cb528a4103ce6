"""Refuses documents and tables that no run can have written: each check names the file and what is wrong in it."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from blis.foundation.checks import MOST_INT
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown
from blis.output.page.files import numbers
from blis.output.page.measures import MEASURES

if TYPE_CHECKING:
    import pyarrow

_GROUP = ("arrived_requests", "completion_ratio", "rejection_ratio", "slo_attainment", "goodput_rps")
_GROUP_NUMBERS = (*_GROUP, "ttft_p50_ms", "ttft_p99_ms", "e2e_p99_ms")
_ANOMALY = {"count": int, "rate_of": str, "rule": str, "compatible": bool, "examples": list}
_EXAMPLE = {"text": str, "time_s": (int, float)}
_DECISION = {"text": str, "regret_ms": (int, float), "measured": bool}


def check_metrics(path: Path, metrics: Mapping[str, Any]) -> None:
    """Refuse a metrics.json without the figures that the page shows."""
    _check_types(path, "", metrics, {"n_instances": int, "injected_requests": int, "seed": int, "notes": list})
    _check_types(path, "", metrics, {"completed_requests": int, "vllm_estimated_duration_s": (int, float)})
    for key, least in (("n_instances", 1), ("injected_requests", 1), ("vllm_estimated_duration_s", 0)):
        if metrics[key] < least:
            raise ConfigError(f"{path} is damaged: {key} must be ≥ {least}; got {shown(metrics[key])}.")
    _check_numbers(path, "", metrics, [one.key for one in MEASURES])
    for key, name in (("instances", "instance_id"), ("classes", "slo_class"), ("tenants", "tenant")):
        for place, block in enumerate(_list(path, metrics, key)):
            _check_types(path, f"{key}[{place}].", block, {name: str})
            _check_numbers(path, f"{key}[{place}].", block, _GROUP_NUMBERS)
    if len(metrics["instances"]) != metrics["n_instances"]:
        raise ConfigError(f"{path} is damaged: instances must have {metrics['n_instances']} entries.")
    for place, block in enumerate(metrics["instances"]):
        _check_types(path, f"instances[{place}].", block, {"kv_total_blocks": int})


def check_requests(path: Path, requests: "pyarrow.Table", metrics: Mapping[str, Any]) -> None:
    """Refuse requests that are not those of the metrics."""
    if requests.num_rows != metrics["injected_requests"]:
        raise ConfigError(
            f"{path} must be of the same run as metrics.json, with {metrics['injected_requests']} rows; "
            f"got {requests.num_rows}."
        )
    for name in ("request", "input_tokens", "output_tokens"):
        if np.isnan(numbers(requests, name)).any():
            raise ConfigError(f"{path} is damaged: the column {shown(name)} must have a number in each row.")
    placed = numbers(requests, "instance")
    if np.isnan(numbers(requests, "arrival_us")[~np.isnan(placed)]).any():
        raise ConfigError(f"{path} is damaged: the column 'arrival_us' must have a number where 'instance' has one.")
    check_places(path, placed[~np.isnan(placed)], metrics["n_instances"])


def check_places(path: Path, places: Any, n_instances: int) -> None:
    """Refuse instances that the cluster does not have."""
    if not ((places >= 0) & (places < n_instances)).all():
        raise ConfigError(f"{path} is damaged: instances must be from 0 to {n_instances - 1}.")


def check_explanation(path: Path, told: Mapping[str, Any]) -> None:
    """Refuse an explanation.json without what the page tells."""
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
        raise ConfigError(f"{path} is damaged: {where.rstrip('.')} must be a mapping; got {shown(mapping)}.")
    for key, kinds in types.items():
        if key not in mapping:
            raise ConfigError(f"{path} is damaged, or of another version of this program: {where}{key} is absent.")
        if not isinstance(mapping[key], kinds) or not _is_bounded(mapping[key]):
            raise ConfigError(f"{path} is damaged: {where}{key} is of the wrong kind; got {shown(mapping[key])}.")


def _is_bounded(value: object) -> bool:
    """Whether a value is no number, or one that the page can draw."""
    if isinstance(value, int):
        return abs(value) <= MOST_INT
    return not isinstance(value, float) or math.isfinite(value)
