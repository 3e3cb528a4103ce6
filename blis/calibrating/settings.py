"""What a calibration is told to do, from plain mappings; what all commands that read measured runs share."""

from collections.abc import Mapping, Sequence
from typing import Any

from blis.calibrating.calibration import Options
from blis.calibrating.measured_run import MeasuredRun
from blis.calibrating.reading import read_measured
from blis.calibrating.replay import FAILED
from blis.foundation.answers import choices
from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown
from blis.workload.requests import MOST_REQUESTS

#: Keys of every command that reads measured runs, beside its own and those of the cluster and its policies.
KEYS = ("real", "format", "warm_up_requests", "warm_up_s", "network", "failed", "draws", "confidence", "seed")
MOST_DRAWS = 100_000


def options_from(given: Mapping[str, Any]) -> Options:
    """How runs are compared, from a mapping with some of `KEYS`.

    Raises
    ------
    ConfigError
        If a value is wrong.
    """
    requests, seconds = given.get("warm_up_requests"), given.get("warm_up_s")
    network = check_keys("network", given.get("network") or {}, ("rtt_ms", "bandwidth_mbps"))
    rtt_ms, mbps = network.get("rtt_ms"), network.get("bandwidth_mbps")
    return Options(
        warm_up_requests=None if requests is None else check_int("warm_up_requests", requests, 0, MOST_REQUESTS),
        warm_up_s=None if seconds is None else check_number("warm_up_s", seconds, 0, unit="s"),
        rtt_ms=None if rtt_ms is None else check_number("network.rtt_ms", rtt_ms, 0, 1e6, "ms"),
        bandwidth_mbps=None
        if mbps is None
        else check_number("network.bandwidth_mbps", mbps, above=0, unit="10⁶ bit/s"),
        failed=check_choice("failed", given.get("failed", "drop"), FAILED),
        draws=check_int("draws", given.get("draws", 400), 0, MOST_DRAWS),
        confidence=_confidence(given.get("confidence", 0.95)),
        seed=check_int("seed", given.get("seed", 42), 0),
    )


def runs_from(where: str, value: object, form: object) -> list[MeasuredRun]:
    """The measured runs that a path, or a list of paths, names; each file once.

    Raises
    ------
    ConfigError
        If none is given, one is given twice, or one cannot be read.
    """
    paths = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if not paths or None in paths or "" in paths:
        raise ConfigError(f"{where} must be given: {where}=FILE, or {where}=[FILE,FILE]; got {shown(value)}.")
    if form is not None:
        check_choice("format", form, choices("measured"))
    many, runs, seen = len(paths) > 1, list[MeasuredRun](), dict[str, int]()
    for place, path in enumerate(paths):
        found = read_measured(f"{where}[{place}]" if many else where, path, None if form is None else str(form))
        key = str(found[0].path.resolve())
        if key in seen:
            raise ConfigError(f"{where} must hold each file once; {where}[{seen[key]}] and {where}[{place}] are one.")
        seen[key] = place
        runs += found
    return runs


def _confidence(value: object) -> float:
    confidence = check_number("confidence", value, maximum=1, above=0)
    if confidence == 1:
        raise ConfigError("confidence must be a finite number > 0 and < 1; got 1.")
    return confidence
