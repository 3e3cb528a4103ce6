"""One observation from beginning to end: reach the server, agree on the form, send, and keep what came back."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from blis.foundation.errors import ConfigError
from blis.foundation.randomness import stream
from blis.foundation.signals import signals_stop
from blis.observing.agreeing import Agreement, agreed, unprobed
from blis.observing.campaign import Campaign
from blis.observing.clock import Clock
from blis.observing.collecting import seldom_collected
from blis.observing.event_loop import new_event_loop
from blis.observing.exchange import open_session
from blis.observing.journal import NAME, Journal, Recorded, read_journal
from blis.observing.letters import Letters, asked_models
from blis.observing.observation import ERROR, UNSENT, Observation
from blis.observing.prompts.conversations import continued_rows
from blis.observing.prompts.prompts import Prompts
from blis.observing.reaching import Served, check_models, chosen_model, served_models
from blis.observing.results import Observed, finish
from blis.observing.rows import digest_of, unsaid, workload_of
from blis.observing.schedule import Schedule
from blis.observing.server_header import told_before
from blis.observing.server_metrics import Scraper
from blis.observing.settings import ObserveSettings
from blis.observing.stored import keep_config
from blis.observing.warming import warm_up
from blis.workload.requests import Requests

#: Hears how a campaign goes on, until it is over: for people who watch.
Watcher = Callable[[Campaign, int], "contextlib.AbstractAsyncContextManager[None]"]
BUSY_SHARE = 0.7  #: of a core: from here on the client's own work may be part of what it measures
LATE_US = 5_000


class _Part(NamedTuple):
    """What one sitting of an observation works with."""

    settings: ObserveSettings
    requests: Requests
    folder: Path
    earlier: Recorded | None  #: what was recorded before; None: nothing


def observe(
    settings: ObserveSettings, folder: Path, earlier: Recorded | None = None, watcher: Watcher | None = None
) -> Observed:
    """Send a workload and write its trace into a folder that exists.

    Parameters
    ----------
    settings : ObserveSettings
    folder : Path
    earlier : Recorded, optional
        What the journal of the folder holds, of an observation that goes on.
    watcher : callable, optional
        Makes something that watches the campaign.

    Raises
    ------
    ConfigError
        If the settings ask for what is not there, or the workload is not the one that was recorded.
    UnreachableError
        If the server does not answer before the first request is sent.
    """
    requests = workload_of(settings)
    part = _Part(settings, requests, folder, earlier)
    if earlier is not None:
        _check_same(requests, earlier)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(_observe(part, watcher or _nobody))


def recover(settings: ObserveSettings, folder: Path) -> Observed:
    """Write the trace of what a journal holds, and send nothing."""
    requests, recorded = workload_of(settings), read_journal(folder)
    _check_same(requests, recorded)
    observations = _ordered(requests, recorded.observations, "the observation was cut off before", settings)
    more = {"interrupted": True, "notes": [*requests.notes, *_cut_notes(recorded)]}
    metrics = finish(folder, requests, observations, recorded.head, more)
    return Observed(metrics, False)


def prompt_seed(settings: ObserveSettings) -> int:
    """The seed of what prompts say: the one that is set, or another one each time."""
    return int.from_bytes(os.urandom(6), "little") if settings.prompt_seed is None else settings.prompt_seed


async def _observe(part: _Part, watcher: Watcher) -> Observed:
    settings, requests = part.settings, part.requests
    server = settings.server
    key = os.environ.get(server.api_key_variable)
    async with open_session(server.url, key, server.timeout_s, server.connect_timeout_s) as session:
        served = await served_models(session, server.url, server.wait_s) if server.probe else Served()
        model = chosen_model(server.model, served.names, server.url)
        check_models(asked_models(requests), server.models, served.names)
        needs_ids = bool((continued_rows(requests) >= 0).any())
        agreement = unprobed(server, model, needs_ids)
        if server.probe:
            agreement = await agreed(session, server, model, needs_ids)
        seed = prompt_seed(settings)
        warmed = await _warmed(part, agreement, session, seed)
        return await _sent(part, agreement, session, seed, served, warmed, watcher)


async def _warmed(part: _Part, agreement: Agreement, session: Any, seed: int) -> Mapping[str, int] | None:
    n_requests = part.settings.warm_up_requests
    if not n_requests:
        return None
    salt = int(stream(seed, "prompts", "warm-up").integers(2**62))
    prompts = Prompts(part.requests, salt, agreement.writer)
    return await warm_up(Letters(part.requests, prompts, agreement.form, part.settings.server), session, n_requests)


async def _sent(
    part: _Part,
    agreement: Agreement,
    session: Any,
    seed: int,
    served: Served,
    warmed: Mapping[str, int] | None,
    watcher: Watcher,
) -> Observed:
    settings, requests, folder = part.settings, part.requests, part.folder
    salt = int(stream(seed, "prompts").integers(2**62))
    prompts = Prompts(requests, salt, agreement.writer)
    letters = Letters(requests, prompts, agreement.form, settings.server)
    kept = _kept_rows(requests, part.earlier)
    schedule = Schedule(
        requests,
        settings.concurrency is None,
        settings.sessions_in_order or settings.concurrency is not None,
        {row: one.end_us for row, one in kept.items()},
    )
    keep_config(folder, settings.document, seed)
    start_us = _start_us(schedule, kept, settings)
    if part.earlier is None:
        head: Mapping[str, Any] = {
            "workload": digest_of(requests),
            "model": agreement.form.model,
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "server": await told_before(session, served) if settings.server.probe else {},
        }
        journal = Journal(folder / NAME, head)
    else:
        head = {**part.earlier.head, "model": agreement.form.model}
        journal = Journal(folder / NAME, at_bytes=part.earlier.end_bytes)
        journal.go_on(start_us)
    clock = Clock(start_us)
    scraper = Scraper(session, settings.server.metrics_path, clock, folder)
    async with _scraped(scraper, settings.scrape_s):
        campaign = Campaign(
            letters, schedule, session, clock, journal.add, settings.concurrency, settings.horizon_us, settings.retries
        )
        while campaign.make_ahead():
            pass
        with seldom_collected(), signals_stop(campaign.stop):
            async with watcher(campaign, len(requests) - len(kept)):
                clock.restart(start_us)
                cpu_s, wall_s = time.process_time(), time.monotonic()
                await campaign.run()
        busy_share = (time.process_time() - cpu_s) / max(time.monotonic() - wall_s, 1e-9)
    journal.close()
    by_row = {**kept, **campaign.observations}
    observations = [by_row[row] for row in range(len(requests))]
    more = {
        "interrupted": campaign.is_stopped,
        "parts": 1 if part.earlier is None else part.earlier.n_parts + 1,
        "client_busy_share": busy_share,
        "warm_up": warmed,
        "prompts": "tokens" if agreement.form.takes_tokens else "text",
        "prompts_with_unknown_answers": prompts.n_made_up,
    }
    notes = [*requests.notes, *unsaid(requests, served), *agreement.notes, *_doubts(campaign, prompts, busy_share)]
    if part.earlier is not None:
        notes += _cut_notes(part.earlier)
    if scraper.n_failed:
        notes.append(f"{scraper.n_failed} readings of {settings.server.metrics_path} failed")
    return Observed(finish(folder, requests, observations, head, {**more, "notes": notes}), campaign.is_stopped)


@asynccontextmanager
async def _scraped(scraper: Scraper, every_s: float | None) -> AsyncIterator[None]:
    """The server's metrics before, during and after; a server without any is not asked again."""
    if every_s is None or not await scraper.scrape():
        scraper.n_failed = 0  # there are none: nothing has failed
        yield
        return
    task = asyncio.get_running_loop().create_task(scraper.repeat(every_s))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await scraper.scrape()


