"""An event loop that looks at its clock often: what comes in at once is taken in small portions.

A server that computes for a thousand streams answers all of them in the same moment. A plain loop reads all thousand
before it looks who is to be sent, and everybody who is due meanwhile is late.
"""

import asyncio
import select
import selectors
from math import ceil
from typing import Any

MOST_AT_ONCE = 32  #: connections that are read between two looks at the clock


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A loop of this kind; a plain one where the system has no epoll."""
    if not hasattr(select, "epoll"):
        return asyncio.new_event_loop()
    return asyncio.SelectorEventLoop(_bounded_selector())


def _bounded_selector() -> Any:
    """A selector that tells of a few ready files at a time.

    The kernel puts those that it has told of behind the others, so nobody is passed over.
    """

    class BoundedSelector(selectors.EpollSelector):
        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            wait_s = -1.0 if timeout is None else max(0.0, ceil(timeout * 1e3) * 1e-3)  # epoll counts milliseconds
            try:
                told = self._selector.poll(wait_s, MOST_AT_ONCE)  # type: ignore[attr-defined]
            except InterruptedError:
                return []
            known, ready = self.get_map(), []
            for file, events in told:
                key = known.get(file)
                if key is not None:
                    mask = (events & ~select.EPOLLIN and selectors.EVENT_WRITE) | (
                        events & ~select.EPOLLOUT and selectors.EVENT_READ
                    )
                    ready.append((key, mask & key.events))
            return ready

    return BoundedSelector()
