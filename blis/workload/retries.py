"""How clients that are refused come again: as a workload says, for all of its requests."""

from dataclasses import dataclass

from blis.foundation.checks import check_flag, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.units import US_PER_MS

MOST_ATTEMPTS = 100
MOST_MS = 1e9
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Retries:
    """Exponential back-off: before attempt k, from 0, min(base · factor^k, longest) · (1 - jitter · U), U in [0, 1).

    The defaults are those of openai-python, whose clients come again after a refusal without a Retry-After header.
    """

    attempts: int = 2  #: [1, 100], after the first
    base_ms: float = 500.0  #: (0, 1e9]
    factor: float = 2.0  #: [1, 1000]
    max_ms: float = 8000.0  #: [base_ms, 1e9]
    jitter: float = 0.25  #: [0, 1], part of a pause that is drawn
    after_timeout: bool = False  #: who gave up comes again too

    @classmethod
    def from_mapping(cls, where: str, mapping: object) -> "Retries":
        """The checked values of a plain mapping; what is left out has its default.

        Raises
        ------
        ConfigError
            If a key is unknown, or a value out of its range.
        """
        given = check_keys(where, mapping, tuple(cls.__slots__))
        values = {name: getattr(cls(), name) for name in cls.__slots__}
        values |= {name: value for name, value in given.items() if value is not None}
        base_ms = check_number(f"{where}.base_ms", values["base_ms"], maximum=MOST_MS, unit="ms", above=0)
        longest_ms = check_number(f"{where}.max_ms", values["max_ms"], maximum=MOST_MS, unit="ms", above=0)
        if longest_ms < base_ms:
            raise ConfigError(f"{where}.max_ms must be at least base_ms, {base_ms:g}; got {longest_ms:g}.")
        return cls(
            attempts=check_int(f"{where}.attempts", values["attempts"], 1, MOST_ATTEMPTS),
            base_ms=base_ms,
            factor=check_number(f"{where}.factor", values["factor"], 1, 1000),
            max_ms=longest_ms,
            jitter=check_number(f"{where}.jitter", values["jitter"], 0, 1),
            after_timeout=check_flag(f"{where}.after_timeout", values["after_timeout"]),
        )


def retry_settings(retries: Retries | None) -> dict[str, int]:
    """What the kernel's settings say of them."""
    own = Retries() if retries is None else retries
    return {
        "retry_attempts": 0 if retries is None else own.attempts,
        "retry_base_us": max(1, round(own.base_ms * US_PER_MS)),
        "retry_most_us": max(1, round(own.max_ms * US_PER_MS)),
        "retry_factor_ppm": round(own.factor * _MILLION),
        "retry_jitter_ppm": round(own.jitter * _MILLION),
        "retries_timeouts": own.after_timeout,
    }
