"""Requests of a ServeGen folder: the recorded clients of a production service, window by window."""

import math
from typing import NamedTuple

import numpy as np

from blis.foundation.checks import check_int
from blis.foundation.errors import ConfigError
from blis.foundation.randomness import stream
from blis.foundation.units import US_PER_S, Float64Vector
from blis.workload.labels import Labels
from blis.workload.logs.recognition import FOLDER, Head
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import MOST_REQUESTS, Requests
from blis.workload.servegen.arrivals import draw_arrivals, draw_counts, too_variable
from blis.workload.servegen.files import PROCESSES, ClientFiles, Windows, find_clients, read_dataset, read_windows
from blis.workload.servegen.lengths import Lengths, draw_lengths
from blis.workload.servegen.params import Params
from blis.workload.table import requests_of, whole_microseconds


def recognises(head: Head) -> bool:
    """Whether a path is such a folder."""
    return head.form == FOLDER


def generate(params: Params, seed: int, block_size_tokens: int) -> Requests:
    """Draw each client's requests from streams of its own, client after client, and merge them.

    Time 0 is the start of the span; no request shares a prefix with another.

    Parameters
    ----------
    params : Params
    seed : int ≥ 0
    block_size_tokens : int ≥ 1

    Returns
    -------
    Requests
        Tenant chunk-N and client servegen-chunk-N, as published workload files name them.

    Raises
    ------
    ConfigError
        Naming the file, and the line or key, of what is wrong; or if the span holds no request, or far too many.
    """
    check_int("block_size_tokens", block_size_tokens, 1, unit="tokens")
    selection = _select(params)
    drawn = [_draw(client, params, selection, seed) for client in selection.clients]
    times_us = np.concatenate([client.times_s for client in drawn])
    times_us = (times_us - selection.start_s) * US_PER_S
    kept = np.argsort(times_us, kind="stable")
    if params.horizon_us is not None:
        kept = kept[: int(np.searchsorted(times_us[kept], params.horizon_us))]
    kept = kept[: params.num_requests]
    if len(kept) == 0:
        raise ConfigError(
            f"{params.path}: the chosen windows must hold at least one request; drew none. Raise the rate."
        )
    client_of = np.repeat(np.arange(len(drawn), dtype=np.int32), [len(client.times_s) for client in drawn])[kept]
    lengths = Lengths(*(np.concatenate(column)[kept] for column in zip(*(c.lengths for c in drawn), strict=True)))
    n = len(kept)
    no_prefix = np.zeros(n, np.int64)
    numbers = [client.files.number for client in selection.clients]
    return requests_of(
        arrival_us=whole_microseconds("workload.span_end_s", times_us[kept]),
        input_tokens=lengths.input_tokens,
        output_tokens=lengths.output_tokens,
        keys=keys_of_groups(lengths.input_tokens, lengths.output_tokens, no_prefix - 1, no_prefix, block_size_tokens),
        block_size_tokens=block_size_tokens,
        image_tokens=lengths.image_tokens,
        audio_tokens=lengths.audio_tokens,
        video_tokens=lengths.video_tokens,
        reason_ratio=lengths.reason_ratio,
        tenant=Labels(client_of, tuple(f"chunk-{number}" for number in numbers)),
        client=Labels(client_of, tuple(f"servegen-chunk-{number}" for number in numbers)),
        notes=(*selection.notes, *_notes_of(drawn, lengths)),
    )


class _Client(NamedTuple):
    """A client with the windows that it takes part in."""

    files: ClientFiles
    windows: Windows


class _Selection(NamedTuple):
    clients: list[_Client]
    start_s: float  #: of the recording, which becomes time 0
    factor: float  #: of all rates
    notes: tuple[str, ...]


class _Drawn(NamedTuple):
    times_s: Float64Vector
    lengths: Lengths
    n_too_variable: int  #: windows whose CV so few requests cannot have


