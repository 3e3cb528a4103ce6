"""Scenarios that blis and vLLM's own scheduler can both replay: an engine's parameters, and requests as tokens."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from blis.cluster.speculative import MOST_DRAFT_TOKENS
from blis.foundation.checks import check_choice, check_flag, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.files import check_path
from blis.foundation.words import shown
from experiments.vllm_oracle.recording import read_json

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
    "draft_tokens": 0,  # vLLM's num_speculative_tokens
    "accepted_tokens": 0.0,  # of them, in the mean
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
    return scenarios_of(str(where), found)


def scenarios_of(where: str, listed: list[Any]) -> list[Scenario]:
    """The scenarios in plain data; errors are those of `read_scenarios`."""
    scenarios: dict[str, Scenario] = {}
    for place, mapping in enumerate(listed):
        one = _scenario(f"{where}: [{place}]", mapping)
        if one.name in scenarios:
            raise ConfigError(f"{where}: two scenarios are called {one.name!r}.")
        scenarios[one.name] = one
    return list(scenarios.values())


def changed(scenario: Scenario, changes: dict[str, str]) -> Scenario:
    """The scenario with other parameters, given as JSON.

    Raises
    ------
    ConfigError
        If a parameter is unknown or a value wrong.
    """
    values = {}
    for name, text in changes.items():
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return replace(scenario, params=_params("command line", scenario.params | values))


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
    for place, row in enumerate(requests):
        if len(row.prompt) + len(row.output) > params["max_model_len"]:
            raise ConfigError(
                f"{where}.requests[{place}]: prompt and output must have at most {params['max_model_len']} tokens, "
                f"max_model_len; got {len(row.prompt) + len(row.output)}."
            )
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
    drafts = check_int(f"{where}.draft_tokens", params["draft_tokens"], 0, MOST_DRAFT_TOKENS, "tokens")
    check_number(f"{where}.accepted_tokens", params["accepted_tokens"], 0, drafts, "tokens")
    beta_us = params["beta_us"]
    if not isinstance(beta_us, list) or len(beta_us) != 3:
        raise ConfigError(f"{where}.beta_us must be a list of three numbers [µs]; got {shown(beta_us)}.")
    for number in beta_us:
        check_number(f"{where}.beta_us", number, 0, 1e9, "µs")
    if params["stop_by_token"]:
        raise ConfigError(f"{where}.stop_by_token must be false: here an output ends by its length; got True.")
    return params


def _row(where: str, mapping: object) -> Row:
    # `accepted` tells vLLM's side what blis draws anyhow.
    keys = ("arrival_us", "prompt", "output", "priority", "accepted")
    given = check_keys(where, mapping, keys, ("arrival_us", "prompt", "output"))
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
