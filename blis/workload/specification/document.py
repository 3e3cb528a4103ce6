"""The multi-client workload document, checked in full before anything is drawn."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.workload.clients.client import Client, client_from_mapping
from blis.workload.clients.profiles import CONSTANT, profile_from_mapping
from blis.workload.inference_perf.document import Configuration, configuration_of_section
from blis.workload.prefixes.texts import check_families
from blis.workload.requests import MOST_REQUESTS
from blis.workload.servegen import params as servegen
from blis.workload.specification.cohorts import expanded

VERSIONS = ("1", "2")
LARGEST_RATIO = 1e9  #: of two rate fractions; a smaller share of the traffic is a slip of the pen
MOST_NAMES = 5  #: of clients in a note
CATEGORIES = ("language", "multimodal", "reasoning")
_KEYS = (
    *("version", "seed", "category", "aggregate_rate", "horizon", "num_requests", "profile", "clients"),
    *("servegen_data", "inference_perf"),
)


@dataclass(frozen=True, slots=True)
class Specification:
    """A whole document."""

    aggregate_rate: float | None  #: > 0 [requests/s], of all clients together; None if none sends at a rate
    horizon_us: int  #: ≥ 0 [µs], arrivals lie before it; 0 for none
    num_requests: int  #: ≥ 0, cap on all clients together; 0 for none
    clients: tuple[Client, ...]
    notes: tuple[str, ...]  #: what was accepted but has no effect
    total_fraction: float = 0.0  #: the rate fraction that would have the aggregate rate
    recording: servegen.Params | None = None  #: recorded clients, where the document has none of its own
    benchmark: Configuration | None = None  #: of inference-perf, where the document has no clients

    @property
    def has_users(self) -> bool:
        """Whether a client has a number of users instead of a rate."""
        return any(client.concurrency for client in self.clients)

    @property
    def is_finite(self) -> bool:
        """Whether the requests come to an end without a cap."""
        if self.recording is not None or self.benchmark is not None:
            return True
        ends = (min(client.lifecycle.end_us, client.profile.end_us) for client in self.clients)
        return not self.has_users and (self.horizon_us > 0 or max(ends) < math.inf)


def specification_from_mapping(where: str, mapping: object) -> Specification:
    """Check a document.

    Parameters
    ----------
    where : str
        Place of the document: the file, or the key that holds it.
    mapping : object
        The parsed YAML.

    Returns
    -------
    Specification

    Raises
    ------
    ConfigError
        Naming the path of the first key or value that is wrong.
    """
    version = str(mapping.get("version") or VERSIONS[0]) if isinstance(mapping, Mapping) else VERSIONS[0]
    if version not in VERSIONS:
        raise ConfigError(f'{where}.version must be "{VERSIONS[0]}" or "{VERSIONS[1]}"; got {version!r}.')
    given, notes = check_keys(where, mapping, (*_KEYS, "cohorts") if version == VERSIONS[1] else _KEYS), list[str]()
    if version == VERSIONS[1]:
        given, more_notes = expanded(where, given)
        notes += more_notes
    if "clients" not in given and not given.get("servegen_data") and not given.get("inference_perf"):
        check_keys(where, given, _KEYS, required=("clients",))
    if given.get("category"):
        check_choice(f"{where}.category", given["category"], CATEGORIES)
    if given.get("seed") is not None:
        check_int(f"{where}.seed", given["seed"])
        notes.append(f"the document's own seed {given['seed']} is not used: the run's seed is")
    documents, recorded, benchmark = (given.get(key) for key in ("clients", "servegen_data", "inference_perf"))
    if benchmark and (documents or recorded):
        raise ConfigError(f"{where} must have one of clients, servegen_data and inference_perf; got more.")
    if (documents or not (recorded or benchmark)) and (not isinstance(documents, list) or not documents):
        raise ConfigError(f"{where}.clients must be a list of at least one client; got {documents!r}.")
    if documents and recorded:
        notes.append("servegen_data has no effect beside clients")
    rate = given.get("aggregate_rate")
    if rate is not None:
        rate = check_number(f"{where}.aggregate_rate", rate, above=0, unit="requests/s")
    horizon_us = check_int(f"{where}.horizon", _or_zero(given.get("horizon")), 0, unit="µs")
    num_requests = check_int(f"{where}.num_requests", _or_zero(given.get("num_requests")), 0, MOST_REQUESTS)
    if not documents and given.get("profile") is not None:
        raise ConfigError(f"{where}.profile has no meaning for recorded clients; leave it out.")
    if benchmark:
        if rate is not None:
            notes.append("aggregate_rate has no effect beside inference_perf, whose stages have rates")
        configuration = configuration_of_section(f"{where}.inference_perf", benchmark)
        return Specification(None, horizon_us, num_requests, (), tuple(notes), benchmark=configuration)
    if not documents:
        recording = servegen.params_of_document(f"{where}.servegen_data", recorded, rate, num_requests, horizon_us)
        return Specification(rate, horizon_us, num_requests, (), tuple(notes), recording=recording)
    profile = given.get("profile")
    profile = CONSTANT if profile is None else profile_from_mapping(f"{where}.profile", profile)
    clients = tuple(
        client_from_mapping(f"{where}.clients[{position}]", position, client, profile)
        for position, client in enumerate(documents)
    )
    clients = _with_different_names(clients)
    _check_together(where, clients, rate, horizon_us)
    notes += _notes(clients, documents)
    return Specification(
        aggregate_rate=rate,
        horizon_us=horizon_us,
        num_requests=num_requests,
        clients=clients,
        notes=tuple(notes),
        total_fraction=_total_fraction(clients, only_together=version == VERSIONS[1]),
    )


def _total_fraction(clients: tuple[Client, ...], only_together: bool) -> float:
    """What rate fractions are parts of: their sum; in version 2 the largest sum of those who are active together."""
    fractions = np.array([client.rate_fraction for client in clients])
    starts = [start for client in clients for start, _ in client.lifecycle.windows_us]
    if not only_together or not starts:
        return float(fractions.sum())
    moments = np.unique([0, *starts]).astype(np.float64)
    active = np.array([client.lifecycle.contains(moments) for client in clients])
    return float((fractions @ active).max())


def _with_different_names(clients: tuple[Client, ...]) -> tuple[Client, ...]:
    """The clients, where a name that was given before has the position added: their sessions must not mix."""
    names = [client.name for client in clients]
    return tuple(
        replace(client, name=f"{client.name}#{position}") if client.name in names[:position] else client
        for position, client in enumerate(clients)
    )


def _check_together(where: str, clients: tuple[Client, ...], rate: float | None, horizon_us: int) -> None:
    """What no client can know alone."""
    check_families(where, (client.prefixes for client in clients))
    fractions = [client.rate_fraction for client in clients if not client.concurrency]
    if fractions and (max(fractions) > LARGEST_RATIO * min(fractions) or not sum(fractions) < math.inf):
        raise ConfigError(
            f"{where}.clients must have rate fractions of a finite sum that differ by at most a factor of "
            f"{LARGEST_RATIO:g}; got {min(fractions):g} and {max(fractions):g}."
        )
    if rate is None and not all(client.concurrency for client in clients):
        raise ConfigError(f"{where}: key 'aggregate_rate' is required, unless every client has a concurrency.")
    if rate is not None and all(client.concurrency for client in clients):
        raise ConfigError(f"{where}.aggregate_rate must be left out, since every client has a concurrency; got {rate}.")
    if horizon_us and any(client.concurrency for client in clients):
        raise ConfigError(
            f"{where}.horizon must be left out, since users with a concurrency go on until num_requests; "
            f"got {horizon_us}."
        )


def _notes(clients: tuple[Client, ...], documents: list[Mapping[str, Any]]) -> list[str]:
    unused = [
        client.name
        for client, document in zip(clients, documents, strict=True)
        if client.multimodal and document.get("input_distribution") is not None
    ]
    notes = [f"input_distribution has no effect on multimodal clients: {', '.join(unused)}"] if unused else []
    plans = [client for client in clients if client.sessions and client.sessions.starts_at_rate]
    if plans:
        loops = {True: "a round waits for the answer before it", False: "rounds do not wait for answers (loop: open)"}
        waits = "; ".join(loops[is_closed] for is_closed in sorted({client.is_closed for client in plans}))
        notes.append(f"multi_turn: the rate is that of sessions, not of their rounds; {waits}: {_listed(plans)}")
    return notes


def _listed(clients: list[Client]) -> str:
    names = [client.name for client in clients]
    return ", ".join(names[:MOST_NAMES]) + (f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else "")


def _or_zero(value: object) -> object:
    return 0 if value is None else value
