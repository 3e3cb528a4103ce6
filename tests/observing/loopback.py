"""A server on loopback that speaks the protocol, in a thread of its own, and does what a script tells it.

Without a script it answers every request with as many tokens as are asked for.
"""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Script = Callable[["Server", web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]


@dataclass
class Server:
    """What a loopback server does, and what it has seen."""

    script: Script | None = None
    models: tuple[str, ...] = ("tiny",)
    unknown_fields: tuple[str, ...] = ()  #: refused with HTTP 400
    takes_tokens: bool = True
    tokens_per_word: float = 1.0
    overhead_tokens: int = 0
    gap_s: float = 0.0  #: between two events
    tokens_per_event: int = 1
    metrics: str | None = None
    version: str | None = None
    card: dict[str, Any] = field(default_factory=dict)  #: what the list of models says beside the name
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    stop_listening: Callable[[], None] = lambda: None

    def n_prompt(self, body: dict[str, Any]) -> int:
        prompt = body.get("prompt")
        if isinstance(prompt, list):
            return len(prompt)
        text = prompt if prompt is not None else " ".join(one["content"] for one in body["messages"])
        return self.overhead_tokens + round(self.tokens_per_word * len(text.split()))


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """The server, until the end of the block."""
    loop = asyncio.new_event_loop()
    is_ready, stop = threading.Event(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(_serve(server, is_ready, stop)), daemon=True)
    thread.start()
    assert is_ready.wait(60)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)
        assert not thread.is_alive()
        loop.close()


async def _serve(server: Server, is_ready: threading.Event, stop: asyncio.Event) -> None:
    runner = web.AppRunner(_application(server), handler_cancellation=True, shutdown_timeout=0, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.stop_listening = site._server.close
    server.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    is_ready.set()
    await stop.wait()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await runner.cleanup()


def _application(server: Server) -> web.Application:
    async def models(request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": name, "object": "model", **server.card} for name in server.models]})

    async def version(request: web.Request) -> web.Response:
        if server.version is None:
            raise web.HTTPNotFound
        return web.json_response({"version": server.version})

    async def metrics(request: web.Request) -> web.Response:
        if server.metrics is None:
            raise web.HTTPNotFound
        return web.Response(text=server.metrics)

    async def answer(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        server.bodies.append(body)
        server.headers.append({name.lower(): value for name, value in request.headers.items()})
        for name in server.unknown_fields:
            if name in body or name in body.get("stream_options", {}):
                return refusal(400, f"Unrecognized request argument supplied: {name}")
        if isinstance(body.get("prompt"), list) and not server.takes_tokens:
            return refusal(400, "prompt must be a string")
        return await (server.script or plain)(server, request, body)

    application = web.Application(client_max_size=2**28)
    application.router.add_get("/v1/models", models)
    application.router.add_get("/metrics", metrics)
    application.router.add_get("/version", version)
    application.router.add_post("/v1/completions", answer)
    application.router.add_post("/v1/chat/completions", answer)
    return application


def refusal(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": {"message": message, "code": status}}, status=status, headers=headers)


def usage(server: Server, body: dict[str, Any], n_output: int, n_cached: int = 0) -> dict[str, Any]:
    n_prompt = server.n_prompt(body)
    details = {"cached_tokens": n_cached}
    return {"prompt_tokens": n_prompt, "completion_tokens": n_output, "prompt_tokens_details": details}


def choice(body: dict[str, Any], first: int, n: int, is_last: bool) -> dict[str, Any]:
    """What an event or a whole answer brings: n tokens from the first on."""
    ids = list(range(100 + first, 100 + first + n))
    text = "".join(f" {one}" for one in ids)
    part: dict[str, Any] = {"index": 0, "finish_reason": "length" if is_last else None}
    if "messages" in body:
        part["delta" if body["stream"] else "message"] = {"content": text}
    else:
        part["text"] = text
    if body.get("return_token_ids"):
        part["token_ids"] = ids
    return part


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    await response.prepare(request)
    return response


def event(document: Any) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


async def plain(server: Server, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    """Everything as it should be."""
    n = body.get("max_tokens", body.get("max_completion_tokens"))
    if not body["stream"]:
        return web.json_response({"choices": [choice(body, 0, n, True)], "usage": usage(server, body, n)})
    response = await stream(request)
    options = body.get("stream_options", {})
    for first in range(0, n, server.tokens_per_event):
        if server.gap_s:
            await asyncio.sleep(server.gap_s)
        size = min(server.tokens_per_event, n - first)
        document: dict[str, Any] = {"choices": [choice(body, first, size, first + size == n)]}
        if options.get("continuous_usage_stats"):
            document["usage"] = usage(server, body, first + size)
        await response.write(event(document))
    if options.get("include_usage"):
        await response.write(event({"choices": [], "usage": usage(server, body, n)}))
    await response.write(b"data: [DONE]\n\n")
    await response.write_eof()
    return response
