"""Runs a server from its start to its end: ports, signals, and what is left behind."""

import asyncio
import signal
import sys
import time
from collections.abc import Sequence as Several
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from blis.engine.loop import compiled_loop
from blis.foundation.errors import ConfigError
from blis.prepare import PreparedRun
from blis.serving.clock import Clock
from blis.serving.deployment import deployments
from blis.serving.engine import Engine
from blis.serving.front import Front
from blis.serving.pacing import Pacer
from blis.serving.settings import ServeSettings


@dataclass(slots=True)
class Served:
    """What a server leaves behind when it ends."""

    fronts: list[Front]
    real_s: float
    unfinished: int  #: answers that were cut off


def serve(settings: ServeSettings) -> Served:
    """Serve until a signal, or the settings, end it.

    Raises
    ------
    ConfigError
        If a package is missing, the scenario cannot be built, or a port cannot be had.
    StalledError, ContractError
        If the simulation fails.
    """
    _check_packages(settings)
    prepared = deployments(settings.scenario, settings.behind)
    compiled_loop()  # made or loaded before the clock starts
    return asyncio.run(_serve(settings, prepared))


def _check_packages(settings: ServeSettings) -> None:
    names = ["aiohttp", "prometheus_client", *(("zmq", "msgpack") if settings.kv_events else ())]
    for name in names:
        try:
            __import__(name)
        except ImportError as error:
            raise ConfigError(
                f"blis.serve needs the package {name}; install it with: pip install 'blis[real]'."
            ) from error


async def _serve(settings: ServeSettings, prepared: Several[PreparedRun]) -> Served:
    clock = Clock(settings.speed)
    fronts = [
        Front(Pacer(Engine(one, seed=settings.scenario.seed), clock), settings, place)
        for place, one in enumerate(prepared)
    ]
    stop = _stopped_by_signals()
    runners = [await _listen(front, settings, place) for place, front in enumerate(fronts)]
    pacers = [asyncio.create_task(front.pacer.run()) for front in fronts]
    started_s = time.monotonic()
    with suppress(TimeoutError):
        async with asyncio.timeout(settings.duration_s):
            await asyncio.wait([asyncio.create_task(stop.wait()), *pacers], return_when=asyncio.FIRST_COMPLETED)
    real_s = time.monotonic() - started_s
    for runner in runners:
        for site in list(runner.sites):
            await site.stop()
    await _drain(fronts, settings.drain_s, stop)
    unfinished = sum(front.engine.n_in_flight for front in fronts)
    for runner in runners:
        await runner.cleanup()
    for pacer in pacers:
        pacer.cancel()
    results = await asyncio.gather(*pacers, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
    return Served(fronts, real_s, unfinished)


async def _drain(fronts: Several[Front], drain_s: float, stop: asyncio.Event) -> None:
    """Let answers that have begun go on for a while; a second signal ends that."""
    stop.clear()
    until_s = time.monotonic() + drain_s
    while time.monotonic() < until_s and not stop.is_set() and any(front.engine.n_in_flight for front in fronts):
        await asyncio.sleep(0.02)


def _stopped_by_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError, RuntimeError, ValueError):  # not in the main thread
            loop.add_signal_handler(number, stop.set)
    return stop


async def _listen(front: Front, settings: ServeSettings, place: int) -> Any:
    from aiohttp import web

    from blis.serving.app import application

    runner = web.AppRunner(application(front), handle_signals=False, access_log=None, handler_cancellation=True,
                           shutdown_timeout=1.0)  # fmt: skip
    await runner.setup()
    port = settings.port + place if settings.port else 0
    if port > 65535:
        raise ConfigError(f"port must leave room for {place + 1} instances below 65536; got {settings.port}.")
    try:
        await web.TCPSite(runner, settings.host, port, backlog=2048).start()
    except OSError as error:
        await runner.cleanup()
        raise ConfigError(
            f"port {port} on {settings.host!r} cannot be served: {error.strerror or error}. Choose another port=."
        ) from error
    address = runner.addresses[0]
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    what = "all instances behind the router" if settings.behind == "router" else f"instance {place}"
    print(f"serving {', '.join(front.models)} on http://{host}:{address[1]} ({what})", file=sys.stderr, flush=True)
    return runner
