"""Instances that die at a given moment, and what becomes of the requests that they have."""

from collections.abc import Sequence
from dataclasses import dataclass

from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown

LATEST_S = 1e12
#: What becomes of the requests of an instance that dies: the router sends them elsewhere, or they are lost.
REQUEST_RULES = ("retry", "lose")


@dataclass(frozen=True, slots=True)
class Failure:
    """One instance dies."""

    at_s: float  #: ≥ 0
    instance: int  #: ≥ 0
    recovers_after_s: float | None = None  #: > 0, until it serves again, its cache empty; None: it does not
    requests: str = "retry"  #: one of REQUEST_RULES


def failures_from(where: str, listed: object, n_instances: int) -> tuple[Failure, ...]:
    """The checked failures of a plain list, in the order of time.

    Raises
    ------
    ConfigError
        If a key is unknown or absent, a value out of its range, or there is no such instance.
    """
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        raise ConfigError(f"{where} must be a list of mappings with at_s and instance; got {shown(listed)}.")
    found = []
    for place, one in enumerate(listed):
        at = f"{where}[{place}]"
        given = check_keys(at, one, tuple(Failure.__slots__), ("at_s", "instance"))
        after = given.get("recovers_after_s")
        found.append(
            Failure(
                check_number(f"{at}.at_s", given["at_s"], 0, LATEST_S, "s"),
                check_int(f"{at}.instance", given["instance"], 0, n_instances - 1),
                None
                if after is None
                else check_number(f"{at}.recovers_after_s", after, maximum=LATEST_S, above=0, unit="s"),
                check_choice(f"{at}.requests", given.get("requests") or "retry", REQUEST_RULES),
            )
        )
    return tuple(sorted(found, key=lambda failure: failure.at_s))
