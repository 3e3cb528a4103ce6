"""The garbage collector in a process that lives for a second: imports make much to look through and nothing to find."""

import gc
from collections.abc import Iterator
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
