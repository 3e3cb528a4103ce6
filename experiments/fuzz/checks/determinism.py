"""Same seed, same bytes: requests drawn again are the same, and so is what becomes of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from blis.foundation.errors import StalledError
from blis.outcome import outcome
from experiments.fuzz.sameness import differences
from experiments.fuzz.subject import Subject


def check(subject: Subject) -> Iterator[str]:
    """Do everything again, from the seed on."""
    again = subject.make_requests()
    for name in again.__dataclass_fields__:
        one, other = getattr(subject.requests, name), getattr(again, name)
        same = np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other
        if not same:
            yield f"drawn again, the requests differ in {name}"
    simulation = subject.start(again)
    stalled = ""
    try:
        simulation.run()
    except StalledError as error:
        stalled = str(error)
    if stalled != subject.stalled:
        yield f"run again, it ends with {stalled!r} instead of {subject.stalled!r}"
    for line in differences(subject.outcome, outcome(simulation)):
        yield f"run again, {line}"
