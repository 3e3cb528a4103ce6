"""Requests of a configuration of inference-perf: shared prefixes or drawn lengths, in stages of a rate or of users.

Format: the YAML file of kubernetes-sigs/inference-perf with `data` (of type shared_prefix, random or synthetic; or
`shared_prefix` alone) and `load: {type, stages}`. A stage sends rate x duration requests, or `num_requests` by
`concurrency_level` users. With shared prefixes they walk through all prompts of all groups in one shuffled order, again
and again; in a multi-turn chat a prompt that comes again repeats its conversation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from blis.foundation.checks import check_int
from blis.foundation.errors import ConfigError
from blis.foundation.randomness import stream
from blis.foundation.strict_yaml import read_yaml, with_line
from blis.foundation.units import Int64Vector
from blis.workload.inference_perf.document import Configuration, Drawn, SharedPrefix, configuration_from_mapping
from blis.workload.labels import Labels
from blis.workload.logs.options import document_options
from blis.workload.logs.recognition import YAML, Head
from blis.workload.prefixes.keys import PrefixKeys, keys_of_groups
from blis.workload.requests import Requests
from blis.workload.table import requests_of, timeline


@dataclass(frozen=True, slots=True)
class Params:
    """A whole document, and what replaces its own figures."""

    configuration: Configuration  #: from `path`
    path: Path | None = None  #: where it was read
    rate: float | None = None  #: > 0 [requests/s], time is scaled to this mean rate
    num_requests: int | None = None  #: ≥ 1, only the first ones; None for all
    horizon_us: int | None = None  #: ≥ 1 [µs], arrivals lie before it; None for none

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, object]) -> "Params":
        """Check `path`, `rate` and `num_requests`, and the whole document."""
        options = document_options(where, mapping)
        path, rate = options["path"], options["rate"]
        try:
            configuration = configuration_from_mapping(str(path), read_yaml(path), rate)
        except ConfigError as error:
            raise with_line(path, error) from error
        if rate is not None and configuration.load.is_closed:
            raise ConfigError(f"{where}.rate has no meaning, since the load is a number of users; leave it out.")
        return cls(configuration, **options)


class _Prompts(NamedTuple):
    """n requests, in order."""

    input_tokens: Int64Vector
    output_tokens: Int64Vector
    columns: dict[str, Any]  #: further ones of `requests_of`
    keys: PrefixKeys


def recognises(head: Head) -> bool:
    """Whether a path is such a document."""
    return head.form == YAML and "load" in head.names and bool({"shared_prefix", "data"} & set(head.names))


def generate(params: Params, seed: int, block_size_tokens: int) -> Requests:
    """Make the requests.

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
    configuration = params.configuration
    come = configuration.load.arrivals(seed, configuration.prompts.output.mean)
    line = timeline("workload", come.times_us, params.rate, params.num_requests)
    n = len(line.order)
    if params.horizon_us:
        n = int(np.searchsorted(line.arrival_us, params.horizon_us))
        if n == 0:
            raise ConfigError(f"workload: no request arrives before the horizon of {params.horizon_us} µs.")
    if isinstance(configuration.prompts, Drawn):
        prompts = _drawn(configuration.prompts, n, seed, block_size_tokens)
    else:
        prompts = _shared(configuration.prompts, n, seed, block_size_tokens)
    return requests_of(
        arrival_us=line.arrival_us[:n],
        input_tokens=prompts.input_tokens,
        output_tokens=prompts.output_tokens,
        keys=prompts.keys,
        block_size_tokens=block_size_tokens,
        after=None if come.after is None else come.after[:n],
        think_us=None if come.think_us is None else come.think_us[:n],
        **prompts.columns,
        notes=configuration.notes,
    )


def _drawn(plan: Drawn, n: int, seed: int, block_size_tokens: int) -> _Prompts:
    input_tokens = np.maximum(plan.question.draw(stream(seed, "workload", "question"), n), 1)
    output_tokens = plan.output.draw(stream(seed, "workload", "output"), n)
    nothing = np.zeros(n, np.int64)
    keys = keys_of_groups(input_tokens, output_tokens, nothing - 1, nothing, block_size_tokens)
    return _Prompts(input_tokens, output_tokens, {}, keys)


def _shared(plan: SharedPrefix, n: int, seed: int, block_size_tokens: int) -> _Prompts:
    n_prompts = plan.groups * plan.prompts_per_group
    shuffled = stream(seed, "workload", "prompts").permutation(n_prompts)
    row = np.arange(n)
    prompt = shuffled[row % n_prompts]
    group = prompt // plan.prompts_per_group
    prefix_tokens = plan.system.draw(stream(seed, "workload", "system"), plan.groups)[group]
    question = plan.question.draw(stream(seed, "workload", "question"), n_prompts)[prompt]
    output_tokens = plan.output.draw(stream(seed, "workload", "output"), n_prompts)[prompt]
    turn = row // n_prompts
    again = turn > 0
    input_tokens = np.maximum(prefix_tokens + question, 1)
    columns: dict[str, Any] = {}
    if plan.is_chat:
        repeated = turn * (question + output_tokens) + np.where(again, prefix_tokens, 0)
        input_tokens = np.where(again, repeated + question, input_tokens)
        context, repeated = np.where(again, row - n_prompts, -1), repeated
        names = tuple(f"user-{k}" for k in range(min(n, n_prompts)))
        columns = {"session": Labels((row % n_prompts).astype(np.int32), names), "turn": turn.astype(np.int32)}
    else:
        context, repeated = np.where(again, row % n_prompts, -1), np.where(again, input_tokens, 0)
    keys = keys_of_groups(input_tokens, output_tokens, group, prefix_tokens, block_size_tokens, context, repeated)
    names = tuple(f"group-{k}" for k in range(plan.groups))
    columns |= {"prefix_group": Labels(group.astype(np.int32), names), "prefix_tokens": prefix_tokens}
    return _Prompts(input_tokens, output_tokens, columns, keys)
