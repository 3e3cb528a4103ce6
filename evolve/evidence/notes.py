"""What a reader of a comparison must know beside its figures, a line each."""

from collections.abc import Iterable, Sequence

from evolve.comparing.comparison import Comparison, is_repeated
from evolve.records import Record


def repetition_notes(names: Sequence[str], runs: Sequence[Sequence[Record]]) -> list[str]:
    """A line for each scenario whose runs are all the same, whatever the seed."""
    return [
        f"{name}: every seed gives the same requests (a recorded log); it counts as one run, its interval has no "
        "width, and it says nothing of other logs."
        for name, records in zip(names, runs, strict=True)
        if is_repeated(records)
    ]


def undefined_notes(comparisons: Iterable[Comparison]) -> list[str]:
    """A line if there are ratios that did not exist."""
    undefined = sum(one.overall.n_undefined for one in comparisons)
    if not undefined:
        return []
    return [f"{undefined} ratios of figures did not exist or were out of range; the largest, 100, stands for them."]


def constraint_notes(reasons: Sequence[str]) -> list[str]:
    """A line for each constraint that is broken in a scenario, however many runs break it."""
    found: dict[str, list[str]] = {}
    for reason in reasons:
        what, _, by = reason.partition(" misses ")
        found.setdefault(what, []).append(by)
    return [
        f"constraint broken: {what}" + (f" in {len(by)} runs (misses {by[0]} in the first)" if any(by) else "")
        for what, by in found.items()
    ]