def _select(params: Params) -> _Selection:
    """The windows that have a rate and lengths, for all clients, and what becomes of the others."""
    files = find_clients(params.path)
    if params.clients is not None and params.clients > len(files):
        raise ConfigError(
            f"workload.clients must be at most {len(files)}, the clients in {params.path}; got {params.clients}."
        )
    clients = []
    n_idle = n_empty = n_unnamed = 0
    end_s = 0.0
    for client in files[: params.clients]:
        windows = read_windows(client.trace)
        in_span = (windows.start_s >= (params.span_start_s or 0.0)) & (
            windows.start_s < (params.span_end_s or math.inf)
        )
        windows = windows.kept(in_span)
        end_s = max(end_s, float(windows.start_s.max(initial=0.0)) + windows.window_s)
        active = windows.kept(windows.rate > 0)
        dataset = read_dataset(client.dataset)
        has_lengths = np.array(
            [at >= 0 and dataset.has_lengths(at) for at in dataset.window_of(active.start_s)], np.bool_
        )
        usable = active.kept(has_lengths)
        n_idle += len(windows.rate) - len(active.rate)
        n_empty += len(active.rate) - len(usable.rate)
        n_unnamed += int((usable.process == 0).sum())
        if len(usable.rate):
            clients.append(_Client(client, usable))
    if not clients:
        raise ConfigError(
            f"{params.path}: the chosen windows must hold at least one with a rate > 0 and lengths; there is none."
        )
    start_s = min(float(client.windows.start_s[0]) for client in clients)
    if params.span_start_s is not None:
        start_s = params.span_start_s
    expected = sum(float(client.windows.rate.sum()) * client.windows.window_s for client in clients)
    factor = params.rate_factor
    if params.rate is not None:
        factor = params.rate * (end_s - start_s) / expected
    if factor * expected > MOST_REQUESTS:
        raise ConfigError(
            f"{params.path}: the chosen windows must hold at most {MOST_REQUESTS} requests; expected "
            f"{factor * expected:.3g}. Choose a shorter span or a lower rate."
        )
    notes = [f"time 0 is second {start_s:g} of the recording"]
    if n_idle:
        notes.append(f"{n_idle} windows of {len(files[: params.clients])} clients have rate 0")
    if n_empty:
        notes.append(f"{n_empty} windows have a rate but no lengths (empty tables) and are left out")
    if n_unnamed:
        notes.append(f"{n_unnamed} windows name no process but poisson, or none: their gaps are exponential")
    return _Selection(clients, start_s, factor, tuple(notes))


def _draw(client: _Client, params: Params, selection: _Selection, seed: int) -> _Drawn:
    windows = client.windows
    names = ("workload", "servegen", client.files.number)
    random = stream(seed, *names, "arrivals")
    counts = draw_counts(random, windows.rate * windows.window_s * selection.factor)
    mean_gap_s, cv = windows.window_s / np.maximum(counts, 1), windows.cv
    if params.gaps == "fitted":
        fitted_s, cv = _fitted(client)
        mean_gap_s = np.minimum(mean_gap_s, fitted_s / selection.factor)
    times_s = draw_arrivals(random, windows, counts, mean_gap_s, cv)
    lengths = draw_lengths(read_dataset(client.files.dataset), windows.start_s, counts, seed, names)
    return _Drawn(times_s, lengths, too_variable(windows, counts, cv))


def _fitted(client: _Client) -> tuple[Float64Vector, Float64Vector]:
    """Mean [s] and CV of the gaps by the windows' shape and scale; 1/rate and 1 for exponential gaps."""
    windows = client.windows
    is_named = windows.process > 0
    is_wrong = is_named & ~((windows.shape > 0) & (windows.scale > 0))
    if is_wrong.any():
        line = int(windows.line[is_wrong.argmax()])
        raise ConfigError(
            f"{client.files.trace}, line {line}, columns 5 and 6 (shape, scale): must be > 0 for gaps: fitted; "
            f"got {windows.shape[is_wrong][0]:g} and {windows.scale[is_wrong][0]:g}."
        )
    mean_s, cv = 1 / windows.rate, np.ones(len(windows.rate))
    is_gamma = windows.process == PROCESSES.index("gamma")
    mean_s[is_gamma] = (windows.shape * windows.scale)[is_gamma]
    cv[is_gamma] = windows.shape[is_gamma] ** -0.5
    for at in np.flatnonzero(is_named & ~is_gamma):
        inverse = 1 / float(windows.shape[at])
        mean_s[at] = windows.scale[at] * math.gamma(1 + inverse)
        cv[at] = math.sqrt(math.expm1(math.lgamma(1 + 2 * inverse) - 2 * math.lgamma(1 + inverse)))
    return mean_s, cv


def _notes_of(drawn: list[_Drawn], lengths: Lengths) -> list[str]:
    notes = []
    n_raised = int(lengths.is_raised.sum())
    if n_raised:
        notes.append(f"{n_raised} of {len(lengths.is_raised)} prompts have a recorded length of 0 and are 1 token long")
    n_too_variable = sum(client.n_too_variable for client in drawn)
    if n_too_variable:
        notes.append(
            f"{n_too_variable} windows have too few requests for their recorded CV: it is as high as they allow"
        )
    return notes
