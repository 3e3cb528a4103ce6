"""What is asked of a ServeGen folder: which clients and windows, and how much of their traffic."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.workload.requests import MOST_REQUESTS

GAPS = ("cv", "fitted")


@dataclass(frozen=True, slots=True)
class Params:
    """Which clients and windows, and how much of their traffic."""

    path: Path  #: folder with chunk-N-trace.csv and chunk-N-dataset.json
    span_start_s: float | None = None  #: ≥ 0, windows from here on; None: from the first window with requests
    span_end_s: float | None = None  #: windows that start before; None: all
    gaps: str = "cv"  #: cv: mean 1/rate and the recorded CV; fitted: mean and CV of the recorded shape and scale
    rate: float | None = None  #: > 0 [requests/s], mean of all clients over the span; None as recorded
    rate_factor: float = 1.0  #: > 0, multiplies every rate; not together with rate
    clients: int | None = None  #: ≥ 1, only the first ones by number; None for all
    num_requests: int | None = None  #: ≥ 1, only the first ones; None for all
    horizon_us: int | None = None  #: ≥ 1 [µs], arrivals lie before it; None for none

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, object]) -> "Params":
        """Check the keys of `Params`."""
        given: dict[str, Any] = check_keys(where, mapping, cls.__dataclass_fields__, required=("path",))
        given = {key: value for key, value in given.items() if value is not None or key == "path"}
        given["path"] = _folder(f"{where}.path", given["path"])
        for key in ("span_start_s", "span_end_s"):
            if key in given:
                given[key] = check_number(f"{where}.{key}", given[key], 0, unit="s")
        if given.get("span_end_s", math.inf) <= given.get("span_start_s", 0.0):
            raise ConfigError(f"{where}.span_end_s must be > span_start_s [s]; got {given['span_end_s']:g}.")
        if "rate" in given and "rate_factor" in given:
            raise ConfigError(f"{where} must have at most one of rate and rate_factor; got both.")
        if "gaps" in given:
            check_choice(f"{where}.gaps", given["gaps"], GAPS)
        for key, unit in (("rate", "requests/s"), ("rate_factor", "")):
            if key in given:
                given[key] = check_number(f"{where}.{key}", given[key], above=0, unit=unit)
        for key, most in (("clients", None), ("num_requests", MOST_REQUESTS), ("horizon_us", None)):
            if key in given:
                given[key] = check_int(f"{where}.{key}", given[key], 1, most)
        return cls(**given)


def params_of_document(where: str, mapping: object, rate: float | None, num_requests: int, horizon_us: int) -> Params:
    """The parameters that a specification's `servegen_data: {path, span_start, span_end}` stands for.

    Parameters
    ----------
    where : str
        Place of the mapping.
    mapping : object
        Spans in seconds of the recording, 0 for none.
    rate : float > 0 [requests/s] or None
        The specification's aggregate rate; None as recorded.
    num_requests, horizon_us : int ≥ 0
        The specification's limits, 0 for none.
    """
    given = check_keys(where, mapping, ("path", "span_start", "span_end"), required=("path",))
    renamed = {"path": given["path"], "span_start_s": given.get("span_start"), "span_end_s": given.get("span_end")}
    limits = {"rate": rate, "num_requests": num_requests, "horizon_us": horizon_us}
    return Params.from_mapping(where, {key: value for key, value in {**renamed, **limits}.items() if value})


def _folder(where: str, value: object) -> Path:
    if not isinstance(value, str | Path) or not str(value) or not Path(value).is_dir():
        raise ConfigError(f"{where} must be the path of a folder; got {value!r}.")
    return Path(value)
