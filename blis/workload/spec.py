"""Requests of several clients, each with its own rate, arrivals, lengths, tenant, SLO class, prefixes and sessions."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from blis.checks import check_int
from blis.errors import ConfigError
from blis.units import US_PER_S, Float64Vector, Int64Vector
from blis.workload import servegen
from blis.workload.arrivals import NORMALIZED
from blis.workload.client_sources import (
    EVERYTHING,
    Exactly,
    Moment,
    Origin,
    Rows,
    Sessions,
    Singles,
    Source,
    Starts,
    Users,
)
from blis.workload.labels import Labels, number_names
from blis.workload.lengths import Constant
from blis.workload.nested_prefixes import keys_of_texts
from blis.workload.network import Network
from blis.workload.prefix_texts import PrefixTexts, draw_texts
from blis.workload.recorded import check_options
from blis.workload.requests import Requests
from blis.workload.sessions import Pause, SessionPlan
from blis.workload.spec_client import Client
from blis.workload.spec_document import Specification, specification_from_mapping
from blis.workload.strict_yaml import read_yaml, with_line
from blis.workload.table import requests_of, whole_microseconds

MOST_REQUESTS = 50_000_000  #: more than a horizon can mean on purpose
#: A user without a plan sends one request after another, at once.
ONE_BY_ONE = SessionPlan(rounds=Constant(1), think_time=Pause(Constant(0), 1), context_tokens=0)


@dataclass(frozen=True, slots=True)
class Params:
    """Which document, and what replaces its own figures."""

    specification: Specification  #: from `path` (a YAML file) or `spec` (the same, inline)
    path: Path | None = None  #: where it was read
    rate: float | None = None  #: > 0 [requests/s], replaces aggregate_rate
    num_requests: int | None = None  #: ≥ 1, replaces the document's cap

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, object]) -> "Params":
        """Check `path` or `spec` (exactly one), `rate` and `num_requests`, and the whole document."""
        options = check_options(where, mapping, more=("spec",), needs_path=False)
        path, inline = options["path"], options.pop("spec", None)
        if (path is None) == (inline is None):
            raise ConfigError(
                f"{where} must have exactly one of path and spec; got {'neither' if path is None else 'both'}."
            )
        if path is None:
            specification = _checked(f"{where}.spec", inline, options["num_requests"])
        else:
            document = read_yaml(path)
            try:
                specification = _checked(str(path), document, options["num_requests"])
            except ConfigError as error:
                raise with_line(path, error) from error
        has_no_rate = specification.aggregate_rate is None and specification.recording is None
        if options["rate"] is not None and has_no_rate:
            raise ConfigError(f"{where}.rate has no meaning, since every client has a concurrency; leave it out.")
        return cls(specification=specification, **options)


def _checked(where: str, document: object, num_requests: int | None) -> Specification:
    specification = specification_from_mapping(where, document)
    if not (num_requests or specification.num_requests or specification.is_finite):
        if specification.has_users:
            raise ConfigError(f"{where}: num_requests must be > 0 where a client has a concurrency; got none.")
        raise ConfigError(f"{where}: num_requests or horizon must be > 0; got neither.")
    return specification


def generate(params: Params, seed: int, block_size_tokens: int) -> Requests:
    """Draw each client's requests from streams of its own, merge them, then apply the cap.

    The first arrival of a client is one gap after 0. A client's draws do not depend on the cap, on the other
    clients' lengths, or on the seed that the document may hold.

    Parameters
    ----------
    params : Params
    seed : int ≥ 0
    block_size_tokens : int ≥ 1

    Returns
    -------
    Requests

    Raises
    ------
    ConfigError
        If the horizon leaves no request, or far too many.
    """
    check_int("block_size_tokens", block_size_tokens, 1, unit="tokens")
    document = params.specification
    if document.recording is not None:
        return _recorded(params, document.recording, seed, block_size_tokens)
    clients = document.clients
    texts, choices = draw_texts((client.prefixes for client in clients), seed)
    origins = [Origin(client, choices[k], seed, k) for k, client in enumerate(clients)]
    cap = params.num_requests or document.num_requests
    sources = _sources(params, origins, cap or MOST_REQUESTS)
    order = _kept_rows(sources, cap or MOST_REQUESTS, float(document.horizon_us or np.inf))
    if len(order) == 0:
        raise ConfigError("workload: no request arrives" + _before_the_horizon(document) + ".")
    if not cap and len(order) >= MOST_REQUESTS:
        raise ConfigError(f"workload: the horizon allows more than {MOST_REQUESTS} requests; give num_requests.")
    notes = document.notes
    if len(order) < cap and document.is_finite:
        notes += (f"{len(order)} of {cap} requests: the clients end before there are more",)
    return _requests(document, sources, order, texts, block_size_tokens, notes)


def _before_the_horizon(document: Specification) -> str:
    return f" before the horizon of {document.horizon_us} µs" if document.horizon_us else ""


def _recorded(params: Params, recording: servegen.Params, seed: int, block_size_tokens: int) -> Requests:
    """Requests of recorded clients, with what replaces the document's figures."""
    recording = replace(
        recording,
        rate=params.rate or recording.rate,
        num_requests=params.num_requests or recording.num_requests,
    )
    requests = servegen.generate(recording, seed, block_size_tokens)
    return replace(requests, notes=(*params.specification.notes, *requests.notes))


