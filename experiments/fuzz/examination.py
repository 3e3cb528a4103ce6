"""Ask everything of one case, and say what is wrong in words."""

from __future__ import annotations

import traceback
from contextlib import suppress
from dataclasses import dataclass

from blis.foundation.errors import ConfigError, LawBrokenError
from experiments.fuzz.case import Case
from experiments.fuzz.checks import all_checks
from experiments.fuzz.features import features
from experiments.fuzz.subject import Subject

#: Lines that one check may say of one case.
MOST_LINES = 4


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a case."""

    failures: tuple[str, ...]  #: "check: what is wrong"
    features: tuple[str, ...]
    refused: str = ""  #: why the scenario was not valid: the fuzzer's own fault

    @property
    def kind(self) -> str:
        """What failed first, so that a smaller case can be told to fail alike."""
        return self.failures[0].split(":")[0] if self.failures else ""


def examine(case: Case) -> Verdict:
    """Build the case, run it, and ask every check."""
    try:
        subject = Subject(case)
    except ConfigError as error:
        return Verdict((), (), str(error))
    failures: list[str] = []
    found: list[str] = []
    for name, check in all_checks().items():
        try:
            lines = list(check(subject))
        except Exception as error:  # noqa: BLE001 an exception is what a fuzzer looks for
            where = traceback.extract_tb(error.__traceback__)[-1]
            lines = [f"{type(error).__name__} at {where.filename.rpartition('/')[2]}:{where.lineno}: {error}"]
        failures += [f"{name}: {line}" for line in lines[:MOST_LINES]]
        if name in subject.asked:
            found.append(f"check {name}")
    with suppress(LawBrokenError):  # then there is no outcome to look at, and the checks have said so
        found += features(subject)
    return Verdict(tuple(failures), tuple(found))
