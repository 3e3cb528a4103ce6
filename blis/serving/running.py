"""Runs a server from its start to its end: ports, signals, and what is left behind."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from collections.abc import Sequence as Several
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from blis.foundation.errors import ConfigError
from blis.foundation.signals import signals_stop
from blis.serving.clock import Clock
from blis.serving.deployment import deployments
from blis.serving.engine import Engine
from blis.serving.front import Front
from blis.serving.pacing import Pacer
from blis.serving.publishing import Publishing
from blis.serving.settings import ServeSettings

#: Between two looks at whether the last answers have ended [s].
_LOOK_S = 0.02


@dataclass(slots=True)
class Served:
    """What a server leaves behind when it ends."""

    fronts: list[Front]
    real_s: float
    unfinished: int  #: answers that were cut off


@dataclass(slots=True)
class Ports:
    """What a server has while it runs."""

    fronts: list[Front] = field(default_factory=list)
    runners: list[Any] = field(default_factory=list)  #: aiohttp's
    addresses: list[tuple[str, int]] = field(default_factory=list)
    pacers: list[asyncio.Task[None]] = field(default_factory=list)
    publishings: list[Publishing] = field(default_factory=list)


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
    engines = engines_of(settings)  # takes a while where kernels must be compiled: no loop shall wait for it
    return asyncio.run(_serve_until_told(settings, engines))


def engines_of(settings: ServeSettings) -> list[Engine]:
    """The engines behind the ports, ready to start.

    Raises
    ------
    ConfigError
        If the scenario cannot be built.
    """
    prepared = deployments(settings.scenario, settings.behind)
    seed, with_hashes, forgets = settings.scenario.seed, settings.kv_events is not None, settings.record is None
    return [Engine(one, seed=seed, with_hashes=with_hashes, forgets=forgets) for one in prepared]


@asynccontextmanager
async def serving(settings: ServeSettings, engines: Several[Engine]) -> AsyncIterator[Ports]:
    """The ports of a server, which answers until the context ends."""
    clock, ports = Clock(settings.speed), Ports()
    ports.fronts = [Front(Pacer(engine, clock), settings, place) for place, engine in enumerate(engines)]
    try:
        for front in ports.fronts:
            await _listen(front, settings, ports)
            if settings.kv_events is not None:
                _publish(front, settings, ports)
        ports.pacers = [asyncio.create_task(front.pacer.run()) for front in ports.fronts]
        yield ports
    finally:
        for pacer in ports.pacers:
            pacer.cancel()
        for runner in ports.runners:
            await runner.cleanup()
        await asyncio.gather(*ports.pacers, return_exceptions=True)
        for publishing in ports.publishings:
            publishing.close()


async def _serve_until_told(settings: ServeSettings, engines: Several[Engine]) -> Served:
    stop = asyncio.Event()
    with signals_stop(stop.set):
        return await _serve(settings, engines, stop)


async def _serve(settings: ServeSettings, engines: Several[Engine], stop: asyncio.Event) -> Served:
    started_s = time.monotonic()
    async with serving(settings, engines) as ports:
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait(
            [stopped, *ports.pacers], return_when=asyncio.FIRST_COMPLETED, timeout=settings.duration_s
        )  # fmt: skip
        stopped.cancel()
        real_s = time.monotonic() - started_s
        for pacer in ports.pacers:
            if pacer.done():
                pacer.result()  # why it has ended
        for runner in ports.runners:
            for site in list(runner.sites):
                await site.stop()
        await _drain(ports.fronts, settings.drain_s, stop)
        for front in ports.fronts:
            front.is_ending = True
        return Served(ports.fronts, real_s, sum(front.engine.n_in_flight for front in ports.fronts))


async def _drain(fronts: Several[Front], drain_s: float, stop: asyncio.Event) -> None:
    """Let answers that have begun go on for a while; a second signal ends that."""
    stop.clear()
    until_s = time.monotonic() + drain_s
    while time.monotonic() < until_s and not stop.is_set() and any(front.engine.n_in_flight for front in fronts):
        await asyncio.sleep(_LOOK_S)


async def _listen(front: Front, settings: ServeSettings, ports: Ports) -> None:
    from aiohttp import web

    from blis.serving.app import application

    runner = web.AppRunner(
        application(front), handle_signals=False, access_log=None, handler_cancellation=True, shutdown_timeout=1.0
    )
    await runner.setup()
    ports.runners.append(runner)
    port = settings.port + front.place if settings.port else 0
    if port > 65535:
        raise ConfigError(f"port must leave room for {len(ports.fronts)} instances below 65536; got {settings.port}.")
    try:
        await web.TCPSite(runner, settings.host, port, backlog=2048).start()
    except OSError as error:
        raise ConfigError(
            f"port {port} on {settings.host!r} cannot be served: {error.strerror or error}. "
            "Choose another port= or host=."
        ) from error
    host, port = runner.addresses[0][:2]
    ports.addresses.append((host, port))
    shown_host = f"[{host}]" if ":" in host else host
    what = "all instances behind the router" if settings.behind == "router" else f"instance {front.place}"
    print(f"serving {', '.join(front.models)} on http://{shown_host}:{port} ({what})", file=sys.stderr, flush=True)


def _publish(front: Front, settings: ServeSettings, ports: Ports) -> None:
    assert settings.kv_events is not None
    first = sum(one.n_instances for one in ports.publishings)
    publishing = Publishing(front, settings.kv_events, ports.addresses[-1], first)
    ports.publishings.append(publishing)
    front.pacer.on_turn.append(lambda is_idle: publishing.look(is_idle=is_idle))


def _check_packages(settings: ServeSettings) -> None:
    names = ["aiohttp", "prometheus_client", *(("zmq", "msgpack") if settings.kv_events else ())]
    for name in names:
        try:
            __import__(name)
        except ImportError as error:
            raise ConfigError(
                f"blis.serve needs the package {name}; install it with: pip install 'blis[real]'."
            ) from error
