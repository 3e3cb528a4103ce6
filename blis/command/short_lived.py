"""The garbage collector while a process starts and ends: imports make much to look through and nothing to find."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: New objects between two collections: more than a single run makes, and few enough for a long sweep.
MANY_OBJECTS = 400_000


@contextmanager
def short_lived() -> Iterator[None]:
    """Collect seldom, and leave what is there at the end to the operating system.

    For a process that has nothing else to do afterwards: what is still referred to by cycles then is never collected.
    """
    gc.set_threshold(MANY_OBJECTS)
    try:
        yield
    finally:
        gc.freeze()  # else the interpreter looks through everything, more than once, before it leaves


@contextmanager
def short_start() -> Iterator[Callable[[], None]]:
    """As `short_lived`, for a process that works long once it has started.

    Gives what is to be called then: from the first call on it collects as before, but never looks through what the
    start has made.
    """
    thresholds, is_over = gc.get_threshold(), False

    def started() -> None:
        nonlocal is_over
        if not is_over:
            is_over = True
            gc.freeze()
            gc.set_threshold(*thresholds)

    with short_lived():
        yield started
