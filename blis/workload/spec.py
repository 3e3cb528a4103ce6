"""Requests of several clients, each with its own rate, arrivals, lengths, tenant, SLO class and prefix."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blis.checks import check_int
from blis.errors import ConfigError
from blis.randomness import stream
from blis.units import Float64Vector, Int64Vector
from blis.workload.arrivals import draw_gaps
from blis.workload.labels import Labels, number_names
from blis.workload.prefix_keys import keys_of_groups
from blis.workload.recorded import check_options
from blis.workload.requests import Requests
from blis.workload.spec_document import Client, Specification, specification_from_mapping
from blis.workload.strict_yaml import read_yaml
from blis.workload.table import requests_of, whole_microseconds

MOST_REQUESTS = 50_000_000  #: more than a horizon can mean on purpose


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
            document, at = inline, f"{where}.spec"
        else:
            document, at = read_yaml(path), str(path)
        specification = specification_from_mapping(at, document)
        if not (options["num_requests"] or specification.num_requests or specification.horizon_us):
            raise ConfigError(f"{at}: num_requests or horizon must be > 0; got neither.")
        return cls(specification=specification, **options)


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
    clients = document.clients
    times_us = _draw_arrivals(params, seed)
    counts = np.array([len(times) for times in times_us])
    if counts.sum() == 0:
        raise ConfigError(f"workload: no request arrives before the horizon of {document.horizon_us} µs.")

    order = np.argsort(np.concatenate(times_us), kind="stable")
    client_of = np.repeat(np.arange(len(clients)), counts)[order]
    prefix_tokens = np.array([client.prefix_tokens for client in clients], np.int64)[client_of]
    input_tokens = _draw_lengths(clients, counts, seed, "input")[order] + prefix_tokens
    output_tokens = _draw_lengths(clients, counts, seed, "output")[order]
    group = _labels_of([client.prefix_group for client in clients], client_of, empty_is_none=True)
    keys = keys_of_groups(input_tokens, output_tokens, group.indices.astype(np.int64), prefix_tokens, block_size_tokens)
    return requests_of(
        arrival_us=whole_microseconds("workload.aggregate_rate", np.concatenate(times_us)[order]),
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        keys=keys,
        block_size_tokens=block_size_tokens,
        slo_class=_labels_of([client.slo_class for client in clients], client_of),
        tenant=_labels_of([client.tenant for client in clients], client_of),
        prefix_group=group,
        prefix_tokens=prefix_tokens,
        notes=document.notes,
    )


def _draw_arrivals(params: Params, seed: int) -> list[Float64Vector]:
    """Arrival times of each client [µs], cut to the horizon and to the cap on all of them."""
    document = params.specification
    cap = params.num_requests or document.num_requests or MOST_REQUESTS
    total = sum(client.rate_fraction for client in document.clients)
    sources = [
        _Source(client, (params.rate or document.aggregate_rate) * client.rate_fraction / total, position, seed)
        for position, client in enumerate(document.clients)
    ]
    end_us = float(document.horizon_us or np.inf)
    for source in sources:
        expected = min(cap * source.rate / (params.rate or document.aggregate_rate), end_us * source.rate / 1e6)
        source.extend(int(min(cap, expected + 4 * expected**0.5 + 16)))
    while True:
        drawn = np.concatenate([source.times_us for source in sources])
        last_us = np.partition(drawn, cap - 1)[cap - 1] if len(drawn) >= cap else np.inf
        stop_us = min(float(last_us), end_us)
        short = [s for s in sources if s.times_us[-1] < stop_us and len(s.times_us) < cap]
        if not short:
            break
        for source in short:
            source.extend(min(cap, 2 * len(source.times_us)) - len(source.times_us))
    times_us = [source.times_us[source.times_us < end_us] for source in sources]
    if not (params.num_requests or document.num_requests) and sum(map(len, times_us)) >= MOST_REQUESTS:
        raise ConfigError(f"workload: the horizon allows more than {MOST_REQUESTS} requests; give num_requests.")
    kept = np.argsort(np.concatenate(times_us), kind="stable")[:cap]
    source_of = np.repeat(np.arange(len(sources)), [len(times) for times in times_us])[kept]
    return [
        times[:count] for times, count in zip(times_us, np.bincount(source_of, minlength=len(sources)), strict=True)
    ]


class _Source:
    """Arrivals of one client, drawn as far as they are needed."""

    def __init__(self, client: Client, rate: float, position: int, seed: int) -> None:
        self.rate = rate
        self.times_us: Float64Vector = np.zeros(0)
        self._arrival = client.arrival
        self._random = stream(seed, "workload", "client", position, "arrivals")

    def extend(self, n: int) -> None:
        """Draw `n` further arrivals; the sum goes on where it stopped, so the pieces do not show."""
        gaps_us = draw_gaps(self._random, self._arrival, self.rate, n)
        if len(self.times_us):
            gaps_us = np.concatenate((self.times_us[-1:], gaps_us))
        self.times_us = np.concatenate((self.times_us[:-1], gaps_us.cumsum()))


def _draw_lengths(clients: tuple[Client, ...], counts: Int64Vector, seed: int, part: str) -> Int64Vector:
    """Lengths of all clients' requests, client after client."""
    return np.concatenate(
        [
            (client.input_lengths if part == "input" else client.output_lengths).draw(
                stream(seed, "workload", "client", position, part), int(count)
            )
            for position, (client, count) in enumerate(zip(clients, counts, strict=True))
        ]
    )


def _labels_of(names: list[str], client_of: Int64Vector, empty_is_none: bool = False) -> Labels:
    """Labels of requests from the names of their clients."""
    labels = number_names(names, empty_is_none)
    return Labels(labels.indices[client_of], labels.names)
