"""Ctrl-C and SIGTERM while requests are under way: what is known is kept."""

import asyncio
import gc
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: New objects between two collections: they are short here, and each stops everything.
MANY_OBJECTS = 200_000


@contextmanager
def signals_stop(stop: Callable[[], None]) -> Iterator[None]:
    """Let both signals call `stop` within the running loop instead of ending the program."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    names = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(name) for name in names]
    for name in names:
        loop.add_signal_handler(name, stop)
    try:
        yield
    finally:
        for name, handler in zip(names, before, strict=True):
            loop.remove_signal_handler(name)
            signal.signal(name, handler)


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
