"""What every log can be told: which file, which part of it, and how fast it is replayed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.files import check_path
from blis.foundation.words import shown
from blis.workload.requests import MOST_REQUESTS

EMPTY_PROMPTS = ("drop", "keep")
_PART = ("skip_requests", "span_start_s", "span_end_s", "stretch", "keep_origin")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogParams:
    """Options of every log; a format adds its own as fields, and says in the class variables how they are checked."""

    needs_path: ClassVar[bool] = True  #: False where a log is shipped with the package
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"empty_prompts": EMPTY_PROMPTS}
    counts: ClassVar[Mapping[str, int]] = {"num_requests": MOST_REQUESTS}  #: whole numbers ≥ 1, and their bound
    numbers: ClassVar[Mapping[str, str]] = {"rate": "requests/s"}  #: numbers > 0, and their unit

    path: Path | None = None  #: the file, may be gzipped; None for the one that is shipped
    rate: float | None = None  #: > 0 [requests/s], time is scaled to this mean rate; None as recorded
    num_requests: int | None = None  #: ≥ 1, only the first ones; None for all
    skip_requests: int = 0  #: ≥ 0, so many of the first ones are left out before that
    span_start_s: float = 0.0  #: ≥ 0 [s] after the log's first request; earlier ones are left out
    span_end_s: float = math.inf  #: > span_start_s [s]; those from here on are left out
    #: shares of the rows that are left, in order of arrival, between which the seed draws where the replayed ones begin
    stretch: tuple[float, float] | None = None
    keep_origin: bool = False  #: times as recorded; else the first request that is replayed arrives at 0
    empty_prompts: str = "drop"  #: requests without prompt tokens: drop, or keep, with one token

    @property
    def file(self) -> Path:
        """The path, of a format that has no other."""
        if self.path is None:
            raise ConfigError("workload.path must be the path of a file; got None.")
        return self.path

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, object]) -> Self:
        """Check the keys of the parameters; None stands for a key's default.

        Raises
        ------
        ConfigError
        """
        keys = [field.name for field in fields(cls)]
        check_keys(where, mapping, keys, ("path",) if cls.needs_path else ())
        given: dict[str, Any] = {key: value for key, value in mapping.items() if value is not None}
        if cls.needs_path or "path" in given:
            given["path"] = check_path(f"{where}.path", given.get("path"))
        for key, value in given.items():
            at = f"{where}.{key}"
            if key in cls.choices:
                check_choice(at, value, cls.choices[key])
            elif key in cls.counts:
                given[key] = check_int(at, value, 1, cls.counts[key])
            elif key in cls.numbers:
                given[key] = check_number(at, value, above=0, unit=cls.numbers[key])
        return cls(**{**given, **_checked_part(where, given)}).completed(where)

    def completed(self, where: str) -> Self:
        """The parameters as a format completes them, for instance with the name of a second file."""
        return self


def check_stretch(where: str, value: object) -> tuple[float, float]:
    """A stretch of a log, as two shares of its requests.

    Raises
    ------
    ConfigError
        If it is anything but two numbers in [0, 1], the first the smaller.
    """
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise ConfigError(f"{where} must be a list of two shares, such as [0, 0.5]; got {shown(value)}.")
    first, end = (check_number(f"{where}[{place}]", one, 0, 1) for place, one in enumerate(value))
    if first >= end:
        raise ConfigError(f"{where} must begin before it ends; got {shown(value)}.")
    return first, end


def document_options(
    where: str, mapping: Mapping[str, object], more: Sequence[str] = (), needs_path: bool = True
) -> dict[str, Any]:
    """The options of a document that says what is drawn: `path`, `rate`, `num_requests`, None if absent, and `more`."""
    given = check_keys(where, mapping, ("path", "rate", "num_requests", *more), ("path",) if needs_path else ())
    path, rate, count = (given.get(key) for key in ("path", "rate", "num_requests"))
    if path is not None or needs_path:
        path = check_path(f"{where}.path", path)
    if rate is not None:
        rate = check_number(f"{where}.rate", rate, above=0, unit="requests/s")
    if count is not None:
        count = check_int(f"{where}.num_requests", count, 1, MOST_REQUESTS)
    return {**given, "path": path, "rate": rate, "num_requests": count}


def _checked_part(where: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What says which part of the log is replayed."""
    part = {key: given[key] for key in _PART if key in given}
    if "skip_requests" in part:
        part["skip_requests"] = check_int(f"{where}.skip_requests", part["skip_requests"], 0, MOST_REQUESTS)
    for key in ("span_start_s", "span_end_s"):
        if key in part:
            part[key] = check_number(f"{where}.{key}", part[key], 0, unit="s")
    if part.get("span_end_s", math.inf) <= part.get("span_start_s", 0.0):
        raise ConfigError(f"{where}.span_end_s must be > span_start_s [s]; got {part['span_end_s']:g}.")
    if "stretch" in part:
        part["stretch"] = check_stretch(f"{where}.stretch", part["stretch"])
    if not isinstance(part.get("keep_origin", False), bool):
        raise ConfigError(f"{where}.keep_origin must be true or false; got {part['keep_origin']!r}.")
    return part
