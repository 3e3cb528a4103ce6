"""The routes of one port, over aiohttp."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from blis.serving.asking import asked_of, parsed, token_ids
from blis.serving.calls import Call
from blis.serving.errors import Refusal, bad_request, unavailable
from blis.serving.exposition import exposition
from blis.serving.front import Front
from blis.serving.tokenizer import ALL_IDS, text_of

#: Of a body: a prompt of a million ids with its commas has less.
_MOST_BYTES = 64 * 2**20
#: Where SGLang's router asks its workers what they serve.
_SGLANG_PATHS = ("/get_model_info", "/model_info", "/get_server_info", "/server_info")
_EVENT_STREAM = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}


def application(front: Front) -> web.Application:
    """The application of one port."""
    routes = _Routes(front)
    app = web.Application(client_max_size=_MOST_BYTES, middlewares=[_refusals(front)])
    app.add_routes(
        [
            web.post("/v1/completions", routes.completions),
            web.post("/v1/chat/completions", routes.chat),
            web.post("/v1/completions/render", routes.rendered_completions),
            web.post("/v1/chat/completions/render", routes.rendered_chat),
            web.get("/v1/models", routes.models),
            web.get("/v1/models/{name:.+}", routes.model),
            web.get("/health", routes.health),
            web.get("/ping", routes.health),
            web.post("/ping", routes.health),
            web.get("/load", routes.load),
            web.get("/version", routes.version),
            *(web.get(path, routes.served) for path in _SGLANG_PATHS),
            web.get("/metrics", routes.metrics),
            web.post("/tokenize", routes.tokenize),
            web.post("/detokenize", routes.detokenize),
        ]
    )
    return app


def _refusals(front: Front) -> Any:
    @web.middleware
    async def answer(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refusal as refusal:
            if refusal.status in (429, 503):
                front.counts.refused += 1
            else:
                front.counts.wrong += 1
            return web.json_response(refusal.body(), status=refusal.status, headers=refusal.headers())
        except web.HTTPException as error:
            front.counts.wrong += 1
            kind = "NotFoundError" if error.status == 404 else "BadRequestError"
            return web.json_response(Refusal(error.status, error.reason, kind).body(), status=error.status)

    return answer


class _Routes:
    def __init__(self, front: Front) -> None:
        self._front = front

    async def completions(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, is_chat=False)

    async def chat(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, is_chat=True)

    async def rendered_completions(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(await self._rendered(request, is_chat=False))

    async def rendered_chat(self, request: web.Request) -> web.StreamResponse:
        return web.json_response((await self._rendered(request, is_chat=True))[0])

    async def models(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"object": "list", "data": [self._card(name) for name in self._front.models]})

    async def model(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in self._front.models:
            raise Refusal(404, f"The model `{name}` does not exist.", "NotFoundError", "model")
        return web.json_response(self._card(name))

    async def health(self, request: web.Request) -> web.StreamResponse:
        failure = self._front.pacer.failure
        if failure is not None:
            raise unavailable(f"The simulation has failed: {failure}", self._front.settings.retry_after_s)
        return web.Response()

    async def load(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"server_load": self._front.engine.n_in_flight})

    async def version(self, request: web.Request) -> web.StreamResponse:
        from importlib.metadata import version

        return web.json_response({"version": f"blis {version('blis')}"})

    async def served(self, request: web.Request) -> web.StreamResponse:
        name = self._front.models[0]
        named = {"model_path": name, "served_model_name": name, "tokenizer_path": name}
        return web.json_response({**named, "model_id": name, "is_generation": True, "dp_size": 1})

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        text, content_type = exposition(self._front)
        return web.Response(body=text, headers={"Content-Type": content_type})

    async def tokenize(self, request: web.Request) -> web.StreamResponse:
        body = parsed(await request.read())
        if "messages" in body:
            ids = list(asked_of({"messages": body["messages"]}, self._front.tokenizer, is_chat=True).prompts[0])
        else:
            ids = token_ids(body.get("prompt"), self._front.tokenizer)
        return web.json_response(
            {"count": len(ids), "max_model_len": self._front.max_model_len or None, "tokens": ids, "token_strs": None}
        )

    async def detokenize(self, request: web.Request) -> web.StreamResponse:
        ids = parsed(await request.read()).get("tokens")
        if not isinstance(ids, list) or not all(type(one) is int and 0 <= one < ALL_IDS for one in ids):
            raise bad_request(f"tokens must be a list of ids in [0, {ALL_IDS}).", "tokens")
        return web.json_response({"prompt": text_of(ids)})

    def _card(self, name: str) -> dict[str, Any]:
        return {
            "id": name,
            "object": "model",
            "created": int(self._front.pacer.clock.started_unix_s),
            "owned_by": "blis",
            "root": name,
            "parent": None,
            "max_model_len": self._front.max_model_len or None,
        }

    async def _answer(self, request: web.Request, *, is_chat: bool) -> web.StreamResponse:
        front = self._front
        front.counts.requests += 1
        await self.health(request)
        asked = asked_of(parsed(await request.read()), front.tokenizer, is_chat=is_chat)
        call = front.call(asked, request.headers)
        try:
            await call.begun
            response = await (self._stream(request, call) if asked.streams else self._whole(call))
        except (asyncio.CancelledError, ConnectionError):
            front.abandon(call)
            raise
        if call.refusal is None:
            front.counts.answered += 1
        return response

    async def _rendered(self, request: web.Request, *, is_chat: bool) -> list[dict[str, Any]]:
        """The ids of prompts, as routers ask for them that look for a prompt's blocks in what instances have cached."""
        asked = asked_of(parsed(await request.read()), self._front.tokenizer, is_chat=is_chat)
        name = asked.model or self._front.models[0]
        return [
            {"request_id": f"render-{place}", "token_ids": ids, "model": name, "sampling_params": {}, "stream": False}
            for place, ids in enumerate(asked.prompts)
        ]

    async def _whole(self, call: Call) -> web.StreamResponse:
        await call.ended
        return web.json_response(call.body())

    async def _stream(self, request: web.Request, call: Call) -> web.StreamResponse:
        response = web.StreamResponse(headers=_EVENT_STREAM)
        is_chunked = request.version >= (1, 1)
        if is_chunked:
            response.enable_chunked_encoding()
        await response.prepare(request)
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client has gone")
        call.connect(transport, is_chunked=is_chunked)
        try:
            await call.ended
        except Refusal as refusal:  # it is too late for another status
            self._front.counts.refused += 1
            call.tell(refusal)
        await response.write_eof()
        return response
