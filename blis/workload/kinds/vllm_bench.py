"""Results of `vllm bench serve --save-result --save-detailed`: lengths of the requests, and when they were sent.

Fields: `input_lens`, `output_lens` [tokens], `start_times` [s] (newer editions), `errors`; without times,
`request_rate` [requests/s] (`inf`: all at once) and `burstiness`, from which the tool draws gamma gaps.
"""

import math
from typing import Any

import numpy as np

from blis.foundation.checks import check_int, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.randomness import stream
from blis.foundation.units import US_PER_S, Float64Vector, Int64Vector
from blis.workload.drawing.lengths import LONGEST_TOKENS
from blis.workload.logs.json_rows import json_document
from blis.workload.logs.log import Log, replayed
from blis.workload.logs.options import LogParams
from blis.workload.logs.recognition import JSON, JSON_LINES, Head
from blis.workload.logs.recorded import LATEST_US
from blis.workload.requests import Requests

LISTS = ("input_lens", "output_lens")

Params = LogParams


def recognises(head: Head) -> bool:
    """Whether a file is such a result."""
    return head.form in (JSON, JSON_LINES) and {"request_rate", "total_input_tokens"} <= set(head.names)


def generate(params: LogParams, seed: int, block_size_tokens: int) -> Requests:
    """The requests that were answered; where the result says no times, they are drawn at its rate."""
    where, result = str(params.file), json_document(params.file)
    if not isinstance(result, dict) or not all(isinstance(result.get(name), list) for name in LISTS):
        raise ConfigError(f"{where} must have the lists {' and '.join(LISTS)}: save results with --save-detailed.")
    prompts, outputs = (_lengths(f"{where}.{name}", result[name]) for name in LISTS)
    n = len(prompts)
    if not n or len(outputs) != n:
        raise ConfigError(f"{where} must have as many output_lens as input_lens, at least 1; got {len(outputs)}, {n}.")
    errors = result.get("errors")
    is_failed = np.array(
        [bool(error) for error in errors] if isinstance(errors, list) and len(errors) == n else outputs == 0, np.bool_
    )
    notes = []
    if is_failed.any():
        notes.append(f"{is_failed.sum()} of {n} requests failed and are left out")
    starts = result.get("start_times")
    if isinstance(starts, list) and len(starts) == n:
        latest_s = LATEST_US / US_PER_S
        checked = [check_number(f"{where}.start_times[{k}]", at, 0, latest_s, "s") for k, at in enumerate(starts)]
        times_us = np.array(checked) * US_PER_S
    else:
        times_us, note = _drawn_times_us(where, result, params, seed, n)
        notes.append(note)
    log = Log(times_us, prompts, outputs, is_kept=~is_failed, notes=tuple(notes))
    return replayed(log, params, seed, block_size_tokens)


def _lengths(where: str, values: list[Any]) -> Int64Vector:
    checked = [check_int(f"{where}[{k}]", value, 0, LONGEST_TOKENS, "tokens") for k, value in enumerate(values)]
    return np.array(checked, np.int64)


def _drawn_times_us(
    where: str, result: dict[str, Any], params: LogParams, seed: int, n: int
) -> tuple[Float64Vector, str]:
    """Times as the tool would draw them, at the rate that is wanted or was used."""
    rate = params.rate or result.get("request_rate")
    if rate in (None, "inf", math.inf):
        return np.zeros(n), "the result says no times and an infinite request_rate: all requests arrive at once"
    per_s = check_number(f"{where}.request_rate", rate, above=0, unit="requests/s")
    burstiness = check_number(f"{where}.burstiness", result.get("burstiness", 1.0), above=0)
    gaps_s = stream(seed, "workload", "arrivals").standard_gamma(burstiness, n) / (per_s * burstiness)
    gaps_s[0] = 0
    return gaps_s.cumsum() * US_PER_S, f"the result says no times: they are drawn at {per_s:g} requests/s"
