"""The parent: deals out cases, keeps those that fail, and counts."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

from experiments.fuzz.case import MODES, Case, case_from_mapping, case_to_mapping, write_case
from experiments.fuzz.child import Child, DiedError
from experiments.fuzz.counts import Counts
from experiments.fuzz.draw import draw_case
from experiments.fuzz.options import Options
from experiments.fuzz.shrinking import Rows, shrink

#: Time to make one failing case smaller; those beyond the first few are kept as they are.
SHRINKING_SECONDS = 60.0
MOST_SHRUNK = 10


class Progress(Protocol):
    """Whoever is told how it goes."""

    def __call__(self, counts: Counts) -> None:
        """Say it, or say nothing."""


def mode_of(number: int, mode: str) -> str:
    """How the case of a number is run."""
    if mode != "mixed":
        return mode
    return "python" if number % 20 == 13 else "bounds" if number % 5 == 1 else "compiled"


def fuzz(options: Options) -> Counts:
    """Run cases until the time is over or there have been enough of them; an interrupt ends it early."""
    counts = Counts(options.seed)
    options.folder.mkdir(parents=True, exist_ok=True)
    children = {mode: Child(mode) for mode in MODES}
    try:
        with _progress() as tell:
            number = 0
            while counts.seconds < 60 * options.minutes and (options.cases is None or number < options.cases):
                mode = mode_of(number, options.mode)
                _one(options, counts, children[mode], number)
                tell(counts)
                number += 1
    except KeyboardInterrupt:
        counts.stopped = True
    finally:
        for child in children.values():
            child.close()
    return counts


def repeat(case: Case) -> dict[str, Any]:
    """The verdict on one case, in a process of its own."""
    child = Child(case.mode)
    try:
        return dict(child.ask({"examine": case_to_mapping(case)})["verdict"])
    except DiedError as error:
        return {"failures": [str(error)], "features": [], "refused": ""}
    finally:
        child.close()


def _one(options: Options, counts: Counts, child: Child, number: int) -> None:
    try:
        answer = child.ask({"draw": [options.seed, number, child.mode]})
        case = answer["case"] and case_from_mapping("answer", answer["case"])
        verdict = answer["verdict"]
    except DiedError as error:
        case = draw_case(options.seed, number, child.mode)
        verdict = {"failures": [str(error)], "features": [], "refused": ""}
    counts.cases += 1
    counts.features.update(verdict["features"])
    if verdict["refused"]:
        counts.refused += 1
        if counts.refused <= 5:
            print(f"not valid: case {number}: {verdict['refused']}", file=sys.stderr)
    if verdict["failures"]:
        _keep(options, counts, child, replace(case, failures=tuple(verdict["failures"])))


def _keep(options: Options, counts: Counts, child: Child, case: Case) -> None:
    """Write the failing case down at once, then a smaller one in its place."""
    path = options.folder / f"case-{case.seed}-{case.number}.yaml"
    write_case(case, path)
    counts.failures.append({"number": case.number, "file": str(path), "failures": list(case.failures)})
    print(f"case {case.number} failed: {case.failures[0]}", file=sys.stderr)
    if len(counts.failures) <= MOST_SHRUNK:
        small = _shrunk(child, case)
        write_case(small, path)
        counts.failures[-1]["failures"] = list(small.failures)


def _shrunk(child: Child, case: Case) -> Case:
    kind = case.failures[0].split(":")[0]
    last: dict[str, tuple[str, ...]] = {"failures": case.failures}

    def fails(smaller: Case) -> bool:
        try:
            failures = child.ask({"examine": case_to_mapping(smaller)})["verdict"]["failures"]
        except DiedError as error:
            failures = [str(error)]
        alike = tuple(line for line in failures if line.split(":")[0] == kind)
        if alike:
            last["failures"] = alike
        return bool(alike)

    small = shrink(replace(case, failures=()), fails, _rows(child, case), SHRINKING_SECONDS)
    return replace(small, failures=last["failures"])


def _rows(child: Child, case: Case) -> Rows | None:
    """The requests of a workload one by one."""
    if case.rows is not None:
        return None
    try:
        rows = child.ask({"rows": case_to_mapping(case)})["rows"]
    except DiedError:
        return None
    return None if rows is None else case_from_mapping("rows", case_to_mapping(case) | {"rows": rows}).rows


@contextmanager
def _progress() -> Iterator[Progress]:
    """A line that moves, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda counts: None
        return
    from rich.console import Console

    said_s = [0.0]
    with Console(stderr=True).status("compiling ...") as status:

        def tell(counts: Counts) -> None:
            if time.monotonic() - said_s[0] > 0.5:
                said_s[0] = time.monotonic()
                rate = f"{counts.cases_per_minute:.0f} a minute"
                status.update(f"{counts.cases:,} cases, {rate}, {len(counts.failures)} failed, {counts.seconds:.0f} s")

        yield tell
