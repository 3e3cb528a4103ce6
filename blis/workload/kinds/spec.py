"""Requests of several clients, each with its own rate, arrivals, lengths, tenant, SLO class, prefixes and sessions."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from blis.foundation.checks import check_int
from blis.foundation.errors import ConfigError
from blis.foundation.strict_yaml import read_yaml, with_line
from blis.foundation.units import US_PER_S, Float64Vector, Int64Vector
from blis.workload.clients.client import Client
from blis.workload.clients.sessions import Pause, SessionPlan
from blis.workload.clients.sources import (
    EVERYTHING,
    Exactly,
    Origin,
    Sessions,
    Singles,
    Source,
    Starts,
    Users,
)
from blis.workload.drawing.arrivals import NORMALIZED
from blis.workload.drawing.lengths import Constant
from blis.workload.kinds import inference_perf, servegen
from blis.workload.logs.options import document_options
from blis.workload.logs.recognition import YAML, Head
from blis.workload.prefixes.texts import draw_texts
from blis.workload.requests import Requests
from blis.workload.servegen.params import Params as ServeGenParams
from blis.workload.specification.document import Specification, specification_from_mapping
from blis.workload.specification.table import table_of

#: Keys of which a document has at least one.
SOURCES = frozenset({"clients", "aggregate_rate", "servegen_data", "cohorts", "inference_perf"})
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
        options = document_options(where, mapping, more=("spec",), needs_path=False)
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
        has_rate = specification.aggregate_rate or specification.recording or specification.benchmark
        if options["rate"] is not None and not has_rate:
            raise ConfigError(f"{where}.rate has no meaning, since every client has a concurrency; leave it out.")
        return cls(specification=specification, **options)


def _checked(where: str, document: object, num_requests: int | None) -> Specification:
    specification = specification_from_mapping(where, document)
    if not (num_requests or specification.num_requests or specification.is_finite):
        if specification.has_users:
            raise ConfigError(f"{where}: num_requests must be > 0 where a client has a concurrency; got none.")
        raise ConfigError(f"{where}: num_requests or horizon must be > 0; got neither.")
    return specification


def recognises(head: Head) -> bool:
    """Whether a path is such a document."""
    return head.form == YAML and bool(SOURCES & set(head.names))


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
    if document.benchmark is not None:
        replayed = inference_perf.Params(
            document.benchmark,
            rate=params.rate,
            num_requests=params.num_requests or document.num_requests or None,
            horizon_us=document.horizon_us or None,
        )
        requests = inference_perf.generate(replayed, seed, block_size_tokens)
        return replace(requests, notes=(*document.notes, *requests.notes))
    clients = document.clients
    texts, choices = draw_texts((client.prefixes for client in clients), seed)
    origins = [
        Origin(client, choices[k], seed, k, float(document.horizon_us or math.inf)) for k, client in enumerate(clients)
    ]
    cap = params.num_requests or document.num_requests
    if not cap:
        _check_expected(params)
    sources = _sources(params, origins, cap or MOST_REQUESTS)
    order = _kept_rows(sources, cap or MOST_REQUESTS)
    if len(order) == 0:
        raise ConfigError("workload: no request arrives" + _before_the_horizon(document) + ".")
    if not cap and len(order) >= MOST_REQUESTS:
        raise ConfigError(f"workload: the horizon allows more than {MOST_REQUESTS} requests; give num_requests.")
    notes = document.notes
    if len(order) < cap and document.is_finite:
        notes += (f"{len(order)} of {cap} requests: the clients end before there are more",)
    return table_of(document, sources, order, texts, block_size_tokens, notes)


def _check_expected(params: Params) -> None:
    """Refuse a horizon that allows far too many requests before they are drawn."""
    document = params.specification
    fractions = sum(client.rate_fraction for client in document.clients) or 1.0
    total_rate = params.rate or document.aggregate_rate or 0.0
    expected = sum(
        _work_us(client, document.horizon_us) * total_rate * client.rate_fraction / fractions / US_PER_S
        for client in document.clients
        if not client.concurrency
    )
    if expected > 1.1 * MOST_REQUESTS:
        raise ConfigError(
            f"workload: the horizon allows more than {MOST_REQUESTS} requests, about {expected:.2g}; give num_requests."
        )


def _before_the_horizon(document: Specification) -> str:
    return f" before the horizon of {document.horizon_us} µs" if document.horizon_us else ""


def _recorded(params: Params, recording: ServeGenParams, seed: int, block_size_tokens: int) -> Requests:
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
    shares = np.array(fractions) / (document.total_fraction or 1.0)
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
            starts = Starts(origin, rate if client.sessions.starts_at_rate else rate / requests_each, None)
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


def _kept_rows(sources: list[Source], cap: int) -> Int64Vector:
    """The first `cap` requests of all sources, counted one source after another, in order of arrival."""
    while True:
        times_us = np.concatenate([source.times_us for source in sources])
        place = np.concatenate([source.place for source in sources])
        order: Int64Vector = np.lexsort((place, times_us)) if place.any() else np.argsort(times_us, kind="stable")
        stop = EVERYTHING
        if len(order) >= cap:
            stop = (float(times_us[order[cap - 1]]), float(place[order[cap - 1]]))
        short = [source for source in sources if source.complete < stop]
        if not short:
            return order[:cap]
        for source in short:
            source.grow()