def _sources(params: Params, origins: list[Origin], cap: int) -> list[Source]:
    """One source for each client, with about as many requests as will be needed."""
    document = params.specification
    total_rate = params.rate or document.aggregate_rate or 0.0
    fractions = [origin.client.rate_fraction for origin in origins]
    shares = np.array(fractions) / (sum(fractions) or 1.0)
    counts = _exact_counts(params, shares * total_rate)
    sources: list[Source] = []
    for origin, share, exact in zip(origins, shares.tolist(), counts, strict=True):
        client, rate = origin.client, share * total_rate
        if client.concurrency:
            plan = client.sessions or ONE_BY_ONE
            each = min(cap / client.concurrency / plan.expected_requests, cap) + 2
            sources.append(Users(origin, plan, client.concurrency, int(each)))
            continue
        expected = min(cap * share, _work_us(client, document.horizon_us) * rate / US_PER_S)
        n = int(min(cap, expected + 4 * expected**0.5 + 16))
        if client.sessions is None:
            sources.append(Singles(origin, Starts(origin, rate, exact), n))
        else:
            requests_each = client.sessions.expected_requests
            starts = Starts(origin, rate / requests_each, None)
            sources.append(Sessions(origin, client.sessions, starts, int(n / requests_each) + 16))
    return sources


def _work_us(client: Client, horizon_us: int) -> float:
    """How long the client sends, on the clock of its profile; infinite if it never ends."""
    end_us = min(horizon_us or math.inf, client.lifecycle.end_us, client.profile.end_us)
    return float(client.profile.work_us(np.array([end_us]))[0]) if end_us < math.inf else math.inf


def _exact_counts(params: Params, rates: Float64Vector) -> list[Exactly | None]:
    """What each client with the process `normalized` sends: its share of num_requests, or of rate times horizon."""
    document = params.specification
    clients, horizon_us = document.clients, float(document.horizon_us)
    total_rate = float(rates.sum())
    if total_rate == 0:
        return [None] * len(clients)
    number = params.num_requests or document.num_requests or total_rate * horizon_us / US_PER_S
    ends = np.rint(np.cumsum(rates) / total_rate * number).astype(np.int64)  # so that all shares add up
    counts = np.diff(ends, prepend=0).tolist()
    exact: list[Exactly | None] = []
    for client, n in zip(clients, counts, strict=True):
        work_us = number / total_rate * US_PER_S
        if horizon_us:
            work_us = float(client.profile.work_us(np.array([horizon_us]))[0])
        exact.append(Exactly(n, work_us) if client.arrival.process == NORMALIZED else None)
    return exact


def _kept_rows(sources: list[Source], cap: int, end_us: float) -> Int64Vector:
    """The requests of all sources, one source after another, that are kept, in order of arrival."""
    while True:
        times_us = np.concatenate([source.times_us for source in sources])
        place = np.concatenate([source.place for source in sources])
        order = np.lexsort((place, times_us)) if place.any() else np.argsort(times_us, kind="stable")
        stop: Moment = EVERYTHING
        if len(order) >= cap:
            stop = (float(times_us[order[cap - 1]]), float(place[order[cap - 1]]))
        stop = min(stop, (end_us, -1.0))
        short = [source for source in sources if source.complete < stop]
        if not short:
            break
        for source in short:
            source.grow()
    is_follow_up = np.repeat([s.is_follow_up for s in sources], [len(s.times_us) for s in sources]) & (place > 0)
    order = order[(times_us < end_us)[order] | is_follow_up[order]]
    kept: Int64Vector = order[:cap]
    return kept


