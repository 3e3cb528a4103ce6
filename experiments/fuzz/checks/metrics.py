"""The metrics of a run are numbers, the same twice, and the library's front door gives what the plain run gave."""

from __future__ import annotations

import json
from collections.abc import Iterator

from blis.result import simulate
from experiments.fuzz.sameness import differences
from experiments.fuzz.subject import Subject


def check(subject: Subject) -> Iterator[str]:
    """Run by `blis.result.simulate`, and sum up."""
    if subject.stalled:
        return

    def text() -> str:
        return json.dumps([result.metrics(), result.figures()], allow_nan=False)

    result = simulate(subject.scenario, requests=subject.requests, record_routing=True, trace=subject.case.trace)
    for line in differences(subject.outcome, result.outcome):
        yield f"by simulate(), {line}"
    try:
        if text() != text():
            yield "the metrics differ when summed up again"
    except ValueError as error:
        yield f"the metrics hold what is no number: {error}"
