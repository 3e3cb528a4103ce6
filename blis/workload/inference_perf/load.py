"""When a load sends its requests: stages of a rate, or of a number of users who wait for their answers."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.randomness import stream
from blis.foundation.units import US_PER_S, Float64Vector, Int64Vector
from blis.workload.clients.client import CLOSED_US_PER_OUTPUT_TOKEN, MOST_USERS
from blis.workload.requests import MOST_REQUESTS

LOADS = ("constant", "poisson", "concurrent")
#: Keys that say how requests are sent and measured.
UNUSED_KEYS = (
    *("num_workers", "worker_max_concurrency", "worker_max_tcp_connections", "request_timeout", "request_retries"),
    *("request_retry_backoff_sec", "stage_teardown_grace_seconds", "circuit_breakers", "base_seed"),
    "lora_traffic_split",
)
_KEYS = ("type", "stages", "interval", "sweep", "trace", *UNUSED_KEYS)
_SWEEP_KEYS = ("type", "num_requests", "timeout", "num_stages", "stage_duration", "saturation_percentile")


class Stage(NamedTuple):
    """A time of one rate, or a number of requests of so many users."""

    rate: float = 0.0  #: > 0 [requests/s]
    duration_s: float = 0.0  #: > 0 [s]
    users: int = 0  #: ≥ 1, then rate and duration do not count
    by_users: int = 0  #: ≥ 1 requests

    @property
    def n_requests(self) -> int:
        """Requests that the stage sends."""
        return self.by_users or round(self.rate * self.duration_s)


class Arrivals(NamedTuple):
    """When n requests come, in order."""

    times_us: Float64Vector  #: (n,) non-decreasing; estimates where users wait
    after: Int64Vector | None = None  #: (n,) request that must end first, -1 for none
    think_us: Int64Vector | None = None  #: (n,) from that end on


class Load(NamedTuple):
    """Stages, one after another."""

    kind: str  #: constant: gaps of 1/rate; poisson: uniform times, a Poisson process given its count; concurrent
    stages: tuple[Stage, ...]
    interval_s: float = 0.0  #: ≥ 0 [s], pause between stages

    @property
    def is_closed(self) -> bool:
        """Whether requests wait for answers."""
        return self.kind == "concurrent"

    def arrivals(self, seed: int, output_tokens: float) -> Arrivals:
        """Times of all requests, whose answers have about `output_tokens` tokens."""
        return self._users(output_tokens) if self.is_closed else Arrivals(self._times_us(seed))

    def _times_us(self, seed: int) -> Float64Vector:
        times = []
        start_s = 0.0
        for number, stage in enumerate(self.stages):
            if self.kind == "constant":
                within_s = np.arange(stage.n_requests) / stage.rate
            else:
                uniform = stream(seed, "workload", "stage", number).random(stage.n_requests)
                within_s = np.sort(uniform) * stage.duration_s
            times.append(start_s + within_s)
            start_s += stage.duration_s + self.interval_s
        return np.concatenate(times) * US_PER_S

    def _users(self, output_tokens: float) -> Arrivals:
        """A user sends the next request when the answer is there; a stage begins after the last of the one before."""
        answer_us = output_tokens * CLOSED_US_PER_OUTPUT_TOKEN
        times, after, think = [], [], []
        start_us, n = 0.0, 0
        for number, stage in enumerate(self.stages):
            turn = np.arange(stage.n_requests) // stage.users
            times.append(start_us + turn * answer_us)
            waits = np.where(turn > 0, n + np.arange(stage.n_requests) - stage.users, n - 1)
            after.append(waits)
            pause_us = self.interval_s * US_PER_S if number else 0.0
            think.append(np.where(turn > 0, 0, round(pause_us)))
            n += stage.n_requests
            start_us = float(times[-1][-1]) + answer_us + self.interval_s * US_PER_S
        return Arrivals(np.concatenate(times), np.concatenate(after), np.concatenate(think))


def load_from_mapping(where: str, mapping: object, rate: float | None) -> Load:
    """The load in a section; `rate` is what the user wants instead of a sweep that looks for rates.

    Raises
    ------
    ConfigError
    """
    given = {key: value for key, value in check_keys(where, mapping, _KEYS).items() if value is not None}
    kind = check_choice(f"{where}.type", given.get("type", "constant"), LOADS)
    if "trace" in given:
        raise ConfigError(f"{where}.trace must be left out: convert or replay the trace itself, by its own format.")
    stages = given.get("stages")
    if not stages and "sweep" in given:
        stages = [_stage_of_sweep(f"{where}.sweep", given["sweep"], rate)]
    interval_s = check_number(f"{where}.interval", given.get("interval", 0), 0, unit="s")
    return Load(kind, _stages(f"{where}.stages", stages, kind), interval_s)


def _stage_of_sweep(where: str, mapping: object, rate: float | None) -> dict[str, Any]:
    sweep = check_keys(where, mapping, _SWEEP_KEYS)
    if rate is None:
        raise ConfigError(
            f"{where} looks for rates on a server, which is not here: workload.rate must be given; got none."
        )
    return {"rate": rate, "duration": sweep.get("stage_duration", 180)}


def _stages(where: str, value: object, kind: str) -> tuple[Stage, ...]:
    if not isinstance(value, list) or not value:
        raise ConfigError(f"{where} must be a list of at least one stage {{rate, duration}}; got {value!r}.")
    stages = tuple(_stage(f"{where}[{number}]", entry, kind) for number, entry in enumerate(value))
    expected = sum(stage.by_users or stage.rate * stage.duration_s for stage in stages)
    if expected > MOST_REQUESTS or sum(stage.n_requests for stage in stages) == 0:
        raise ConfigError(f"{where} must send 1 to {MOST_REQUESTS} requests in all; got {expected:g}.")
    return stages


def _stage(where: str, entry: object, kind: str) -> Stage:
    keys = ("num_requests", "concurrency_level") if kind == "concurrent" else ("rate", "duration")
    given = entry
    if isinstance(entry, Mapping):
        given = {key: value for key, value in entry.items() if value is not None}
    checked = check_keys(where, given, keys, keys)
    if kind == "concurrent":
        count = check_int(f"{where}.num_requests", checked["num_requests"], 1, MOST_REQUESTS)
        return Stage(
            users=check_int(f"{where}.concurrency_level", checked["concurrency_level"], 1, MOST_USERS), by_users=count
        )
    rate = check_number(f"{where}.rate", checked["rate"], above=0, unit="requests/s")
    return Stage(rate, check_number(f"{where}.duration", checked["duration"], above=0, unit="s"))
