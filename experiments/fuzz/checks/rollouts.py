"""Deciding the same again changes nothing; deciding otherwise gives what a fork by hand gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from blis.engine.rollout import ROUTING_DECISION
from blis.explaining.counterfactual.rollout import planned, try_plan
from blis.explaining.counterfactual.sampling import Sampling
from blis.foundation.errors import StalledError
from blis.outcome import outcome
from experiments.fuzz.subject import Subject

MOST_REQUESTS = 60


def check(subject: Subject) -> Iterator[str]:
    """Try sampled decisions again, and otherwise."""
    if subject.stalled or len(subject.requests) > MOST_REQUESTS or subject.case.mode == "python":
        return
    subject.asked.add("rollouts")
    random = subject.random("rollouts")
    finished = subject.finished if subject.case.trace != "none" else subject.start(trace="summary").run()
    sampling = Sampling(
        random.choice((1, 3, 8)), random.choice((0, 2, 4)), random.choice((1, 3)), random.choice((0, 0.001, 2.0))
    )
    plan = planned(finished, sampling, subject.case.choices)
    trace = outcome(finished).trace
    assert trace is not None
    verdict_of = dict(zip(trace.admissions.request.tolist(), trace.admissions.verdict.tolist(), strict=True))
    for row in plan:
        is_routing = row.kind == ROUTING_DECISION
        row.forced = trace.routings.instance[row.place] if is_routing else verdict_of[int(row.place)]
    try:
        same = try_plan(finished, plan, sampling)
        other = try_plan(finished, planned(finished, sampling, subject.case.choices), sampling)
    except StalledError:
        return  # the other future may preempt for ever
    if len(same) != len(plan):
        yield f"{len(plan)} decisions were planned; {len(same)} were tried"
    yield from _unchanged(same)
    for row in other[:: max(1, len(other) // 3)]:
        yield from _by_hand(subject, finished, row)


def _unchanged(same: Any) -> Iterator[str]:
    for name in ("ttft_us", "e2e_us"):
        wrong = same[name] != same[f"real_{name}"]
        if wrong.any():
            row = same[int(wrong.argmax())]
            yield f"decided the same at {row.clock_us} µs, request {row.request} has another {name}: {row[name]}"
    for name in ("others_ttft_us", "others_e2e_us", "others_gained", "others_lost"):
        if same[name].any():
            row = same[int((same[name] != 0).argmax())]
            yield f"decided the same at {row.clock_us} µs (request {row.request}), {name} is {row[name]}"


def _by_hand(subject: Subject, finished: Any, row: Any) -> Iterator[str]:
    """Fork at the decision, decide otherwise, run on, and compare what became of the request and the others."""
    base = subject.start(trace="none", record_steps=False)
    kind = "routing" if row.kind == ROUTING_DECISION else "admission"
    if kind == "routing":
        routings = finished.state.trace.routings  # who is sent on again is routed again
        here = (routings.request == row.request) & (routings.clock_us == row.clock_us)
        base.stop_at_routing(int(np.flatnonzero(here)[0]))
    else:
        base.stop_at_admission(int(row.request))
    if base.advance(2**62) is not False or base.decision != row.chosen:
        yield f"the {kind} of request {row.request} is not {row.chosen} when run up to it"
        return
    fork = base.fork()
    fork.decision = int(row.alternative)
    try:
        fork.run()
    except StalledError:
        return
    here, real = fork.state.requests, finished.state.requests
    for name, times in (("ttft_us", "first_token_us"), ("e2e_us", "finished_us")):
        time_us = here[times][row.request]
        if time_us > row.until_us:
            continue  # not seen by then
        expected = time_us - here.arrival_us[row.request] if time_us >= 0 else -1
        if row[name] != expected:
            yield f"{kind} of request {row.request} to {row.alternative}: {name} {row[name]}; by hand {expected}"
    ended = (here.finished_us >= 0) & (here.finished_us <= row.until_us) & (here.finished_us > row.clock_us)
    really = (real.finished_us >= 0) & (real.finished_us <= row.until_us) & (real.finished_us > row.clock_us)
    ended[row.request] = really[row.request] = False
    change_us = (here.finished_us - here.arrival_us) - (real.finished_us - real.arrival_us)
    expected = {
        "others_completed": int((ended & really).sum()),
        "others_gained": int((ended & ~really).sum()),
        "others_lost": int((really & ~ended).sum()),
        "others_e2e_us": int(change_us[ended & really].sum()),
    }
    for name, value in expected.items():
        if row[name] != value:
            yield f"{kind} of request {row.request} to {row.alternative}: {name} {row[name]}; by hand {value}"
