"""The queue in front of the router, as a cluster has it: how much it holds, and how long anybody may wait there."""

from collections.abc import Mapping
from dataclasses import dataclass

from blis.engine.codes import NEVER_US
from blis.engine.gate_fields import (
    BAND_FIELDS,
)
from blis.engine.records import Records, records
from blis.foundation.checks import check_flag, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.slo import BAND_OF_CLASS, BANDS, CLASSES, UNNAMED
from blis.foundation.units import US_PER_MS, US_PER_S

#: What the unnamed class is called in a configuration.
UNNAMED_LABEL = "unnamed"
MOST_REQUESTS = 2**40
#: Seconds that a client waits unless it is said otherwise: what inference-sim's clients do.
PATIENCE_S = 300
MOST_MS = 1e12
MOST_EVICTIONS = 32
_KEYS = (
    *("capacity_requests", "bands", "ttl_ms", "request_timeout_s", "tick_us", "sweep_ms", "displace_least_urgent"),
    *("evict_running", "most_evictions", "eviction_pause_ms"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """What the queue is; who is sent on from it, and when, is the policies'."""

    capacity_requests: int | None = None  #: ≥ 1, that may wait; None: any number
    bands: tuple[tuple[int, int], ...] = ()  #: (place in `blis.foundation.slo.BANDS`, requests that may wait in it)
    ttl_us: int | None = None  #: ≥ 1, from the enqueueing until a waiting request expires; None: it never does
    request_timeout_us: int | None = PATIENCE_S * US_PER_S  #: ≥ 1, from arrival until a client gives up; None: never
    tick_us: int = 1000  #: ≥ 1, between two cycles of dispatch while somebody waits
    sweep_us: int = 1_000_000  #: ≥ 1, between two looks for those that have waited too long
    displaces_least_urgent: bool = False  #: a full queue lets go of its least urgent request for a more urgent one
    evicts_running: bool = False  #: running requests that may be shed give way to more urgent ones that are held
    most_evictions: int = 2  #: ≥ 1, at a time
    eviction_pause_us: int = 500_000  #: ≥ 1, from one eviction to the next

    @classmethod
    def from_mapping(cls, where: str, mapping: object) -> "Gateway":
        """The checked values of a plain mapping; what is left out has its default.

        Raises
        ------
        ConfigError
            If a key is unknown, a value out of its range, or a band named twice with different capacities.
        """
        given = check_keys(where, mapping, _KEYS)

        def whole(name: str, default: int, most: int) -> int:
            value = given.get(name)
            return default if value is None else check_int(f"{where}.{name}", value, 1, most)

        def duration_us(name: str, unit_us: int, default_us: int) -> int:
            value = given.get(name)
            if value is None:
                return default_us
            return max(1, int(check_number(f"{where}.{name}", value, maximum=MOST_MS, above=0) * unit_us))

        gives_up = given.get("request_timeout_s", PATIENCE_S) is not None  # null: nobody does
        timeout_us = duration_us("request_timeout_s", US_PER_S, PATIENCE_S * US_PER_S) if gives_up else None

        def flag(name: str) -> bool:
            value = given.get(name)
            return False if value is None else check_flag(f"{where}.{name}", value)

        return cls(
            capacity_requests=whole("capacity_requests", 0, MOST_REQUESTS) or None,
            bands=_bands(f"{where}.bands", given.get("bands")),
            ttl_us=duration_us("ttl_ms", US_PER_MS, 0) or None,
            request_timeout_us=timeout_us,
            tick_us=whole("tick_us", 1000, 2**40),
            sweep_us=duration_us("sweep_ms", US_PER_MS, 1_000_000),
            displaces_least_urgent=flag("displace_least_urgent"),
            evicts_running=flag("evict_running"),
            most_evictions=whole("most_evictions", 2, MOST_EVICTIONS),
            eviction_pause_us=duration_us("eviction_pause_ms", US_PER_MS, 500_000),
        )


def _bands(where: str, mapping: object) -> tuple[tuple[int, int], ...]:
    """Capacities by band; classes of one urgency share a band."""
    if mapping is None:
        return ()
    labels = [UNNAMED_LABEL if name == UNNAMED else name for name in CLASSES]
    given, named = check_keys(where, mapping, labels), dict[int, tuple[str, int]]()
    for label, value in given.items():
        own = check_keys(f"{where}.{label}", value, ("capacity_requests",)) if isinstance(value, Mapping) else None
        number = value if own is None else own.get("capacity_requests")
        at = f"{where}.{label}" if own is None else f"{where}.{label}.capacity_requests"
        capacity = MOST_REQUESTS if number is None else check_int(at, number, 1, MOST_REQUESTS, "requests")
        band = BAND_OF_CLASS[labels.index(label)]
        other, before = named.setdefault(band, (label, capacity))
        if before != capacity:
            raise ConfigError(
                f"{where}: {other} and {label} must have one capacity, because they are equally urgent and share a "
                f"band; got {before} and {capacity}."
            )
    return tuple((band, capacity) for band, (_, capacity) in sorted(named.items()))


def gateway_bands(gateway: Gateway | None) -> Records:
    """The queue's bands before anybody has come; none without a gateway."""
    bands = records(BAND_FIELDS, 0 if gateway is None else len(BANDS))
    if gateway is not None:
        bands.urgency[:] = BANDS
        for band, capacity in gateway.bands:
            bands.capacity_requests[band] = capacity
            bands.is_active[band] = 1
    return bands


def gateway_settings(gateway: Gateway | None) -> dict[str, int]:
    """What the kernel's settings follow from."""
    queue = Gateway() if gateway is None else gateway
    return {
        "has_gateway": gateway is not None,
        "gate_capacity_requests": queue.capacity_requests or NEVER_US,
        "gate_ttl_us": queue.ttl_us or NEVER_US,
        "gate_timeout_us": queue.request_timeout_us or NEVER_US,
        "gate_tick_us": queue.tick_us,
        "gate_sweep_us": queue.sweep_us,
        "gate_displaces": queue.displaces_least_urgent,
        "gate_evicts": queue.evicts_running,
        "gate_most_evictions": queue.most_evictions,
        "gate_eviction_pause_us": queue.eviction_pause_us,
    }
