"""Ctrl-C and SIGTERM within a running event loop: what is known is kept."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


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
