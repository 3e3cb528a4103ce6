"""The multi-client workload document, checked in full before anything is drawn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blis.checks import check_choice, check_int, check_keys, check_number
from blis.errors import ConfigError
from blis.workload.arrivals import ArrivalProcess, arrival_process_from_mapping
from blis.workload.labels import check_slo_class
from blis.workload.lengths import LONGEST_TOKENS, Lengths, lengths_from_mapping
from blis.workload.requests import MOST_REQUESTS

CATEGORIES = ("language", "multimodal", "reasoning")
DEFAULT_PREFIX_TOKENS = 50  #: of a prefix group, as the reference draws it
_DOCUMENT_KEYS = ("version", "seed", "category", "aggregate_rate", "horizon", "num_requests", "clients")
_CLIENT_KEYS = (
    *(
        "id",
        "tenant_id",
        "slo_class",
        "rate_fraction",
        "arrival",
        "input_distribution",
        "output_distribution",
    ),
    *("prefix_group", "prefix_length", "streaming"),
)
_LATER_DOCUMENT_KEYS = ("servegen_data",)
_LATER_CLIENT_KEYS = ("network", "lifecycle", "multimodal", "reasoning")


@dataclass(frozen=True, slots=True)
class Client:
    """One source of requests."""

    name: str
    tenant: str
    slo_class: str
    rate_fraction: float  #: > 0, relative to the other clients'
    arrival: ArrivalProcess
    input_lengths: Lengths
    output_lengths: Lengths
    prefix_group: str  #: "" for none
    prefix_tokens: int  #: ≥ 0 [tokens], on top of the drawn prompt


@dataclass(frozen=True, slots=True)
class Specification:
    """A whole document."""

    aggregate_rate: float  #: > 0 [requests/s], of all clients together
    horizon_us: int  #: ≥ 0 [µs], arrivals lie before it; 0 for none
    num_requests: int  #: ≥ 0, cap on all clients together; 0 for none
    clients: tuple[Client, ...]
    notes: tuple[str, ...]  #: what was accepted but has no effect


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
        Naming the path of the first key or value that is wrong, or not supported yet.
    """
    given = _without_later(where, mapping, _LATER_DOCUMENT_KEYS)
    given = check_keys(where, given, _DOCUMENT_KEYS, required=("aggregate_rate", "clients"))
    if str(given.get("version", "1")) != "1":
        raise ConfigError(f'{where}.version must be "1"; got {given["version"]!r}.')
    if given.get("category"):
        check_choice(f"{where}.category", given["category"], CATEGORIES)
    notes: tuple[str, ...] = ()
    if given.get("seed") is not None:
        check_int(f"{where}.seed", given["seed"])
        notes = (f"the document's own seed {given['seed']} is not used: the run's seed is",)
    clients = given["clients"]
    if not isinstance(clients, list) or not clients:
        raise ConfigError(f"{where}.clients must be a list of at least one client; got {clients!r}.")
    return Specification(
        aggregate_rate=check_number(f"{where}.aggregate_rate", given["aggregate_rate"], above=0, unit="requests/s"),
        horizon_us=check_int(f"{where}.horizon", _or_zero(given.get("horizon")), 0, unit="µs"),
        num_requests=check_int(f"{where}.num_requests", _or_zero(given.get("num_requests")), 0, MOST_REQUESTS),
        clients=tuple(_client(f"{where}.clients[{k}]", k, client) for k, client in enumerate(clients)),
        notes=notes,
    )


def _client(where: str, position: int, mapping: object) -> Client:
    given = _without_later(where, mapping, _LATER_CLIENT_KEYS)
    required = ("rate_fraction", "arrival", "input_distribution", "output_distribution")
    given = check_keys(where, given, _CLIENT_KEYS, required)
    streaming = given.get("streaming")
    if streaming is not None and not isinstance(streaming, bool):
        raise ConfigError(f"{where}.streaming must be true or false; got {streaming!r}.")
    group = _text(where, given, "prefix_group")
    if not group and given.get("prefix_length") is not None:
        raise ConfigError(f"{where}.prefix_length needs a prefix_group; got {given['prefix_length']!r} without one.")
    length = given.get("prefix_length")
    prefix_tokens = DEFAULT_PREFIX_TOKENS if length is None else length
    return Client(
        name=_text(where, given, "id") or f"client-{position}",
        tenant=_text(where, given, "tenant_id"),
        slo_class=check_slo_class(f"{where}.slo_class", given.get("slo_class")),
        rate_fraction=check_number(f"{where}.rate_fraction", given["rate_fraction"], above=0),
        arrival=arrival_process_from_mapping(f"{where}.arrival", given["arrival"]),
        input_lengths=lengths_from_mapping(f"{where}.input_distribution", given["input_distribution"], 1),
        output_lengths=lengths_from_mapping(f"{where}.output_distribution", given["output_distribution"], 0),
        prefix_group=group,
        prefix_tokens=check_int(f"{where}.prefix_length", prefix_tokens, 1, LONGEST_TOKENS, "tokens") if group else 0,
    )


def _text(where: str, given: Mapping[str, Any], key: str) -> str:
    value = given.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, str | int)):
        raise ConfigError(f"{where}.{key} must be a text; got {value!r}.")
    return "" if value is None else str(value)


def _or_zero(value: object) -> object:
    return 0 if value is None else value


def _without_later(where: str, mapping: object, later: tuple[str, ...]) -> object:
    """The mapping without absent (null or empty) keys of later work; a present one is an error."""
    if not isinstance(mapping, Mapping):
        return mapping
    for key in later:
        if mapping.get(key):
            raise ConfigError(f"{where}.{key} is not supported yet; got {mapping[key]!r}. Leave it out.")
    return {key: value for key, value in mapping.items() if key not in later}
