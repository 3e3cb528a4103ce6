"""A bar on a terminal's standard error that says how many requests were sent, are under way, are ok and failed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from blis.observing.campaign import Campaign

EVERY_S = 0.25


@asynccontextmanager
async def bar(campaign: Campaign, n_requests: int) -> AsyncIterator[None]:
    """The bar, as long as the block lasts."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    progress = Progress(
        TextColumn("observing"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("sent {task.fields[sent]}, running {task.fields[running]}"),
        TextColumn("[green]ok {task.fields[ok]}[/], [red]failed {task.fields[failed]}[/]"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        refresh_per_second=1 / EVERY_S,
    )
    with progress:
        task = progress.add_task("", total=n_requests, sent=0, running=0, ok=0, failed=0)

        def show() -> None:
            n_ok = campaign.n_ok
            n_ended = len(campaign.observations)
            progress.update(
                task,
                completed=n_ended,
                sent=campaign.n_sent,
                running=campaign.n_running,
                ok=n_ok,
                failed=n_ended - n_ok,
            )

        async def repeat() -> None:
            while True:
                show()
                await asyncio.sleep(EVERY_S)

        repeating = asyncio.get_running_loop().create_task(repeat())
        try:
            yield
        finally:
            repeating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await repeating
            show()
