"""Requests whose arrivals and lengths are drawn from simple distributions, with presets for common uses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.randomness import stream
from blis.foundation.units import US_PER_S, Int64Vector
from blis.workload.drawing.arrivals import (
    CV_BOUNDS,
    NORMALIZED,
    PROCESSES,
    ArrivalProcess,
    arrival_process,
    draw_gaps,
    normalized_times,
)
from blis.workload.drawing.lengths import LONGEST_TOKENS, Gaussian
from blis.workload.labels import Labels, Mix, check_mix, check_slo_class, draw_mix, popular_names
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import MOST_REQUESTS, Requests
from blis.workload.table import requests_of, whole_microseconds

PRESETS: dict[str, tuple[tuple[int, int, int, int], tuple[int, int, int, int]]] = {
    # prompt, then output: mean, standard deviation, lowest, highest [tokens]
    "chatbot": ((256, 100, 2, 800), (256, 100, 1, 1024)),
    "contentgen": ((1024, 150, 10, 2048), (1024, 200, 10, 2048)),
    "summarization": ((4096, 500, 100, 8192), (512, 150, 10, 2048)),
    "multidoc": ((10240, 1200, 500, 20480), (1536, 300, 50, 4096)),
}
_MIXES = ("slo_classes", "tenants", "models", "adapters")
MOST_GROUPS = 1_000_000  #: each of which has a name
_LENGTH_KEYS = tuple(
    f"{part}_tokens_{figure}" for part in ("prompt", "output") for figure in ("mean", "stdev", "min", "max")
)


@dataclass(frozen=True, slots=True)
class Params:
    """What is drawn, and how much of it."""

    rate: float = 1.0  #: > 0 [requests/s]
    num_requests: int = 100  #: ≥ 1
    arrival: str = "poisson"  #: poisson, constant (the first request at 0), gamma, weibull or normalized
    cv: float = 1.0  #: > 0, coefficient of variation of the gaps; gamma and weibull only
    prompt_tokens_mean: float = 512.0  #: within [min, max] [tokens], shared prefix not included; as those below
    prompt_tokens_stdev: float = 256.0  #: ≥ 0 [tokens]
    prompt_tokens_min: int = 2  #: ≥ 0 [tokens]; a drawn 0 becomes 1
    prompt_tokens_max: int = 7000  #: ≥ min, ≥ 1 [tokens]
    output_tokens_mean: float = 512.0  #: within [min, max] [tokens]
    output_tokens_stdev: float = 256.0  #: ≥ 0 [tokens]
    output_tokens_min: int = 2  #: ≥ 0 [tokens]
    output_tokens_max: int = 7000  #: ≥ min [tokens]
    prefix_groups: int = 0  #: ≥ 0, at most a million, number of groups whose requests begin alike
    prefix_share: float = 1.0  #: [0, 1], fraction of requests that belong to a group
    prefix_tokens: int = 0  #: ≥ 0 [tokens], length of a group's text, on top of the drawn prompt
    slo_classes: Mix = (("", 1.0),)  #: names and weights ≥ 0
    tenants: Mix = (("", 1.0),)  #: names and weights ≥ 0
    models: Mix = (("", 1.0),)  #: that are asked for: names and weights ≥ 0; "" is whichever is served
    adapters: Mix = (("", 1.0),)  #: of the models' weights: names and weights ≥ 0; "" is none

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, object]) -> "Params":
        """Check the keys of `Params`, `preset`, whose lengths explicit keys override, and `adapter_popularity`."""
        given = check_keys(where, mapping, ("preset", "adapter_popularity", *cls.__dataclass_fields__))
        popularity = given.pop("adapter_popularity", None)
        if popularity is not None:
            if given.get("adapters") is not None:
                raise ConfigError(f"{where}: adapters and adapter_popularity must not both be given; got both.")
            given["adapters"] = popular_names(f"{where}.adapter_popularity", popularity, "adapter")
        preset = given.pop("preset", None)
        if preset is not None:
            prompt, output = PRESETS[check_choice(f"{where}.preset", preset, PRESETS)]
            given = {**dict(zip(_LENGTH_KEYS, prompt + output, strict=True)), **given}
        given = {
            **{key: getattr(_DEFAULTS, key) for key in cls.__dataclass_fields__ if key not in given},
            **given,
        }
        for mix in _MIXES:
            if given[mix] is not getattr(_DEFAULTS, mix):
                given[mix] = check_mix(f"{where}.{mix}", given[mix])
        for name, _ in given["slo_classes"]:
            check_slo_class(f"{where}.slo_classes", name)
        arrival = _checked_arrival(where, mapping)
        return cls(
            rate=check_number(f"{where}.rate", given["rate"], above=0, unit="requests/s"),
            num_requests=check_int(f"{where}.num_requests", given["num_requests"], 1, MOST_REQUESTS),
            arrival=arrival.process,
            cv=arrival.cv,
            **_checked_lengths(where, given, "prompt", 1),
            **_checked_lengths(where, given, "output", 0),
            **_checked_prefix(where, given),
            slo_classes=given["slo_classes"],
            tenants=given["tenants"],
            models=given["models"],
            adapters=given["adapters"],
        )


_DEFAULTS = Params()


def generate(params: Params, seed: int, block_size_tokens: int) -> Requests:
    """Draw the requests; see `Params`.

    Parameters
    ----------
    params : Params
    seed : int ≥ 0
    block_size_tokens : int ≥ 1

    Returns
    -------
    Requests, in order of arrival. The draws of one column do not depend on the parameters of another.
    """
    check_int("block_size_tokens", block_size_tokens, 1, unit="tokens")
    n = params.num_requests
    prompt = Gaussian(
        params.prompt_tokens_mean,
        params.prompt_tokens_stdev,
        params.prompt_tokens_min,
        params.prompt_tokens_max,
        1,
    )
    output = Gaussian(
        params.output_tokens_mean,
        params.output_tokens_stdev,
        params.output_tokens_min,
        params.output_tokens_max,
        0,
    )
    group, prefix_tokens = _draw_groups(params, seed)
    input_tokens = prompt.draw(stream(seed, "workload", "input"), n)
    input_tokens += prefix_tokens
    output_tokens = output.draw(stream(seed, "workload", "output"), n)
    return requests_of(
        arrival_us=_draw_arrivals(params, seed),
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        keys=keys_of_groups(input_tokens, output_tokens, group, prefix_tokens, block_size_tokens),
        block_size_tokens=block_size_tokens,
        slo_class=draw_mix(stream(seed, "workload", "slo_class"), params.slo_classes, n),
        tenant=draw_mix(stream(seed, "workload", "tenant"), params.tenants, n),
        model=_named(draw_mix(stream(seed, "workload", "model"), params.models, n)),
        adapter=_named(draw_mix(stream(seed, "workload", "adapter"), params.adapters, n)),
        prefix_group=Labels(group.astype(np.int32), tuple(f"group-{k}" for k in range(params.prefix_groups))),
        prefix_tokens=prefix_tokens,
    )


def _named(drawn: Labels) -> Labels:
    """The labels with no name in the place of an empty one."""
    kept = [name for name in drawn.names if name]
    number = np.array([kept.index(name) if name else -1 for name in drawn.names], np.int32)
    return Labels(number[drawn.indices], tuple(kept))


def _draw_arrivals(params: Params, seed: int) -> Int64Vector:
    if params.arrival == "constant":
        times_us = np.arange(params.num_requests, dtype=np.float64) * (US_PER_S / params.rate)
    elif params.arrival == NORMALIZED:
        duration_us = params.num_requests * US_PER_S / params.rate
        times_us = normalized_times(stream(seed, "workload", "arrivals"), params.num_requests) * duration_us
    else:
        process = ArrivalProcess(params.arrival, params.cv)
        random = stream(seed, "workload", "arrivals")
        gaps_us = draw_gaps(random, process, params.rate, params.num_requests)
        times_us = gaps_us.cumsum()
    return whole_microseconds("workload.rate", times_us)


def _draw_groups(params: Params, seed: int) -> tuple[Int64Vector, Int64Vector]:
    """Group (-1 none) and length of its text of each request."""
    if params.prefix_groups == 0:
        return np.full(params.num_requests, -1), np.zeros(params.num_requests, np.int64)
    random = stream(seed, "workload", "prefix_group")
    is_member = random.random(params.num_requests) < params.prefix_share
    group = np.where(is_member, random.integers(params.prefix_groups, size=params.num_requests), -1)
    return group, np.where(is_member, params.prefix_tokens, 0)


def _checked_arrival(where: str, mapping: Mapping[str, object]) -> ArrivalProcess:
    cv = mapping.get("cv")
    arrival = arrival_process(f"{where}.arrival", mapping.get("arrival", "poisson"), cv, f"{where}.cv")
    if cv is not None and arrival.process not in CV_BOUNDS and arrival.cv != 1.0:
        raise ConfigError(
            f"{where}.cv has no meaning for arrival {arrival.process!r}; got {cv!r}. "
            f"Choose arrival gamma or weibull (choices: {', '.join(PROCESSES)})."
        )
    return arrival


def _checked_lengths(where: str, given: dict[str, Any], part: str, least: int) -> dict[str, Any]:
    at = f"{part}_tokens"
    lowest = check_int(f"{where}.{at}_min", given[f"{at}_min"], 0, LONGEST_TOKENS, "tokens")
    highest = check_int(f"{where}.{at}_max", given[f"{at}_max"], max(lowest, least), LONGEST_TOKENS, "tokens")
    return {
        f"{at}_mean": check_number(f"{where}.{at}_mean", given[f"{at}_mean"], lowest, highest, "tokens"),
        f"{at}_stdev": check_number(f"{where}.{at}_stdev", given[f"{at}_stdev"], 0, unit="tokens"),
        f"{at}_min": lowest,
        f"{at}_max": highest,
    }


def _checked_prefix(where: str, given: dict[str, Any]) -> dict[str, Any]:
    groups = check_int(f"{where}.prefix_groups", given["prefix_groups"], 0, MOST_GROUPS)
    tokens = check_int(f"{where}.prefix_tokens", given["prefix_tokens"], 0, LONGEST_TOKENS, "tokens")
    if (groups == 0) != (tokens == 0):
        raise ConfigError(
            f"{where}.prefix_groups and {where}.prefix_tokens must be given together; got {groups} and {tokens}."
        )
    share = check_number(f"{where}.prefix_share", given["prefix_share"], 0, 1)
    return {"prefix_groups": groups, "prefix_share": share, "prefix_tokens": tokens}
