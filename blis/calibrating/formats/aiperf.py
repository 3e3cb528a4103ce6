"""Exports of NVIDIA aiperf, `profile_export.jsonl`: one line per request, with its metadata and its metrics.

Fields (`aiperf/common/models/record_models.py`, 0.13): `metadata` with `request_start_ns` (wall clock),
`benchmark_phase` (warmup, profiling), `was_cancelled`, `credit_issued_ns`, `x_request_id`, `conversation_id`; `metrics`
{name: {value, unit}} with `time_to_first_token` (where output streams), `request_latency` [ms], and token counts, those
of the server (`usage_*`) before the client's own; `error` {code, type, message} of failed requests.
"""

from pathlib import Path
from typing import Any

from blis.calibrating.measured_run import ERROR, OK, UNKNOWN, MeasuredRun
from blis.calibrating.rows import Row, run_of
from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.units import US_PER_MS
from blis.foundation.words import shown
from blis.workload.drawing.lengths import LONGEST_TOKENS
from blis.workload.logs.json_rows import Place, read_rows
from blis.workload.logs.recognition import JSON, JSON_LINES, Head

_NS_PER_US = 1_000
_LATEST_NS = 2**62
_KEYS = ("metadata", "metrics", "trace_data", "spec_decode_acceptance", "error")
_PHASES = ("warmup", "profiling")
_INPUT = ("usage_prompt_tokens", "input_sequence_length")
_OUTPUT = ("usage_completion_tokens", "output_sequence_length")


def recognises(head: Head) -> bool:
    """Whether a file is such an export."""
    return head.form in (JSON, JSON_LINES) and {"metadata", "metrics"} <= set(head.names) and _is_record(head.first)


def read(path: Path) -> list[MeasuredRun]:
    """The measured run of an export; requests of the tool's own warm-up are counted and left out.

    Raises
    ------
    ConfigError
        If a line is no record, or something in it is wrong.
    """
    rows: list[Row] = []
    left_out: dict[str, int] = {}

    def take(where: Place, record: dict[str, Any]) -> None:
        check_keys(str(where), record, _KEYS, ("metadata", "metrics"))
        metadata = record["metadata"]
        if not isinstance(metadata, dict) or not isinstance(record["metrics"], dict):
            raise ConfigError(f"{where}: metadata and metrics must be JSON objects.")
        phase = check_choice(f"{where}, field 'metadata.benchmark_phase'", metadata.get("benchmark_phase"), _PHASES)
        if phase == "warmup":
            reason = "of the tool's own warm-up phase"
            left_out[reason] = left_out.get(reason, 0) + 1
            return
        rows.append(_row(where, len(rows), metadata, record["metrics"], record.get("error")))

    read_rows(path, take, _KEYS)
    return [run_of(path.stem, path, "aiperf", rows, left_out)]


def _is_record(record: object) -> bool:
    return (
        isinstance(record, dict)
        and isinstance(record.get("metadata"), dict)
        and "request_start_ns" in record["metadata"]
    )


def _row(where: Place, number: int, metadata: dict[str, Any], metrics: dict[str, Any], error: object) -> Row:
    sent_ns = check_int(f"{where}, field 'metadata.request_start_ns'", metadata.get("request_start_ns"), 0, _LATEST_NS)
    due = metadata.get("credit_issued_ns")
    message = _message(where, error)
    if not message and metadata.get("was_cancelled") is True:
        message = "cancelled"
    sent_us = sent_ns // _NS_PER_US
    first_us, last_us = (_after(where, sent_us, metrics, name) for name in ("time_to_first_token", "request_latency"))
    if not message and last_us == UNKNOWN:
        message = "no request_latency"
    return Row(
        request_id=str(metadata.get("x_request_id") or number),
        sent_us=sent_us,
        first_us=first_us if first_us != UNKNOWN else last_us,
        last_us=last_us,
        input_tokens=_tokens(where, metrics, _INPUT, needed=not message),
        output_tokens=_tokens(where, metrics, _OUTPUT, needed=not message),
        status=ERROR if message else OK,
        message=message,
        streaming=first_us != UNKNOWN,
        due_us=UNKNOWN
        if due is None
        else check_int(f"{where}, field 'metadata.credit_issued_ns'", due, 0, _LATEST_NS) // _NS_PER_US,
        session=str(metadata.get("conversation_id") or "") if metadata.get("turn_index") else "",
    )


def _message(where: Place, error: object) -> str:
    """Why a request failed; "" if it did not."""
    if error is None:
        return ""
    if not isinstance(error, dict):
        raise ConfigError(f"{where}, field 'error': must be a JSON object or null; got {shown(error)}.")
    parts = [str(error[key]) for key in ("code", "type", "message") if error.get(key) is not None]
    return ": ".join(parts) or "failed without a word"


def _metric(where: Place, metrics: dict[str, Any], name: str, unit: str) -> Any:
    """Value of a metric; None where the record has none."""
    metric = metrics.get(name)
    if metric is None:
        return None
    if not isinstance(metric, dict) or metric.get("unit") != unit:
        raise ConfigError(f"{where}, field 'metrics.{name}': must be {{value, unit: {unit}}}; got {shown(metric)}.")
    return metric.get("value")


def _after(where: Place, sent_us: int, metrics: dict[str, Any], name: str) -> int:
    """The time at the end of a duration."""
    value = _metric(where, metrics, name, "ms")
    if value is None:
        return UNKNOWN
    return sent_us + round(check_number(f"{where}, field 'metrics.{name}'", value, 0, 1e12, "ms") * US_PER_MS)


def _tokens(where: Place, metrics: dict[str, Any], names: tuple[str, str], needed: bool) -> int:
    """A count of tokens: the server's, else the client's."""
    for name in names:
        value = _metric(where, metrics, name, "tokens")
        if value is not None:
            return check_int(f"{where}, field 'metrics.{name}'", value, 0, LONGEST_TOKENS, "tokens")
    if needed:
        raise ConfigError(f"{where}: metrics must have {' or '.join(names)}; got neither.")
    return 0
