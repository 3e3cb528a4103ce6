"""Scenarios that blis and vLLM's own scheduler can both replay: an engine's parameters, and requests as tokens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from blis.foundation.checks import check_choice, check_flag, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.files import check_path
from blis.foundation.words import shown

#: Parameters under vLLM's names, with its defaults where a scenario may leave them out; None: it may not.
PARAMETERS: dict[str, Any] = {
    "block_size": None,
    "kv_blocks": None,  # that requests can use: one less than vLLM's num_gpu_blocks
    "max_num_seqs": None,
    "max_num_batched_tokens": None,
    "beta_us": None,  # of a step: fixed, per prompt token, per decode
    "long_prefill_token_threshold": 0,
    "prefix_caching": True,
    "policy": "fcfs",
    "async_scheduling": True,
    "reserve_full_isl": True,
    "watermark": 0.0,
    "max_model_len": 65536,
    "stop_by_token": False,
}
_COUNTS = ("block_size", "kv_blocks", "max_num_seqs", "max_num_batched_tokens")
_FLAGS = ("prefix_caching", "async_scheduling", "reserve_full_isl", "stop_by_token")
_LONGEST = 2**40


@dataclass(frozen=True, slots=True)
class Row:
    """One request."""

    arrival_us: int
    prompt: list[int]  #: tokens
    output: list[int]  #: tokens
    priority: int  #: smaller is more urgent


@dataclass(frozen=True, slots=True)
class Scenario:
    """An engine and what it is asked."""

    name: str
    params: dict[str, Any]  #: all of `PARAMETERS`
    requests: tuple[Row, ...]  #: in the order of arrival


def read_scenarios(path: str) -> list[Scenario]:
    """The scenarios in a file.

    Raises
    ------
    ConfigError
        If the file is absent, no JSON, or no list of scenarios.
    """
    where = check_path("scenarios", path)
    found = read_json(where)
    if not isinstance(found, list) or not found:
        raise ConfigError(f"{where} must be a list of at least one scenario; got {shown(found)}.")
    scenarios = [_scenario(f"{where}: [{place}]", one) for place, one in enumerate(found)]
    names = [one.name for one in scenarios]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{where}: two scenarios are called {name!r}.")
    return scenarios


def read_json(path: Path) -> Any:
    """What a file of JSON holds.

    Raises
    ------
    ConfigError
        If it holds no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} must be a file of JSON: {error}.") from None


def _scenario(where: str, mapping: object) -> Scenario:
    given = check_keys(where, mapping, ("name", "params", "requests"), ("name", "params", "requests"))
    name = given["name"]
    if not isinstance(name, str) or not name:
        raise ConfigError(f"{where}.name must be a text of at least one character; got {shown(name)}.")
    params = _params(f"{where}.params", given["params"])
    rows = given["requests"]
    if not isinstance(rows, list) or not rows:
        raise ConfigError(f"{where}.requests must be a list of at least one request; got {shown(rows)}.")
    requests = tuple(_row(f"{where}.requests[{place}]", row) for place, row in enumerate(rows))
    for place in range(1, len(requests)):
        if requests[place].arrival_us < requests[place - 1].arrival_us:
            raise ConfigError(f"{where}.requests[{place}].arrival_us must not be earlier than that of the one before.")
    return Scenario(name, params, requests)


def _params(where: str, mapping: object) -> dict[str, Any]:
    required = [name for name, default in PARAMETERS.items() if default is None]
    given = check_keys(where, mapping, PARAMETERS, required)
    params = PARAMETERS | given
    for name in _COUNTS:
        check_int(f"{where}.{name}", params[name], 1, _LONGEST)
    check_int(f"{where}.long_prefill_token_threshold", params["long_prefill_token_threshold"], 0, _LONGEST, "tokens")
    check_int(f"{where}.max_model_len", params["max_model_len"], 1, _LONGEST, "tokens")
    for name in _FLAGS:
        check_flag(f"{where}.{name}", params[name])
    check_choice(f"{where}.policy", params["policy"], ("fcfs", "priority"))
    check_number(f"{where}.watermark", params["watermark"], 0, 1)
    beta_us = params["beta_us"]
    if not isinstance(beta_us, list) or len(beta_us) != 3:
        raise ConfigError(f"{where}.beta_us must be a list of three numbers [µs]; got {shown(beta_us)}.")
    for number in beta_us:
        check_number(f"{where}.beta_us", number, 0, 1e9, "µs")
    if params["stop_by_token"]:
        raise ConfigError(f"{where}.stop_by_token must be false: here an output ends by its length; got True.")
    return params


def _row(where: str, mapping: object) -> Row:
    given = check_keys(where, mapping, ("arrival_us", "prompt", "output", "priority"), ("arrival_us", "prompt", "output"))
    return Row(
        check_int(f"{where}.arrival_us", given["arrival_us"], 0, 2**53, "µs"),
        _tokens(f"{where}.prompt", given["prompt"]),
        _tokens(f"{where}.output", given["output"]),
        check_int(f"{where}.priority", given.get("priority", 0), -(2**20), 2**20),
    )


def _tokens(where: str, tokens: object) -> list[int]:
    if not isinstance(tokens, list) or not tokens:
        raise ConfigError(f"{where} must be a list of at least one token; got {shown(tokens)}.")
    try:
        numbers = np.array(tokens)
    except ValueError:
        numbers = np.array([])
    if numbers.dtype.kind != "i" or numbers.ndim != 1:
        raise ConfigError(f"{where} must be a list of ints; got {shown(tokens)}.")
    return tokens
