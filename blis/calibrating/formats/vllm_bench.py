"""Results of `vllm bench serve --save-result --save-detailed`, vLLM 0.11 and later: one entry per request in each list.

Fields (`vllm/benchmarks/serve.py`, 0.32): `start_times`, `ttfts`, `latencies` [s], `itls` (lists of times between
chunks [s]), `input_lens`, `output_lens` [tokens, 0 of failed requests], `errors` (empty, or a traceback).
"""

from pathlib import Path
from typing import Any

from blis.calibrating.measured_run import ERROR, OK, UNKNOWN, MeasuredRun
from blis.calibrating.rows import Row, run_of
from blis.foundation.checks import check_int, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.units import US_PER_S
from blis.foundation.words import shown
from blis.workload.drawing.lengths import LONGEST_TOKENS
from blis.workload.logs.json_rows import json_document
from blis.workload.logs.recognition import JSON, JSON_LINES, Head
from blis.workload.logs.recorded import LATEST_US

_LISTS = ("start_times", "ttfts", "itls", "input_lens", "output_lens", "errors")
_MOST_S = LATEST_US / US_PER_S


def recognises(head: Head) -> bool:
    """Whether a file is such a result."""
    return head.form in (JSON, JSON_LINES) and {"request_rate", "total_input_tokens"} <= set(head.names)


def read(path: Path) -> list[MeasuredRun]:
    """The measured run of a result.

    Raises
    ------
    ConfigError
        If it was saved without details, or something in it is wrong.
    """
    result = json_document(path)
    if not isinstance(result, dict):
        raise ConfigError(f"{path} must be a JSON object; got {shown(result)}.")
    lists = {name: _list(path, result, name) for name in _LISTS}
    n = len(lists["start_times"])
    if "latencies" in result:
        lists["latencies"] = _list(path, result, "latencies")
    for name, values in lists.items():
        if len(values) != n:
            raise ConfigError(f"{path}.{name} must have as many entries as start_times, {n}; got {len(values)}.")
    rows = [_row(path, number, {name: values[number] for name, values in lists.items()}) for number in range(n)]
    unused = sum(isinstance(one, int | float) and one > 0 for one in result.get("queue_times") or [])
    notes = ["times run from when a request left the client's own queue"] if unused else []
    return [run_of(path.stem, path, "vllm-bench", rows, notes=notes)]


def _row(path: Path, number: int, entry: dict[str, Any]) -> Row:
    def seconds(name: str, value: object) -> float:
        return check_number(f"{path}.{name}[{number}]", value, 0, _MOST_S, "s")

    start_s, output = seconds("start_times", entry["start_times"]), _tokens(path, "output_lens", number, entry)
    error = entry["errors"]
    if error is not None and not isinstance(error, str):
        raise ConfigError(f"{path}.errors[{number}] must be a text; got {shown(error)}.")
    has_failed = bool(error) or output == 0
    first_us = last_us = UNKNOWN
    sent_us = round(start_s * US_PER_S)
    if not has_failed:
        gaps = entry["itls"]
        if not isinstance(gaps, list):
            raise ConfigError(f"{path}.itls[{number}] must be a list of times [s]; got {shown(gaps)}.")
        first_s = seconds("ttfts", entry["ttfts"])
        between_s = sum(seconds(f"itls[{number}]", gap) for gap in gaps)
        first_us = sent_us + round(first_s * US_PER_S)
        last_us = sent_us + round(
            (seconds("latencies", entry["latencies"]) if "latencies" in entry else first_s + between_s) * US_PER_S
        )
    return Row(
        request_id=str(number),
        sent_us=sent_us,
        first_us=first_us,
        last_us=max(last_us, first_us),
        input_tokens=_tokens(path, "input_lens", number, entry),
        output_tokens=output,
        status=ERROR if has_failed else OK,
        message=error or ("" if not has_failed else "no output"),
    )


def _tokens(path: Path, name: str, number: int, entry: dict[str, Any]) -> int:
    return check_int(f"{path}.{name}[{number}]", entry[name], 0, LONGEST_TOKENS, "tokens")


def _list(path: Path, result: dict[str, Any], name: str) -> list[Any]:
    values = result.get(name)
    if not isinstance(values, list) or not values:
        raise ConfigError(
            f"{path} must have the list {name!r}, one entry per request: save results with --save-detailed; got "
            f"{shown(values)}."
        )
    return values
