"""What a server does not take is left out, once, and said."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from blis.foundation.errors import BlisError
from blis.observing.conducting import observe
from blis.observing.settings import ObserveSettings
from tests.observing.loopback import Server, event, plain, refusal, stream

Settings = Callable[..., ObserveSettings]


def test_fields_that_a_server_refuses_are_left_out_and_named(settings: Settings, folder: Path, server: Server) -> None:
    server.unknown_fields = ("min_tokens", "ignore_eos", "continuous_usage_stats")

    observed = observe(settings(server.url, server__probe=True), folder)

    assert observed.metrics["ok"] == 5
    refused = [note for note in observed.metrics["notes"] if "is left out" in note]
    assert {note.split()[3].rstrip(":") for note in refused} == set(server.unknown_fields)
    assert len(refused) == 3
    for body in server.bodies[-5:]:
        assert not {"min_tokens", "ignore_eos"} & body.keys()
        assert body["stream_options"] == {"include_usage": True}


def test_prompts_become_text_where_ids_are_refused(settings: Settings, folder: Path, server: Server) -> None:
    server.takes_tokens = False

    observed = observe(settings(server.url, server__probe=True), folder)

    assert observed.metrics["ok"] == 5
    assert observed.metrics["prompts"] == "text"
    assert "the server takes no token ids as a prompt: prompts are text" in observed.metrics["notes"]


def test_ids_that_are_wanted_and_refused_end_the_run(settings: Settings, folder: Path, server: Server) -> None:
    server.takes_tokens = False

    with pytest.raises(BlisError, match=r"takes no request: HTTP 400: prompt must be a string"):
        observe(settings(server.url, server__probe=True, server__prompts="tokens"), folder)


def test_newer_name_of_the_length_is_taken(settings: Settings, folder: Path, server: Server) -> None:
    async def newer(server: Server, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if "max_tokens" in body:
            return refusal(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        return await plain(server, request, body)

    server.script = newer

    observed = observe(settings(server.url, server__probe=True, server__endpoint="chat"), folder)

    assert observed.metrics["ok"] == 5
    assert {body["max_completion_tokens"] for body in server.bodies[-5:]} == {3}


def test_server_that_does_not_stream_is_told_from_one_that_fails(
    settings: Settings, folder: Path, server: Server
) -> None:
    async def whole(server: Server, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return await plain(server, request, {**body, "stream": False})

    server.script = whole

    with pytest.raises(BlisError, match=r"server\.streaming must be none where a server does not stream"):
        observe(settings(server.url, server__probe=True), folder)


def test_key_that_is_missing_is_said(settings: Settings, folder: Path, server: Server) -> None:
    async def locked(server: Server, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return refusal(401, "You did not provide an API key")

    server.script = locked

    with pytest.raises(BlisError, match="HTTP 401: You did not provide an API key"):
        observe(settings(server.url, server__probe=True), folder)


def test_ids_are_asked_for_where_they_alone_count_tokens(settings: Settings, folder: Path, server: Server) -> None:
    async def ids_only(server: Server, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        body = {**body, "stream_options": {"include_usage": True}}
        return await plain(server, request, body)

    server.script, server.tokens_per_event = ids_only, 3

    observed = observe(settings(server.url, server__probe=True), folder)

    assert all(body["return_token_ids"] for body in server.bodies[-5:])
    assert not any("does not say how many tokens" in note for note in observed.metrics["notes"])


def test_server_without_usage_counts_events_and_says_so(settings: Settings, folder: Path, server: Server) -> None:
    async def silent(server: Server, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        response = await stream(request)
        for _ in range(body["max_tokens"]):
            await response.write(event({"choices": [{"text": " word"}]}))
        await response.write(b": a comment\r\n\r\ndata: [DONE]\r\n\r\n")
        return response

    server.script = silent

    observed = observe(settings(server.url, server__probe=True), folder)

    assert observed.metrics["measured_output_tokens"] == 15
    assert observed.metrics["measured_requests"] == 0
    assert any("events with text count as one" in note for note in observed.metrics["notes"])
