"""How many instances the pools of a cluster may have, how quickly they come, and what whoever decides about it sees.

What decides is a policy, see `blis.policies.scaling`; this is what it decides about.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from blis.cluster.start_up import StartUp
from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown

MOST_INSTANCES = 100_000
MOST_GPUS = 2**40
LONGEST_S = 1e7  #: of ticks, delays and loading

#: What an instance that is taken out of service does with the requests that wait there and have not begun: serve them,
#: or let the router send them elsewhere. Those that have begun are served in both.
DRAIN_RULES = ("finish", "hand-back")

_KEYS = (
    "minimum", "maximum", "tick_s", "reading_age_s", "actuation_delay_s", "load_s", "start_up", "drain", "inventory",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Autoscaling:
    """What scaling may do, and how long it takes."""

    minimum: tuple[int, ...]  #: of each pool; one for all pools if there is one
    maximum: tuple[int, ...]  #: as minimum
    tick_s: float = 15.0  #: > 0, from one question to the next; the control loop of Kubernetes
    reading_age_s: float = 0.0  #: ≥ 0, at most tick_s: age of what instances report when the policy sees it
    actuation_delay_s: float = 0.0  #: ≥ 0, at most tick_s: from a decision to what follows from it
    load_s: tuple[float, ...] = ()  #: ≥ 0, from being placed to serving, as minimum; (): as `start_up` has it
    start_up: StartUp = field(default_factory=StartUp)  #: how long that takes where `load_s` does not say it
    drain: str = "finish"  #: one of DRAIN_RULES
    inventory: Mapping[str, int] = field(default_factory=dict)  #: GPUs that there are by kind; kinds left out: no bound

    @classmethod
    def from_mapping(cls, where: str, mapping: object, counts: Sequence[int]) -> "Autoscaling":
        """The checked numbers of a plain mapping, for pools that begin with so many instances.

        Raises
        ------
        ConfigError
            If a key is unknown or absent, a value out of its range, or a pool begins outside its bounds.
        """
        checked = check_keys(where, mapping, _KEYS, ("maximum",))
        given = {key: value for key, value in checked.items() if value is not None or key == "maximum"}
        minimum = _whole_by_pool(f"{where}.minimum", given.get("minimum", 1), 0, len(counts))
        maximum = _whole_by_pool(f"{where}.maximum", given["maximum"], 1, len(counts))
        for pool, count in enumerate(counts):
            least, most = of_pool(minimum, pool), of_pool(maximum, pool)
            if least > most:
                raise ConfigError(f"{where}.minimum must be at most the maximum, {most}; got {least}.")
            if not least <= count <= most:
                raise ConfigError(
                    f"{where}: every pool must begin with at least its minimum and at most its maximum, {least} to "
                    f"{most} instances; got {count}."
                )
        if sum(of_pool(minimum, pool) for pool in range(len(counts))) < 1:
            raise ConfigError(f"{where}.minimum must leave at least one instance in one of the pools; got 0.")
        tick_s = check_number(f"{where}.tick_s", given.get("tick_s", 15.0), maximum=LONGEST_S, above=0, unit="s")
        if tick_s < 1e-6:
            raise ConfigError(f"{where}.tick_s must be at least a microsecond; got {shown(tick_s)}.")
        delays = {
            name: check_number(f"{where}.{name}", given.get(name, 0.0), 0, tick_s, "s")
            for name in ("reading_age_s", "actuation_delay_s")
        }
        load_s = given.get("load_s")
        return cls(
            minimum=minimum,
            maximum=maximum,
            tick_s=tick_s,
            **delays,
            load_s=() if load_s is None else _seconds_by_pool(f"{where}.load_s", load_s, len(counts)),
            start_up=StartUp.from_mapping(f"{where}.start_up", given.get("start_up") or {}),
            drain=check_choice(f"{where}.drain", given.get("drain", "finish"), DRAIN_RULES),
            inventory=_inventory(f"{where}.inventory", given.get("inventory")),
        )


def of_pool(values: tuple[int, ...], pool: int) -> int:
    """What holds for a pool: the one value for all, or its own."""
    return values[0] if len(values) == 1 else values[pool]


def _listed(where: str, value: object, n_pools: int) -> list[object]:
    if not isinstance(value, list | tuple):
        return [value]
    if len(value) != n_pools:
        raise ConfigError(
            f"{where} must be one number, or one for each of the {n_pools} pools; got {len(value)} numbers."
        )
    return list(value)


def _whole_by_pool(where: str, value: object, least: int, n_pools: int) -> tuple[int, ...]:
    listed = _listed(where, value, n_pools)
    return tuple(check_int(where, one, least, MOST_INSTANCES, "instances") for one in listed)


def _seconds_by_pool(where: str, value: object, n_pools: int) -> tuple[float, ...]:
    return tuple(check_number(where, one, 0, LONGEST_S, "s") for one in _listed(where, value, n_pools))


def _inventory(where: str, value: object) -> dict[str, int]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} must be a mapping of kinds of GPU to how many there are; got {shown(value)}.")
    return {str(kind): check_int(f"{where}.{kind}", count, 1, MOST_GPUS, "GPUs") for kind, count in value.items()}
