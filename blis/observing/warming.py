"""Requests that are sent before the run and left out of everything, so that a server has done everything once."""

import asyncio
from typing import Any

import numpy as np

from blis.observing.clock import Clock
from blis.observing.exchange import attempt
from blis.observing.letters import Letters
from blis.observing.protocol.answers import Answer

MOST_AT_ONCE = 16


async def warm_up(letters: Letters, session: Any, n_requests: int) -> dict[str, int]:
    """Send so many requests of the workload's lengths, which say something else than its own; how they ended."""
    rows = np.arange(n_requests) % len(letters.requests)
    room = asyncio.Semaphore(MOST_AT_ONCE)

    async def send(row: int) -> bool:
        async with room:
            tried = await attempt(session, letters.message(row), Clock(), Answer())
        if tried.failure is not None and tried.failure.kind == "interrupted":
            raise asyncio.CancelledError
        return tried.failure is None

    ended = await asyncio.gather(*(send(int(row)) for row in rows))
    return {"requests": n_requests, "ok": sum(ended), "failed": n_requests - sum(ended)}