@asynccontextmanager
async def _nobody(campaign: Campaign, n_requests: int) -> AsyncIterator[None]:
    yield


def _check_same(requests: Requests, recorded: Recorded) -> None:
    if recorded.head.get("workload") != digest_of(requests):
        raise ConfigError(
            "resume: the requests of the workload must be those that were recorded; they are others now. Has a log "
            "changed, or the version of blis?"
        )


def _kept_rows(requests: Requests, earlier: Recorded | None) -> dict[int, Observation]:
    """What need not be sent again: what has ended by itself, well or not."""
    if earlier is None:
        return {}
    row_of = {number: row for row, number in enumerate(requests.number.tolist())}
    return {row_of[one.number]: one for one in earlier.observations.values() if not one.is_unfinished}


def _start_us(schedule: Schedule, kept: Mapping[int, Observation], settings: ObserveSettings) -> int:
    """What the clock says when an observation goes on: the time of the first request that is missing."""
    if not kept:
        return 0
    latest_us = max(one.end_us for one in kept.values())
    due_us = schedule.next_due_us()
    return latest_us if due_us is None or settings.concurrency is not None else due_us


def _ordered(
    requests: Requests, found: Mapping[int, Observation], why: str, settings: ObserveSettings
) -> list[Observation]:
    """One observation for each request; those that are not there were not sent."""
    ordered = []
    for row, number in enumerate(requests.number.tolist()):
        one = found.get(number)
        if one is None:
            is_streamed = settings.server.streaming == "all" or (
                settings.server.streaming == "workload" and bool(requests.streaming[row])
            )
            one = Observation(
                number=number,
                arrival_us=int(requests.arrival_us[row]),
                asked_prompt_tokens=int(requests.input_tokens[row]),
                asked_output_tokens=int(requests.output_tokens[row]),
                streamed=is_streamed,
                status=ERROR,
                kind=UNSENT,
                message=f"not sent, or not ended: {why}",
            )
        ordered.append(one)
    return ordered


def _cut_notes(recorded: Recorded) -> list[str]:
    return ["the last line of the journal was cut off, and is left out"] if recorded.n_cut else []


def _doubts(campaign: Campaign, prompts: Prompts, busy_share: float) -> list[str]:
    """What makes the figures less sure."""
    notes = []
    late_us = sorted(one.send_us - one.arrival_us for one in campaign.observations.values() if one.kind != UNSENT)
    if late_us and late_us[len(late_us) // 2] > LATE_US:
        notes.append(
            f"half of the requests were sent more than {LATE_US / 1000:g} ms late: this machine did not keep up"
        )
    if busy_share > BUSY_SHARE:
        notes.append(f"this process was busy {busy_share:.0%} of the time: part of the latencies may be its own")
    if prompts.n_made_up:
        notes.append(
            f"{prompts.n_made_up} prompts go on with a conversation whose answer was not known when they were sent: "
            "the server has not seen that part"
        )
    return notes
