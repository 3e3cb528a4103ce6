"""The garbage collector while requests are under way: it must not stop them."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: New objects between two collections: they are short here, and each stops everything.
MANY_OBJECTS = 200_000


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Keep the collector from looking through everything that the start has made, again and again."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(MANY_OBJECTS)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
