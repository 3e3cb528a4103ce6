"""What specifications of version 2 say in other words: cohorts of clients, closed loops, and keys without effect."""

import math
from collections.abc import Mapping
from typing import Any

from blis.foundation.checks import check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.words import listed, shown

MOST_CLIENTS = 100_000  #: of all cohorts together
US_PER_HOUR = 3_600_000_000
HOURS_PER_DAY = 24
DRAIN_STEPS = 10  #: in which a cohort falls silent
LONGEST_US = 2**53  #: of a span
#: Keys of a client that have no effect here.
UNUSED_KEYS = ("timeout", "slo_target_us")
_PATTERNS = ("diurnal", "spike", "drain")


def expanded(where: str, document: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A document of version 2 in the words of version 1, and what of it has no effect.

    Parameters
    ----------
    where : str
        Place of the document.
    document : mapping
        With `clients`, `cohorts`, or neither.

    Raises
    ------
    ConfigError
        If a cohort is wrong in what only cohorts have; the rest is checked with the clients.
    """
    translated = dict(document)
    cohorts = translated.pop("cohorts", None) or []
    if not isinstance(cohorts, list):
        raise ConfigError(f"{where}.cohorts must be a list of cohorts; got {shown(cohorts)}.")
    clients: Any = translated.get("clients") or []
    if cohorts and isinstance(clients, list):
        clients = list(clients)
        for position, cohort in enumerate(cohorts):
            clients += _members(f"{where}.cohorts[{position}]", cohort)
        if len(clients) > MOST_CLIENTS:
            raise ConfigError(f"{where}.cohorts must have at most {MOST_CLIENTS} clients in all; got {len(clients)}.")
    if not isinstance(clients, list) or not clients:
        return translated, ()
    unused = sorted({key for client in clients if isinstance(client, Mapping) for key in UNUSED_KEYS if key in client})
    translated["clients"] = [
        _client(f"{where}.clients[{position}]", client) if isinstance(client, Mapping) else client
        for position, client in enumerate(clients)
    ]
    return translated, (f"no effect here have the clients' {', '.join(unused)}",) if unused else ()


def _client(where: str, client: Mapping[str, Any]) -> dict[str, Any]:
    """A client without the keys that version 1 does not know."""
    own = {key: value for key, value in client.items() if key not in UNUSED_KEYS and value is not None}
    is_closed = own.pop("closed_loop", None)
    if is_closed is not None:
        if not isinstance(is_closed, bool):
            raise ConfigError(f"{where}.closed_loop must be true or false; got {is_closed!r}.")
        if "loop" in own:
            raise ConfigError(f"{where} must have at most one of loop and closed_loop; got both.")
        reasoning = own.get("reasoning")
        if isinstance(reasoning, Mapping) and reasoning.get("multi_turn"):  # else there is nothing to wait for
            own["loop"] = "closed" if is_closed else "open"
    zeros = [key for key in ("concurrency", "think_time_us", "rate_fraction") if own.get(key) == 0]  # for "none"
    own = {key: value for key, value in own.items() if key not in zeros}
    if "concurrency" in own:
        own.pop("arrival", None)
    return own


def _members(where: str, mapping: object) -> list[dict[str, Any]]:
    """The clients of a cohort: alike, each with its part of the rate."""
    if not isinstance(mapping, Mapping):
        raise ConfigError(f"{where} must be a mapping of keys to values; got {shown(mapping)}.")
    cohort = {key: value for key, value in mapping.items() if value is not None}
    for key in ("population", "rate_fraction"):
        if key not in cohort:
            raise ConfigError(f"{where}: key {key!r} is required. Given: {listed(cohort) or 'none'}.")
    n = check_int(f"{where}.population", cohort.pop("population"), 1, MOST_CLIENTS)
    fraction = check_number(f"{where}.rate_fraction", cohort.pop("rate_fraction"), above=0)
    name = cohort.pop("id", "") or "cohort"
    windows = _windows(where, {key: cohort.pop(key) for key in _PATTERNS if key in cohort})
    if windows:
        cohort["lifecycle"] = {"windows": windows}
    return [{**cohort, "id": f"{name}-{member}", "rate_fraction": fraction / n} for member in range(n)]


def _windows(where: str, patterns: Mapping[str, Any]) -> list[dict[str, int]]:
    """When the clients are active: on and off, as the published tool has it."""
    spans: list[tuple[int, int]] = []
    if "diurnal" in patterns:
        at, keys = f"{where}.diurnal", ("peak_hour", "peak_to_trough_ratio")
        given = check_keys(at, patterns["diurnal"], keys, keys)
        peak = check_int(f"{at}.peak_hour", given["peak_hour"], 0, HOURS_PER_DAY - 1)
        ratio = check_number(f"{at}.peak_to_trough_ratio", given["peak_to_trough_ratio"], 1)
        for hour in range(HOURS_PER_DAY):
            wave = (1 + math.cos(2 * math.pi * (hour - peak) / HOURS_PER_DAY)) / 2
            spans.append((hour * US_PER_HOUR, max(int(US_PER_HOUR * (wave * (1 - 1 / ratio) + 1 / ratio)), 1)))
    if "spike" in patterns:
        spans.append(_times(f"{where}.spike", patterns["spike"], "duration_us"))
    if "drain" in patterns:
        start_us, ramp_us = _times(f"{where}.drain", patterns["drain"], "ramp_duration_us")
        spans += [(0, start_us)] if start_us else []
        step_us = max(ramp_us // DRAIN_STEPS, 1)
        steps = range(DRAIN_STEPS)
        spans += [(start_us + step * step_us, max(step_us * (DRAIN_STEPS - step) // DRAIN_STEPS, 1)) for step in steps]
    return [{"start_us": start, "end_us": start + length} for start, length in spans]


def _times(where: str, mapping: object, length: str) -> tuple[int, int]:
    keys = ("start_time_us", length)
    given = check_keys(where, mapping, keys, keys)
    start_us = check_int(f"{where}.start_time_us", given["start_time_us"], 0, LONGEST_US, "µs")
    return start_us, check_int(f"{where}.{length}", given[length], 1, LONGEST_US, "µs")