def _requests(
    document: Specification,
    sources: list[Source],
    order: Int64Vector,
    texts: PrefixTexts,
    block_size_tokens: int,
    notes: tuple[str, ...],
) -> Requests:
    """The kept requests of all clients as one table."""
    clients = document.clients
    n_rows = np.array([len(source.times_us) for source in sources])
    source_of = np.repeat(np.arange(len(sources)), n_rows)[order]
    counts = np.bincount(source_of, minlength=len(sources))
    parts = [source.rows(int(count)) for source, count in zip(sources, counts, strict=True)]
    times_us = np.concatenate([source.times_us for source in sources])[order]
    # `parts` are one after another, each in the order in which its rows are kept
    within = np.argsort(source_of, kind="stable")
    at = np.empty(len(order), np.int64)
    at[within] = np.arange(len(order))
    previous = _previous(parts, counts, within)[at]

    def column(name: str) -> np.ndarray:
        return np.concatenate([getattr(part.columns, name) for part in parts])[at]

    def new_tokens(name: str) -> np.ndarray:
        return np.concatenate([getattr(part.columns.prompt, name) for part in parts])[at]

    input_tokens, output_tokens = column("input_tokens"), column("output_tokens")
    text, prefix_tokens = column("text"), column("prefix_tokens")
    context_tokens = column("context_tokens")
    keys = keys_of_texts(
        texts,
        input_tokens,
        output_tokens,
        text,
        prefix_tokens,
        block_size_tokens,
        np.where(context_tokens > 0, previous, -1),
        context_tokens,
    )
    is_closed = np.array([client.is_closed for client in clients])[source_of]
    after = np.where(is_closed, previous, -1)
    return requests_of(
        arrival_us=whole_microseconds("workload.aggregate_rate", times_us),
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        keys=keys,
        block_size_tokens=block_size_tokens,
        slo_class=_labels_of([client.slo_class for client in clients], source_of),
        tenant=_labels_of([client.tenant for client in clients], source_of),
        session=_sessions_of(document, source_of, column("session")),
        turn=column("turn").astype(np.int32),
        prefix_group=_used(text, texts.names),
        prefix_tokens=prefix_tokens,
        after=after,
        think_us=np.where(after >= 0, column("pause_us"), 0),
        image_tokens=new_tokens("image"),
        audio_tokens=new_tokens("audio"),
        video_tokens=new_tokens("video"),
        reason_ratio=column("reason_ratio"),
        client=Labels(source_of.astype(np.int32), tuple(client.name for client in clients)),
        streaming=np.array([client.streaming for client in clients])[source_of],
        networks=_networks([client.network for client in clients]),
        notes=notes,
    )


def _previous(parts: list[Rows], counts: Int64Vector, within: Int64Vector) -> Int64Vector:
    """Row of the whole table that each row of the concatenated parts comes after, -1 for none."""
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    previous = np.concatenate(
        [np.where(part.previous >= 0, part.previous + start, -1) for part, start in zip(parts, starts, strict=True)]
    )
    rows: Int64Vector = np.where(previous >= 0, within[previous], -1)
    return rows


def _networks(networks: list[Network]) -> tuple[Network, ...]:
    """The clients' networks, or nothing if there is none to speak of."""
    return tuple(networks) if any(network != Network() for network in networks) else ()


def _labels_of(names: list[str], source_of: Int64Vector) -> Labels:
    """Labels of requests from the names of their clients."""
    labels = number_names(names)
    return Labels(labels.indices[source_of], labels.names)


def _used(indices: Int64Vector, names: tuple[str, ...]) -> Labels:
    """Labels whose names are those in use, in the order of the table."""
    used = np.unique(indices[indices >= 0])
    number = np.full(len(names) + 1, -1, np.int32)  # the last entry is that of no name
    number[used] = np.arange(len(used))
    return Labels(number[indices], tuple(names[index] for index in used.tolist()))


def _sessions_of(document: Specification, source_of: Int64Vector, session: Int64Vector) -> Labels:
    """Sessions by client and number; requests of a client without sessions have none."""
    has_sessions = np.array([client.sessions is not None for client in document.clients])[source_of]
    session = np.where(has_sessions, session, -1)
    n_sessions = int(session.max(initial=-1)) + 1
    rows = np.flatnonzero(session >= 0)
    codes, indices = np.unique(source_of[rows] * n_sessions + session[rows], return_inverse=True)
    column = np.full(len(session), -1, np.int32)
    column[rows] = indices
    clients = [client.name for client in document.clients]
    return Labels(column, tuple(f"{clients[code // n_sessions]}/{code % n_sessions}" for code in codes.tolist()))
