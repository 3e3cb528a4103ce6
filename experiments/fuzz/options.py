"""What the command line of the fuzzer may say."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from pathlib import Path

from blis.foundation.checks import check_choice, check_int, check_number
from experiments.assignments import as_number, read_assignments
from experiments.fuzz.case import MODES

FOLDER = Path("outputs/fuzz")  #: where failing cases are kept
KEYS = ("minutes", "seed", "cases", "mode", "folder", "case")


@dataclass(frozen=True, slots=True)
class Options:
    """A checked command line."""

    minutes: float = 15.0
    seed: int = 0
    cases: int | None = None  #: None: as many as the time allows
    mode: str = "mixed"
    folder: Path = FOLDER
    case: str | None = None  #: a file to be repeated instead
    json: bool = False


def read_options(words: list[str]) -> Options:
    """The options in words of the form key=value, and --json.

    Raises
    ------
    ConfigError
        If a key is unknown or a value wrong.
    """
    given = read_assignments(words, KEYS, flags=("--json",))
    minutes = check_number("minutes", as_number(given.get("minutes", "15")), 0, 7 * 24 * 60, "minutes")
    cases = given.get("cases")
    seed = given.get("seed")
    return Options(
        minutes=minutes if cases is None or "minutes" in given else math.inf,
        seed=secrets.randbelow(2**32) if seed is None else check_int("seed", as_number(seed), 0, 2**64),
        cases=None if cases is None else check_int("cases", as_number(cases), 1),
        mode=check_choice("mode", given.get("mode", "mixed"), (*MODES, "mixed")),
        folder=Path(given.get("folder") or FOLDER),
        case=given.get("case"),
        json="--json" in words,
    )
