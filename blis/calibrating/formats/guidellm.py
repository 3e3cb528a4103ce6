"""Exports of guidellm, `benchmarks.json` of version 0.6 and later: one run per benchmark, which is one load level.

Fields (`guidellm/schemas/base/request_stats.py` and `info.py`, 0.8): `benchmarks[].requests` with the lists
`successful`, `errored` and `incomplete`; each request has `request_id`, `prompt_tokens`, `output_tokens`, and in `info`
its `error` and `timings` [s, Unix time]: `request_start`, `first_token_iteration`, `last_token_iteration`,
`request_end`, `token_iterations`, `targeted_start`.
"""

import json
from pathlib import Path
from typing import Any

from blis.calibrating.measured_run import ERROR, OK, TIMEOUT, UNKNOWN, MeasuredRun
from blis.calibrating.rows import Row, run_of
from blis.foundation.checks import check_int, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.units import US_PER_S
from blis.foundation.words import shown
from blis.workload.drawing.lengths import LONGEST_TOKENS
from blis.workload.logs.json_rows import json_document
from blis.workload.logs.recognition import JSON, JSON_LINES, Head
from blis.workload.logs.recorded import LATEST_US

_STATUSES = {"successful": OK, "errored": ERROR, "incomplete": TIMEOUT}
_MOST_S = LATEST_US / US_PER_S
#: A target further from the sending than this is none: some profiles have no schedule.
_MOST_LATE_S = 3600.0


def recognises(head: Head) -> bool:
    """Whether a file is such an export."""
    return head.form in (JSON, JSON_LINES) and {"metadata", "benchmarks"} <= set(head.names)


def read(path: Path) -> list[MeasuredRun]:
    """The measured runs of an export, one per benchmark.

    Raises
    ------
    ConfigError
        If it has no requests (guidellm keeps them unless told otherwise), or something in it is wrong.
    """
    document = json_document(path)
    benchmarks = document.get("benchmarks") if isinstance(document, dict) else None
    if not isinstance(benchmarks, list) or not benchmarks:
        raise ConfigError(f"{path} must have a list 'benchmarks' of at least one; got {shown(benchmarks)}.")
    many = len(benchmarks) > 1
    return [
        _run(path, f"{path.stem}[{number}]" if many else path.stem, f"{path}.benchmarks[{number}]", benchmark)
        for number, benchmark in enumerate(benchmarks)
    ]


def _run(path: Path, name: str, where: str, benchmark: object) -> MeasuredRun:
    requests = benchmark.get("requests") if isinstance(benchmark, dict) else None
    if not isinstance(requests, dict):
        raise ConfigError(f"{where}.requests must hold {', '.join(_STATUSES)}; got {shown(requests)}.")
    rows: list[Row] = []
    left_out: dict[str, int] = {}
    for status, number in _STATUSES.items():
        for place, request in enumerate(requests.get(status) or []):
            row = _row(f"{where}.requests.{status}[{place}]", request, number)
            if row is None:
                left_out["never sent"] = left_out.get("never sent", 0) + 1
            else:
                rows.append(row)
    return run_of(name, path, "guidellm", rows, left_out)


def _row(where: str, request: object, status: int) -> Row | None:
    """A request; None if it never left the tool."""
    info = request.get("info") if isinstance(request, dict) else None
    timings = info.get("timings") if isinstance(info, dict) else None
    if not isinstance(request, dict) or not isinstance(info, dict) or not isinstance(timings, dict):
        raise ConfigError(f"{where} must have info.timings, as guidellm 0.6 and later write; got {shown(request)}.")

    def at_us(name: str) -> int:
        value = timings.get(name)
        if value is None:
            return UNKNOWN
        return round(check_number(f"{where}.info.timings.{name}", value, 0, _MOST_S, "s") * US_PER_S)

    sent_us = at_us("request_start")
    if sent_us == UNKNOWN:
        if status == OK:
            raise ConfigError(f"{where}.info.timings.request_start must be a time [s]; got None.")
        return None
    first_us, last_us, end_us = (
        at_us(name) for name in ("first_token_iteration", "last_token_iteration", "request_end")
    )
    streams = first_us != UNKNOWN and _streams(request, timings)
    ended_us = last_us if last_us != UNKNOWN and streams else end_us
    target_s = timings.get("targeted_start")
    is_due = isinstance(target_s, int | float) and abs(target_s - sent_us / US_PER_S) < _MOST_LATE_S
    message = str(info.get("error") or "") if status != OK else ""
    return Row(
        request_id=str(request.get("request_id")),
        sent_us=sent_us,
        first_us=first_us if first_us != UNKNOWN else ended_us,
        last_us=ended_us,
        input_tokens=_tokens(where, request, "prompt_tokens", status),
        output_tokens=_tokens(where, request, "output_tokens", status),
        status=status,
        message=message or ("" if status == OK else "incomplete" if status == TIMEOUT else "failed without a word"),
        streaming=streams,
        due_us=round(target_s * US_PER_S) if is_due and target_s is not None else UNKNOWN,
        session=str(info.get("conversation_id") or "") if info.get("turn_index") else "",
    )


def _streams(request: dict[str, Any], timings: dict[str, Any]) -> bool:
    """Whether output came piece by piece: what the request asked for, else how often something came."""
    try:
        asked = json.loads(request.get("request_args") or "{}").get("stream")
    except (ValueError, AttributeError, TypeError, RecursionError):
        asked = None
    if isinstance(asked, bool):
        return asked
    times = timings.get("token_iterations")
    return isinstance(times, int) and times > 1


def _tokens(where: str, request: dict[str, Any], name: str, status: int) -> int:
    value = request.get(name)
    if value is None and status != OK:
        return 0
    return check_int(f"{where}.{name}", value, 0, LONGEST_TOKENS, "tokens")
