"""One client of a workload document: what it sends, how often, and when it waits for answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.workload.clients.lifecycle import Lifecycle, lifecycle_from_mapping
from blis.workload.clients.modalities import Multimodal, multimodal_from_mapping
from blis.workload.clients.profiles import Profile, profile_from_mapping
from blis.workload.clients.reasoning import Reasoning, reasoning_from_mapping
from blis.workload.clients.sessions import (
    LONGEST_PAUSE_US,
    Pause,
    SessionPlan,
    multi_turn_from_mapping,
    sessions_from_mapping,
)
from blis.workload.drawing.arrivals import NORMALIZED, ArrivalProcess, arrival_process_from_mapping
from blis.workload.drawing.lengths import LONGEST_TOKENS, Constant, Lengths, lengths_from_mapping
from blis.workload.labels import check_slo_class
from blis.workload.network import Network, network_from_mapping
from blis.workload.prefixes.texts import PrefixPlan, prefix_plan_from_list, single_text

DEFAULT_PREFIX_TOKENS = 50  #: of a prefix group, as the reference draws it
MOST_USERS = 1_000_000
#: Estimated duration of an answer in a closed loop, per token: it decides which requests a cap keeps, and nothing
#: about when they come. 100 tokens/s is what people are served at.
CLOSED_US_PER_OUTPUT_TOKEN = 10_000
LOOPS = ("open", "closed")

_TIMING_KEYS = ("rate_fraction", "arrival", "profile", "lifecycle")  #: of clients that send at a rate
_KEYS = (
    *("id", "tenant_id", "slo_class", *_TIMING_KEYS, "loop", "concurrency", "estimated_us_per_output_token"),
    *("input_distribution", "output_distribution", "multimodal", "reasoning", "sessions"),
    *("prefix_group", "prefix_length", "prefix_groups", "prefix_share", "streaming", "network"),
    *("think_time_us", "model", "adapter"),
)


@dataclass(frozen=True, slots=True)
class Client:
    """One source of requests."""

    name: str
    tenant: str
    slo_class: str
    model: str  #: that it asks for; "": whichever is served
    adapter: str  #: of that model's weights; "": none
    streaming: bool
    network: Network
    rate_fraction: float  #: > 0, relative to the other clients'; 0 if it has a number of users instead
    arrival: ArrivalProcess  #: of its requests, or of the starts of its sessions
    profile: Profile  #: factor on its rate over time
    lifecycle: Lifecycle  #: when it is active
    concurrency: int  #: number of users, each with at most one request at a time; 0 if it sends at a rate
    is_closed: bool  #: whether follow-up requests wait for the answer in the simulation
    input_lengths: Lengths | None  #: None if the prompt is multimodal
    multimodal: Multimodal | None
    output_lengths: Lengths
    reasoning: Reasoning
    sessions: SessionPlan | None  #: None if requests do not follow each other
    prefixes: PrefixPlan  #: texts that prompts begin with, on top of the drawn prompt
    estimated_us_per_output_token: float  #: ≥ 0, of an answer until the next pause begins


def client_from_mapping(where: str, position: int, mapping: object, profile: Profile) -> Client:
    """Check one client.

    Parameters
    ----------
    where : str
        Its place in the document.
    position : int
        Among the clients, for a name.
    mapping : object
    profile : Profile
        The document's, which holds unless the client has its own.

    Raises
    ------
    ConfigError
    """
    given = check_keys(where, mapping, _KEYS)
    given = {key: value for key, value in given.items() if value is not None}
    users = given.get("concurrency")
    required = ["output_distribution"] if "multimodal" in given else ["input_distribution", "output_distribution"]
    if users is None:
        required = ["rate_fraction", "arrival", *required]
    check_keys(where, given, _KEYS, required)
    sessions = _sessions(where, given)
    is_closed = _is_closed(where, given, sessions)
    arrival = _arrival(where, given, sessions)
    own_profile, lifecycle, network = (given.get(key) for key in ("profile", "lifecycle", "network"))
    inputs, multimodal = given.get("input_distribution"), given.get("multimodal")
    input_lengths = None if inputs is None else lengths_from_mapping(f"{where}.input_distribution", inputs, 1)
    fraction = 0.0 if users is not None else check_number(f"{where}.rate_fraction", given["rate_fraction"], above=0)
    return Client(
        name=_text(where, given, "id") or f"client-{position}",
        tenant=_text(where, given, "tenant_id"),
        model=_text(where, given, "model"),
        adapter=_text(where, given, "adapter"),
        slo_class=check_slo_class(f"{where}.slo_class", given.get("slo_class")),
        streaming=_flag(where, given, "streaming"),
        network=Network() if network is None else network_from_mapping(f"{where}.network", network),
        rate_fraction=fraction,
        arrival=arrival,
        profile=profile if own_profile is None else profile_from_mapping(f"{where}.profile", own_profile),
        lifecycle=Lifecycle() if lifecycle is None else lifecycle_from_mapping(f"{where}.lifecycle", lifecycle),
        concurrency=0 if users is None else check_int(f"{where}.concurrency", users, 1, MOST_USERS),
        is_closed=is_closed,
        input_lengths=None if multimodal is not None else input_lengths,
        multimodal=None if multimodal is None else multimodal_from_mapping(f"{where}.multimodal", multimodal),
        output_lengths=lengths_from_mapping(f"{where}.output_distribution", given["output_distribution"], 0),
        reasoning=reasoning_from_mapping(f"{where}.reasoning", given.get("reasoning", {})),
        sessions=sessions,
        prefixes=_prefixes(where, given),
        estimated_us_per_output_token=_estimate(where, given, sessions, is_closed),
    )


def _sessions(where: str, given: Mapping[str, Any]) -> SessionPlan | None:
    reasoning = given.get("reasoning")
    turns = reasoning.get("multi_turn") if isinstance(reasoning, Mapping) else None
    if "sessions" in given and turns is not None:
        raise ConfigError(f"{where} must have at most one of sessions and reasoning.multi_turn; got both.")
    if "think_time_us" in given:
        if "concurrency" not in given or turns is not None or "sessions" in given:
            raise ConfigError(f"{where}.think_time_us needs concurrency, without sessions; sessions have their own.")
        pause_us = check_int(f"{where}.think_time_us", given["think_time_us"], 0, LONGEST_PAUSE_US, "µs")
        return SessionPlan(rounds=Constant(1), think_time=Pause(Constant(pause_us), 1), context_tokens=0)
    if "sessions" in given:
        return sessions_from_mapping(f"{where}.sessions", given["sessions"])
    return None if turns is None else multi_turn_from_mapping(f"{where}.reasoning.multi_turn", turns)


def _is_closed(where: str, given: Mapping[str, Any], sessions: SessionPlan | None) -> bool:
    """Whether the loop is closed; users who send one request at a time always wait for the answer.

    The published form of sessions waits too, unless the loop is open.
    """
    has_users = "concurrency" in given
    usual = "closed" if has_users or (sessions is not None and sessions.starts_at_rate) else "open"
    loop = check_choice(f"{where}.loop", given.get("loop", usual), LOOPS)
    if has_users:
        for key in _TIMING_KEYS:
            if key in given:
                raise ConfigError(f"{where}.{key} must be left out, since concurrency decides when requests come.")
        if loop == "open":
            raise ConfigError(f"{where}.loop must be closed where concurrency is given; got 'open'.")
    elif loop == "closed" and sessions is None:
        raise ConfigError(f"{where}.loop can be closed only with sessions or concurrency; got neither.")
    return loop == "closed"


def _arrival(where: str, given: Mapping[str, Any], sessions: SessionPlan | None) -> ArrivalProcess:
    if "concurrency" in given:
        return ArrivalProcess()
    arrival = arrival_process_from_mapping(f"{where}.arrival", given["arrival"])
    if sessions is not None and arrival.process == NORMALIZED:
        raise ConfigError(f"{where}.arrival.process {NORMALIZED!r} counts requests, so it must not have sessions.")
    return arrival


def _estimate(where: str, given: Mapping[str, Any], sessions: SessionPlan | None, is_closed: bool) -> float:
    key = "estimated_us_per_output_token"
    if key in given:
        return check_number(f"{where}.{key}", given[key], 0, unit="µs")
    if is_closed:
        return CLOSED_US_PER_OUTPUT_TOKEN
    return sessions.estimated_us_per_output_token if sessions else 0.0


def _prefixes(where: str, given: Mapping[str, Any]) -> PrefixPlan:
    group = _text(where, given, "prefix_group")
    if group and "prefix_groups" in given:
        raise ConfigError(f"{where} must have at most one of prefix_group and prefix_groups; got both.")
    if not group and "prefix_length" in given:
        raise ConfigError(f"{where}.prefix_length needs a prefix_group; got {given['prefix_length']!r} without one.")
    if "prefix_groups" in given:
        return prefix_plan_from_list(where, given["prefix_groups"], given.get("prefix_share"))
    if "prefix_share" in given:
        raise ConfigError(f"{where}.prefix_share needs prefix_groups; got {given['prefix_share']!r} without them.")
    if not group:
        return PrefixPlan()
    tokens = check_int(
        f"{where}.prefix_length", given.get("prefix_length", DEFAULT_PREFIX_TOKENS), 1, LONGEST_TOKENS, "tokens"
    )
    return single_text(group, tokens)


def _flag(where: str, given: Mapping[str, Any], key: str) -> bool:
    value = given.get(key, False)
    if not isinstance(value, bool):
        raise ConfigError(f"{where}.{key} must be true or false; got {value!r}.")
    return value


def _text(where: str, given: Mapping[str, Any], key: str) -> str:
    value = given.get(key, "")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ConfigError(f"{where}.{key} must be a text; got {value!r}.")
    return str(value)
