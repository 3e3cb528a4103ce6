"""Requests of a shared-prefix specification as inference-perf has it: groups of prompts with one system prompt each.

Format: the YAML file of kubernetes-sigs/inference-perf with `data: {type: shared_prefix, shared_prefix: {...}}` (or
`shared_prefix` alone) and `load: {type, stages}`. A stage sends rate x duration requests, which walk through all
prompts of all groups in one shuffled order, again and again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.randomness import stream
from blis.foundation.strict_yaml import read_yaml
from blis.foundation.units import US_PER_S, Float64Vector
from blis.workload.drawing.lengths import LONGEST_TOKENS
from blis.workload.labels import Labels
from blis.workload.logs.options import document_options
from blis.workload.logs.recognition import YAML, Head
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import MOST_REQUESTS, Requests
from blis.workload.table import requests_of, timeline

LOADS = ("constant", "poisson")
#: Sections of such a file that say how requests are sent and measured.
UNUSED_SECTIONS = ("api", "server", "tokenizer", "metrics", "storage", "report", "circuit_breakers")
UNUSED_LOAD_KEYS = ("num_workers", "worker_max_concurrency", "worker_max_tcp_connections", "request_timeout")
PREFIX_KEYS = ("num_groups", "num_prompts_per_group", "system_prompt_len", "question_len", "output_len")


class Stage(NamedTuple):
    """A time of one rate."""

    rate: float  #: > 0 [requests/s]
    duration_s: float  #: > 0 [s]

    @property
    def n_requests(self) -> int:
        """Requests that the stage sends."""
        return round(self.rate * self.duration_s)


@dataclass(frozen=True, slots=True)
class Params:
    """A whole document, and what replaces its own figures."""

    num_groups: int  #: ≥ 1
    num_prompts_per_group: int  #: ≥ 1
    system_prompt_tokens: int  #: ≥ 0 [tokens], shared by a group
    question_tokens: int  #: ≥ 0 [tokens], one prompt's own; not both 0
    output_tokens: int  #: ≥ 0 [tokens]
    load: str  #: constant: gaps of 1/rate; poisson: uniform times, a Poisson process given its count
    stages: tuple[Stage, ...]
    interval_s: float  #: ≥ 0 [s], pause between stages
    notes: tuple[str, ...]  #: what was accepted but has no effect
    rate: float | None = None  #: > 0 [requests/s], time is scaled to this mean rate
    num_requests: int | None = None  #: ≥ 1, only the first ones; None for all

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, object]) -> "Params":
        """Check `path`, `rate` and `num_requests`, and the whole document."""
        options = document_options(where, mapping)
        return _params(str(options["path"]), options.pop("path"), **options)


def recognises(head: Head) -> bool:
    """Whether a path is such a document."""
    return head.form == YAML and bool({"shared_prefix", "data"} & set(head.names))


def generate(params: Params, seed: int, block_size_tokens: int) -> Requests:
    """Make the requests: a prompt that comes again is the same from its first token to its last.

    Parameters
    ----------
    params : Params
    seed : int ≥ 0
    block_size_tokens : int ≥ 1

    Returns
    -------
    Requests
        Prefix group group-K of each system prompt.
    """
    check_int("block_size_tokens", block_size_tokens, 1, unit="tokens")
    times_us = _times_us(params, seed)
    n_prompts = params.num_groups * params.num_prompts_per_group
    shuffled = stream(seed, "workload", "prompts").permutation(n_prompts)
    row = np.arange(len(times_us))
    group = shuffled[row % n_prompts] // params.num_prompts_per_group
    again = row >= n_prompts
    prompt_tokens = params.system_prompt_tokens + params.question_tokens
    input_tokens = np.full(len(row), prompt_tokens, np.int64)
    output_tokens = np.full(len(row), params.output_tokens, np.int64)
    prefix_tokens = np.full(len(row), params.system_prompt_tokens, np.int64)
    line = timeline("workload", times_us, params.rate, params.num_requests)
    kept = slice(len(line.order))
    keys = keys_of_groups(
        input_tokens[kept],
        output_tokens[kept],
        group[kept],
        prefix_tokens[kept],
        block_size_tokens,
        np.where(again, row % n_prompts, -1)[kept],
        np.where(again, prompt_tokens, 0)[kept],
    )
    names = tuple(f"group-{k}" for k in range(params.num_groups))
    return requests_of(
        arrival_us=line.arrival_us,
        input_tokens=input_tokens[kept],
        output_tokens=output_tokens[kept],
        keys=keys,
        block_size_tokens=block_size_tokens,
        prefix_group=Labels(group[kept].astype(np.int32), names),
        prefix_tokens=prefix_tokens[kept],
        notes=params.notes,
    )


def _times_us(params: Params, seed: int) -> Float64Vector:
    """Arrivals of all stages, increasing [µs]."""
    times = []
    start_s = 0.0
    for number, stage in enumerate(params.stages):
        if params.load == "constant":
            within_s = np.arange(stage.n_requests) / stage.rate
        else:
            uniform = stream(seed, "workload", "stage", number).random(stage.n_requests)
            within_s = np.sort(uniform) * stage.duration_s
        times.append(start_s + within_s)
        start_s += stage.duration_s + params.interval_s
    return np.concatenate(times) * US_PER_S


def _params(where: str, path: Path, rate: float | None, num_requests: int | None) -> Params:
    document = check_keys(where, read_yaml(path), ("data", "shared_prefix", "load", *UNUSED_SECTIONS), ("load",))
    if ("data" in document) == ("shared_prefix" in document):
        raise ConfigError(f"{where} must have exactly one of data and shared_prefix.")
    at, prefix = f"{where}.shared_prefix", document.get("shared_prefix")
    if "data" in document:
        data = check_keys(f"{where}.data", document["data"], ("type", "shared_prefix"), ("type", "shared_prefix"))
        check_choice(f"{where}.data.type", data["type"], ("shared_prefix",))
        at, prefix = f"{where}.data.shared_prefix", data["shared_prefix"]
    prefix = check_keys(at, prefix, PREFIX_KEYS, PREFIX_KEYS)
    groups, prompts = (check_int(f"{at}.{key}", prefix[key], 1, MOST_REQUESTS) for key in PREFIX_KEYS[:2])
    system, question, output = (
        check_int(f"{at}.{key}", prefix[key], 0, LONGEST_TOKENS, "tokens") for key in PREFIX_KEYS[2:]
    )
    if system + question == 0 or groups * prompts > MOST_REQUESTS:
        raise ConfigError(
            f"{at} must have prompts of at least 1 token, and at most {MOST_REQUESTS} of them; got {dict(prefix)!r}."
        )
    at = f"{where}.load"
    load = check_keys(at, document["load"], ("type", "stages", "interval", *UNUSED_LOAD_KEYS), ("type", "stages"))
    unused = [key for key in document if key in UNUSED_SECTIONS]
    unused += [f"load.{key}" for key in load if key in UNUSED_LOAD_KEYS]
    return Params(
        num_groups=groups,
        num_prompts_per_group=prompts,
        system_prompt_tokens=system,
        question_tokens=question,
        output_tokens=output,
        load=check_choice(f"{at}.type", load["type"], LOADS),
        stages=_stages(f"{at}.stages", load["stages"]),
        interval_s=check_number(f"{at}.interval", load.get("interval", 0), 0, unit="s"),
        notes=(f"{where}: no effect here have {', '.join(unused)}",) if unused else (),
        rate=rate,
        num_requests=num_requests,
    )


def _stages(where: str, value: object) -> tuple[Stage, ...]:
    if not isinstance(value, list) or not value:
        raise ConfigError(f"{where} must be a list of at least one stage {{rate, duration}}; got {value!r}.")
    stages = []
    for number, entry in enumerate(value):
        at = f"{where}[{number}]"
        given = check_keys(at, entry, ("rate", "duration"), ("rate", "duration"))
        rate = check_number(f"{at}.rate", given["rate"], above=0, unit="requests/s")
        stages.append(Stage(rate, check_number(f"{at}.duration", given["duration"], above=0, unit="s")))
    expected = sum(stage.rate * stage.duration_s for stage in stages)
    if expected > MOST_REQUESTS or sum(stage.n_requests for stage in stages) == 0:
        raise ConfigError(f"{where} must send 1 to {MOST_REQUESTS} requests in all; got {expected:g}.")
    return tuple(stages)
