"""One observation from beginning to end: reach the server, agree on the form, send, and keep what came back."""

import asyncio
import hashlib
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from blis.foundation.files import folder_aside
from blis.foundation.placing import place_together
from blis.observing.campaign import Campaign
from blis.observing.clock import Clock
from blis.observing.exchange import open_session
from blis.observing.journal import NAME, Journal
from blis.observing.letters import Letters, asked_models
from blis.observing.observation import Observation
from blis.observing.prompts.prompts import Prompts, TokenWriter
from blis.observing.protocol.form import OPTIONAL_FIELDS, Form
from blis.observing.reaching import check_models, chosen_model, served_models
from blis.observing.schedule import Schedule
from blis.observing.settings import ObserveSettings
from blis.observing.trace_files import write_trace
from blis.workload.plan import generate_requests
from blis.workload.requests import Requests


class Observed(NamedTuple):
    """What came of an observation."""

    requests: Requests
    observations: list[Observation]  #: one for each request, in its order
    was_interrupted: bool
    notes: tuple[str, ...]


def workload_of(settings: ObserveSettings) -> Requests:
    """The requests that are sent."""
    requests = generate_requests(settings.workload, settings.seed, settings.prompt_block_tokens)
    return requests if settings.max_requests is None else first_requests(requests, settings.max_requests)


def first_requests(requests: Requests, most: int) -> Requests:
    """The first so many requests: whoever they wait for is earlier, and so among them."""
    if most >= len(requests):
        return requests
    names = [name for name in requests.__dataclass_fields__ if name not in ("key_offsets", "keys")]
    cut = {name: getattr(requests, name)[:most] for name in names if isinstance(getattr(requests, name), np.ndarray)}
    offsets = requests.key_offsets[: most + 1]
    return replace(requests, **cut, key_offsets=offsets, keys=requests.keys[: offsets[-1]])


def workload_digest(requests: Requests) -> str:
    """What differs where any request differs."""
    digest = hashlib.sha256()
    for name in requests.__dataclass_fields__:
        value = getattr(requests, name)
        if name not in ("notes", "networks", "retries"):
            digest.update(name.encode())
            digest.update(
                np.ascontiguousarray(value).tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
            )
    return digest.hexdigest()


def observe(settings: ObserveSettings, folder: Path) -> Observed:
    """Send the workload and write its trace into a folder that exists."""
    requests = workload_of(settings)
    return asyncio.run(_observe(settings, requests, folder))


async def _observe(settings: ObserveSettings, requests: Requests, folder: Path) -> Observed:
    server = settings.server
    key = os.environ.get(server.api_key_variable)
    async with open_session(server.url, key, server.timeout_s, server.connect_timeout_s) as session:
        served = await served_models(session, server.url, server.wait_s) if server.probe else []
        model = chosen_model(server.model, served, server.url)
        check_models(asked_models(requests), server.models, served)
        fields = frozenset(OPTIONAL_FIELDS)
        form = Form(server.endpoint, model, True, fields, extra=server.body)
        salt = settings.prompt_seed if settings.prompt_seed is not None else int.from_bytes(os.urandom(6))
        prompts = Prompts(requests, salt, TokenWriter(server.lowest_token, server.highest_token))
        head = {"workload": workload_digest(requests), "created_at": datetime.now(UTC).isoformat(timespec="seconds")}
        journal = Journal(folder / NAME, head)
        clock = Clock()
        schedule = Schedule(requests, settings.concurrency is None, settings.sessions_in_order)
        campaign = Campaign(
            Letters(requests, prompts, form, server),
            schedule,
            session,
            clock,
            journal.add,
            settings.concurrency,
            settings.horizon_us,
            settings.retries,
        )
        with _signals(campaign):
            await campaign.run()
        journal.close()
    observations = [campaign.observations[row] for row in range(len(requests))]
    _write(folder, requests, observations, {"model": model}, head)
    return Observed(requests, observations, campaign.is_stopped, requests.notes)


def _write(
    folder: Path,
    requests: Requests,
    observations: list[Observation],
    server: Mapping[str, Any],
    head: Mapping[str, Any],
) -> None:
    with folder_aside(folder) as aside:
        write_trace(aside, requests, observations, server, str(head["created_at"]))
        made = sorted(aside.iterdir())
        place_together(made, [folder / path.name for path in made], True)


@contextmanager
def _signals(campaign: Campaign) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM stop a campaign instead of the program."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    names = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(name) for name in names]
    for name in names:
        loop.add_signal_handler(name, campaign.stop)
    try:
        yield
    finally:
        for name, handler in zip(names, before, strict=True):
            loop.remove_signal_handler(name)
            signal.signal(name, handler)
