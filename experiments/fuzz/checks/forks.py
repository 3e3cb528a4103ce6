"""A run that is stopped at a decision, copied and continued is the run that was never stopped, and so is the copy."""

from __future__ import annotations

from collections.abc import Iterator

from blis.outcome import outcome
from blis.simulate import Simulation
from experiments.fuzz.sameness import differences
from experiments.fuzz.subject import Subject


def check(subject: Subject) -> Iterator[str]:
    """Stop at a random routing, and at a random admission; copy at a random time."""
    if subject.stalled:
        return
    random = subject.random("forks")
    n_routed = subject.finished.n_routed
    if n_routed:
        rank = random.randrange(n_routed)
        run = subject.start()
        run.stop_at_routing(rank)
        yield from _continued(subject, run, f"routing {rank}", bool(random.getrandbits(1)))
    done = subject.outcome
    decided = [
        row
        for row in range(len(subject.requests))
        if done.requests.status[row] == 4 or done.requests.instance[row] >= 0
    ]
    if decided:
        request = random.choice(decided)
        run = subject.start()
        run.stop_at_admission(request)
        yield from _continued(subject, run, f"the admission of request {request}", bool(random.getrandbits(1)))
    at_us = random.randint(0, max(1, done.end_us))
    run = subject.start()
    run.advance(at_us)
    copy = run.fork()
    run.run()
    for line in differences(done, outcome(copy.run()), stopped=True):
        yield f"copied before {at_us} µs, {line}"


def _continued(subject: Subject, run: Simulation, where: str, copy_first: bool) -> Iterator[str]:
    if run.advance(2**62) is not False:
        yield f"the run did not stop at {where}"
        return
    copy = run.fork()
    copy.decision = run.decision
    for one in (copy, run) if copy_first else (run, copy):
        name = "copied" if one is copy else "stopped"
        for line in differences(subject.outcome, outcome(one.run()), stopped=True):
            yield f"{name} at {where}, {line}"
