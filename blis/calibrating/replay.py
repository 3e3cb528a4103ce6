"""Sends the requests of a measured run through the simulator: at their times of sending, and as long as observed."""

from dataclasses import dataclass

import numpy as np

from blis.calibrating.measured_run import MeasuredRun
from blis.engine.codes import COMPLETED
from blis.foundation.checks import check_choice
from blis.foundation.errors import ConfigError
from blis.foundation.units import US_PER_MS, BoolVector, Float64Vector, Int64Vector
from blis.metrics.network import BITS_PER_TOKEN
from blis.outcome import Outcome
from blis.workload.labels import Labels
from blis.workload.network import Network
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import Requests
from blis.workload.table import requests_of

#: What becomes of requests that failed: they are left out, or those that had got output load the simulated server with
#: as much of it.
FAILED = ("drop", "replay")


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """The requests of a measured run for the simulator."""

    requests: Requests
    row: Int64Vector  #: (len(requests),) which measured request each of them is


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What clients of the simulated cluster would have seen; one entry per measured request, NaN where nothing came."""

    was_sent: BoolVector
    is_completed: BoolVector
    sent_us: Float64Vector  #: as measured
    ttft_us: Float64Vector  #: from sending
    e2e_us: Float64Vector  #: from sending
    waited_us: Float64Vector  #: from arrival to being taken from the queue
    interval_us: Int64Vector  #: (k,) distinct times between two tokens, ascending; none unless steps were recorded
    interval_tokens: Int64Vector  #: (k,) how many there are of each


def replay_of(run: MeasuredRun, block_size_tokens: int, failed: str = "drop") -> Replay:
    """The requests that the simulator gets.

    Closed loops and sessions need no rule of their own: each request arrives when it was really sent.

    Parameters
    ----------
    run : MeasuredRun
    block_size_tokens : int ≥ 1
        Of the simulated cluster.
    failed : str
        One of FAILED.

    Raises
    ------
    ConfigError
        If no request is left.
    """
    check_choice("failed", failed, FAILED)
    counts = run.is_ok | ((run.output_tokens > 0) & (failed == "replay"))
    row = np.flatnonzero(counts & (run.input_tokens > 0))
    if not len(row):
        raise ConfigError(f"{run.path} must hold a request with a prompt that was answered; it has none.")
    input_tokens, output_tokens = run.input_tokens[row], run.output_tokens[row]
    group = _of(run.prefix_group, row)
    keys = keys_of_groups(
        input_tokens, output_tokens, group.indices.astype(np.int64), run.prefix_tokens[row], block_size_tokens
    )
    requests = requests_of(
        arrival_us=run.sent_us[row],
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        keys=keys,
        block_size_tokens=block_size_tokens,
        number=row.copy(),
        slo_class=_of(run.slo_class, row),
        session=_of(run.session, row),
        prefix_group=group,
        prefix_tokens=run.prefix_tokens[row],
        streaming=run.streaming[row],
        adapter=_of(run.adapter, row),
    )
    return Replay(requests, row)


def seen_by_clients(run: MeasuredRun, replay: Replay, outcome: Outcome, network: Network) -> Seen:
    """The simulated times as clients behind a network measure them.

    A prompt takes its way up before the server has it, and an output its way down; a round trip is there once, as in
    `blis.metrics.network`.
    """
    n, done = len(run), outcome.requests
    is_completed = done.status == COMPLETED
    up_us = _on_the_way_us(replay.requests.input_tokens, network) + network.rtt_us
    down_us = _on_the_way_us(replay.requests.output_tokens, network)
    has_first = is_completed & (done.ttft_us >= 0)
    return Seen(
        was_sent=_spread(n, replay.row, np.ones(len(replay.row), np.bool_), False),
        is_completed=_spread(n, replay.row, is_completed, False),
        sent_us=run.sent_us.astype(np.float64),
        ttft_us=_spread(n, replay.row, np.where(has_first, done.ttft_us + up_us, np.nan), np.nan),
        e2e_us=_spread(n, replay.row, np.where(is_completed, done.e2e_us + up_us + down_us, np.nan), np.nan),
        waited_us=_spread(n, replay.row, np.where(is_completed, done.scheduling_delay_us, np.nan), np.nan),
        interval_us=outcome.interval_us,
        interval_tokens=outcome.interval_tokens,
    )


def network_of(rtt_ms: float | None, bandwidth_mbps: float | None, run: MeasuredRun) -> Network:
    """The network that is added to the simulator's times: as told, else the round trip that the run itself says."""
    told_ms = run.rtt_ms if rtt_ms is None else rtt_ms
    return Network((told_ms or 0.0) * US_PER_MS, bandwidth_mbps or 0.0)


def _of(labels: Labels, row: Int64Vector) -> Labels:
    return Labels(labels.indices[row], labels.names)


def _on_the_way_us(tokens: Int64Vector, network: Network) -> Float64Vector:
    """Time that so many tokens take on the network: four bytes each."""
    if network.bandwidth_mbps <= 0:
        return np.zeros(len(tokens))
    return np.asarray(tokens * BITS_PER_TOKEN / network.bandwidth_mbps, np.float64)  # 10⁶ bit/s = bit/µs


def _spread(n: int, row: Int64Vector, values: np.ndarray, otherwise: float | bool) -> np.ndarray:
    """Values of the replayed requests at the places of the measured ones."""
    spread = np.full(n, otherwise, dtype=values.dtype)
    spread[row] = values
    return spread
