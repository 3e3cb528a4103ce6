"""Requests are taken away wherever they are, at any time: nobody else is lost, and what they held comes back."""

from __future__ import annotations

from collections.abc import Iterator

from blis.engine.codes import CLIENT_LEFT
from blis.engine.laws import check_conservation, check_laws
from blis.foundation.errors import LawBrokenError, StalledError
from blis.simulate import Cancellation, Simulation
from experiments.fuzz.checks.conservation import EMPTY_AT_THE_END
from experiments.fuzz.subject import Subject

_MOST_PAUSES = 12


def check(subject: Subject) -> Iterator[str]:
    """Stop at some times, take some requests away at each, go on; count and weigh what is left after each."""
    if subject.stalled or not len(subject.requests):
        return
    draw, run = subject.random("cancellations"), subject.start()
    end_us = max(2, int(subject.finished.state.instances.clock_us.max()) + 1)
    pauses_us = sorted(draw.randrange(1, end_us) for _ in range(draw.randint(1, _MOST_PAUSES)))
    wanted: set[int] = set()
    n_done = 0
    try:
        for pause_us in pauses_us:
            run.advance(pause_us)
            wanted |= {draw.randrange(len(subject.requests)) for _ in range(draw.choice((0, 1, 3, 10)))}
            found = {request: run.cancel(request, pause_us) for request in sorted(wanted)}
            wanted = {request for request, came in found.items() if came == Cancellation.TOO_EARLY}
            n_done += sum(came == Cancellation.DONE for came in found.values())
            check_conservation(run.state)
            check_laws(run.workload, run.prepared.limits, run.state)
        run.run()
        check_conservation(run.state)
        check_laws(run.workload, run.prepared.limits, run.state)
    except LawBrokenError as error:
        yield f"after {n_done} cancellations: {error}"
        return
    except StalledError:  # the room that is left may be what stalls it
        return
    if n_done:
        subject.asked.add("cancellations")
    yield from _left(subject, run, n_done)


def _left(subject: Subject, run: Simulation, n_done: int) -> Iterator[str]:
    n_gone = int((run.state.requests.status == CLIENT_LEFT).sum())
    if n_gone != n_done:
        yield f"{n_done} requests were taken away, and {n_gone} say so"
    if subject.scenario.horizon_us is not None or not run.is_over:
        return
    for name in EMPTY_AT_THE_END:
        if run.state.instances[name].any():
            yield f"after {n_done} cancellations {name} must be 0; it is {run.state.instances[name].tolist()}"
