"""Running in slices equals running at once; in between all laws hold and no clock goes back."""

from __future__ import annotations

from collections.abc import Iterator

from blis.engine.laws import check_conservation, check_laws
from blis.foundation.errors import LawBrokenError
from blis.outcome import outcome
from experiments.fuzz.sameness import differences
from experiments.fuzz.subject import Subject


def check(subject: Subject) -> Iterator[str]:
    """Stop at random times, look, and go on."""
    if subject.stalled:
        return
    random = subject.random("slices")
    end_us = max(1, subject.outcome.end_us)
    times_us = sorted(random.randint(0, end_us + 1) for _ in range(random.choice((1, 4, 12))))
    run = subject.start()
    clocks_us = run.state.instances.clock_us.copy()
    clock_us = 0
    for until_us in times_us:
        run.advance(until_us)
        try:
            check_conservation(run.state)
            check_laws(run.workload, run.prepared.limits, run.state)
        except LawBrokenError as error:
            yield f"stopped before {until_us} µs: {error}"
            return
        if run.clock_us < clock_us or (run.state.instances.clock_us < clocks_us).any():
            yield f"stopped before {until_us} µs: a clock went back"
        clock_us, clocks_us = run.clock_us, run.state.instances.clock_us.copy()
    for line in differences(subject.outcome, outcome(run.run()), stopped=True):
        yield f"run in slices up to {times_us}, {line}"
