"""Typed settings of an observation, from the configuration that Hydra composed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blis.foundation.checks import check_choice, check_flag, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.units import US_PER_S
from blis.foundation.words import shown
from blis.observing.server_settings import ServerSettings
from blis.workload.plan import WorkloadPlan, workload_plan

OUTPUTS = ("text", "json")
SESSIONS = ("as-given", "in-order")
MOST_CONCURRENT = 100_000
LONGEST_S = 366 * 86_400.0

#: What decides which requests are sent, and how: an observation that goes on keeps it.
PLAN_KEYS = (
    *("workload", "seed", "max_requests", "horizon_s", "concurrency", "sessions"),
    *("prompt_block_tokens", "prompt_seed"),
)
#: What may be another when an observation goes on.
OTHER_KEYS = ("server", "retries", "warm_up_requests", "scrape_s", "dry_run", "resume", "recover", "output")


@dataclass(frozen=True, slots=True)
class RetrySettings:
    """Whether, and how patiently, a request that the server refuses for now is sent again."""

    attempts: int  #: after the first one; 0: what is refused has failed
    base_s: float  #: wait before the second attempt where the server names none; doubles with each one
    longest_s: float  #: a longer wait than this is not waited for

    @classmethod
    def from_mapping(cls, where: str, mapping: object) -> "RetrySettings":
        """The settings in a mapping whose keys are the fields'."""
        names = tuple(cls.__dataclass_fields__)
        given = check_keys(where, mapping, names, names)
        return cls(
            attempts=check_int(f"{where}.attempts", given["attempts"], 0, 1000),
            base_s=check_number(f"{where}.base_s", given["base_s"], maximum=LONGEST_S, unit="s", above=0),
            longest_s=check_number(f"{where}.longest_s", given["longest_s"], maximum=LONGEST_S, unit="s", above=0),
        )


@dataclass(frozen=True, slots=True)
class ObserveSettings:
    """What one observation is told to do."""

    workload: WorkloadPlan
    seed: int  #: of the workload
    max_requests: int | None  #: only the first so many of the workload
    horizon_us: int | None  #: what is due later is not sent
    concurrency: int | None  #: always so many under way, whatever the arrival times; None: at their times
    sessions_in_order: bool  #: a later round waits for the answer of the one before it
    prompt_block_tokens: int  #: at this grain prompts share text
    prompt_seed: int | None  #: of what prompts say; None: another one each time
    server: ServerSettings
    retries: RetrySettings
    warm_up_requests: int
    scrape_s: float | None  #: between two readings of the server's metrics; None: none at all
    dry_run: bool
    output: str  #: text or json
    document: Mapping[str, Any]  #: all of it as plain data, to be saved

    @classmethod
    def from_mapping(cls, document: Mapping[str, Any]) -> "ObserveSettings":
        """The settings in plain data.

        Raises
        ------
        ConfigError
            If a key is unknown or absent or a value wrong, at any level.
        """
        given = check_keys("observe", document, (*PLAN_KEYS, *OTHER_KEYS), ("server", "output"))
        if given.get("workload") is None:
            raise ConfigError("workload must be given; add workload=NAME or scenario=NAME.")
        _refuse_unset("workload", given["workload"])
        output = check_keys("output", given["output"], ("folder", "format"))
        concurrency, scrape_s = given.get("concurrency"), given.get("scrape_s")
        return cls(
            workload=workload_plan(given["workload"]),
            seed=check_int("seed", given.get("seed", 42), 0),
            max_requests=_optional_int("max_requests", given.get("max_requests"), 1),
            horizon_us=_optional_us("horizon_s", given.get("horizon_s")),
            concurrency=None if concurrency is None else check_int("concurrency", concurrency, 1, MOST_CONCURRENT),
            sessions_in_order=check_choice("sessions", given.get("sessions", "as-given"), SESSIONS) == "in-order",
            prompt_block_tokens=check_int("prompt_block_tokens", given.get("prompt_block_tokens", 16), 1, 2**20),
            prompt_seed=_optional_int("prompt_seed", given.get("prompt_seed"), 0),
            server=ServerSettings.from_mapping("server", given["server"]),
            retries=RetrySettings.from_mapping("retries", given["retries"]),
            warm_up_requests=check_int("warm_up_requests", given.get("warm_up_requests", 0), 0, 100_000),
            scrape_s=None if scrape_s is None else check_number("scrape_s", scrape_s, 0.1, LONGEST_S, "s"),
            dry_run=check_flag("dry_run", given.get("dry_run", False)),
            output=check_choice("output.format", output.get("format", "text"), OUTPUTS),
            document=document,
        )


def _refuse_unset(where: str, value: object) -> None:
    """Refuse what a file of `conf/workload` leaves to the user and the user has not given."""
    if value == "???":
        raise ConfigError(f"{where} must be given; add {where}=VALUE.")
    if isinstance(value, Mapping):
        for key, part in value.items():
            _refuse_unset(f"{where}.{key}", part)


def _optional_int(where: str, value: object, minimum: int) -> int | None:
    return None if value is None else check_int(where, value, minimum)


def _optional_us(where: str, value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, str):
        raise ConfigError(f"{where} must be a finite number > 0 [s]; got {shown(value)}.")
    return round(check_number(where, value, maximum=LONGEST_S, unit="s", above=0) * US_PER_S)
