"""Whatever a server does wrong, every request has a status, and what came of it is recorded."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from blis.observing.conducting import observe
from blis.observing.exchange import retry_after_s
from blis.observing.protocol.event_stream import LONGEST_EVENT_BYTES
from blis.observing.reaching import UnreachableError
from blis.observing.settings import ObserveSettings
from tests.observing.loopback import Script, Server, choice, event, plain, refusal, serving, stream
from tests.observing.traces import chunks, rows

Settings = Callable[..., ObserveSettings]


def test_refused_connection_is_an_error_of_each_request(closed_url: str, settings: Settings, folder: Path) -> None:
    observed = observe(settings(closed_url), folder)

    assert observed.metrics["errors"] == {"refused connection": 5}
    assert [(row["status"], row["http_status"]) for row in rows(folder)] == [("error", "0")] * 5
    assert all("no connection" in row["error_message"] for row in rows(folder))


def test_server_that_is_not_there_ends_a_run_before_anything_is_sent(
    closed_url: str, settings: Settings, folder: Path
) -> None:
    with pytest.raises(UnreachableError, match=f"server.url: no server answers at {closed_url}"):
        observe(settings(closed_url, server__probe=True), folder)

    assert list(folder.iterdir()) == []


async def never(server: Server, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    await asyncio.sleep(60)
    raise AssertionError


async def stalling(server: Server, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    response = await stream(request)
    await response.write(event({"choices": [choice(body, 0, 2, False)], "usage": {"completion_tokens": 2}}))
    return await never(server, request, body)


@pytest.mark.parametrize(("script", "tokens"), [(never, []), (stalling, [2])])
def test_slow_server_is_a_timeout_and_what_came_is_kept(
    script: Script, tokens: list[int], settings: Settings, folder: Path, server: Server
) -> None:
    server.script = script

    observed = observe(settings(server.url, server__timeout_s=0.3), folder)

    assert observed.metrics["errors"] == {"timeout": 5}
    assert [row["status"] for row in rows(folder)] == ["timeout"] * 5
    assert [line["tokens"] for line in chunks(folder).values()] == [tokens] * 5
    assert [row["output_tokens"] for row in rows(folder)] == [str(sum(tokens))] * 5


@pytest.mark.parametrize("status", [429, 500, 503])
def test_refusals_are_not_hidden_by_sending_again(
    status: int, settings: Settings, folder: Path, server: Server
) -> None:
    async def refuse(server: Server, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return refusal(status, "come back later", {"Retry-After": "0"})

    server.script = refuse

    observed = observe(settings(server.url), folder)

    assert observed.metrics["errors"] == {f"http {status}": 5}
    assert len(server.bodies) == 5
    assert {row["http_status"] for row in rows(folder)} == {str(status)}
    assert {row["error_message"] for row in rows(folder)} == {f"HTTP {status}: come back later"}


def refusing_first(n_refused: int, status: int, retry_after: str) -> Script:
    async def script(server: Server, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if len(server.bodies) <= n_refused:
            return refusal(status, "busy", {"Retry-After": retry_after})
        return await plain(server, request, body)

    return script


@pytest.mark.parametrize("status", [429, 503])
def test_refused_request_is_sent_again_where_that_is_wanted(
    status: int, settings: Settings, folder: Path, server: Server
) -> None:
    server.script = refusing_first(2, status, "0")

    observed = observe(settings(server.url, retries={"attempts": 3, "base_s": 60.0, "longest_s": 60.0}), folder)

    assert observed.metrics["ok"] == 5
    assert observed.metrics["retries"] == 2
    assert observed.metrics["retried_requests"] in (1, 2)  # one request twice where it is back before another one comes


@pytest.mark.parametrize(("status", "retry_after"), [(503, "3600"), (500, "0"), (400, "0")])
def test_request_is_not_sent_again_for_longer_waits_or_other_reasons(
    status: int, retry_after: str, settings: Settings, folder: Path, server: Server
) -> None:
    server.script = refusing_first(1, status, retry_after)

    observed = observe(settings(server.url, retries={"attempts": 3, "base_s": 0.01, "longest_s": 60.0}), folder)

    assert observed.metrics["errors"] == {f"http {status}": 1}
    assert observed.metrics["retries"] == 0


def test_server_names_its_wait_as_seconds_or_as_a_date() -> None:
    assert retry_after_s("120") == 120
    assert retry_after_s("Thu, 01 Jan 1970 00:01:40 GMT", now_s=40) == 60
    assert retry_after_s("Thu, 01 Jan 1970 00:01:40 GMT", now_s=400) == 0
    assert [retry_after_s(value) for value in (None, "soon", "nan", "inf", "-1")] == [None] * 5


async def half_an_answer(server: Server, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    response = await stream(request)
    await response.write(event({"choices": [choice(body, 0, 1, False)]}))
    await response.write_eof()
    return response


async def half_an_event(server: Server, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    response = await stream(request)
    await response.write(event({"choices": [choice(body, 0, 1, False)]}) + b'data: {"choices": [{"te')
    await response.write_eof()
    return response


async def cut_connection(server: Server, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    response = await stream(request)
    await response.write(event({"choices": [choice(body, 0, 1, False)]}))
    assert request.transport is not None
    request.transport.close()
    return response


async def dropped_before(server: Server, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


def saying(*data: bytes) -> Script:
    async def script(server: Server, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        response = await stream(request)
        await response.write(event({"choices": [choice(body, 0, 1, False)]}) + b"".join(data))
        await response.write_eof()
        return response

    return script


def answering(content_type: str, text: str) -> Script:
    async def script(server: Server, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return web.Response(text=text, content_type=content_type)

    return script


NO_JSON = saying(b"data: {nonsense\n\n")
NO_OBJECT = saying(b"data: [1, 2]\n\n")
NO_CHOICES = saying(b'data: {"choices": 3}\n\n')
NO_COUNT = saying(b'data: {"choices": [], "usage": {"completion_tokens": "many"}}\n\n')
NO_TEXT = saying(b"data: \xff\xfe\n\n")
ERROR_EVENT = saying(b'data: {"error": {"message": "out of memory", "code": 500}}\n\n')
TOO_LONG = saying(b"data: " + b"x" * (LONGEST_EVENT_BYTES + 1))


@pytest.mark.parametrize(
    ("script", "kind", "words", "n_tokens"),
    [
        (half_an_answer, "broken", "the stream ended before the answer did (after 1 events)", 1),
        (half_an_event, "broken", "the stream ended within an event (after 1 events)", 1),
        (cut_connection, "broken", "connection broken: ", 1),
        (dropped_before, "broken", "connection broken: ", 0),
        (NO_JSON, "malformed", "malformed answer: no JSON: '{nonsense' (after 1 events)", 1),
        (NO_OBJECT, "malformed", "malformed answer: no JSON object: '[1, 2]'", 1),
        (NO_CHOICES, "malformed", "malformed answer: choices must be a list of objects; got 3", 1),
        (NO_COUNT, "malformed", "malformed answer: usage.completion_tokens must be an int ≥ 0; got 'many'", 1),
        (NO_TEXT, "malformed", "malformed answer: no JSON: ", 1),
        (ERROR_EVENT, "server error", "the server reports: out of memory (after 1 events)", 1),
        (TOO_LONG, "malformed", "malformed answer: an event is longer than 16777216 bytes", 1),
        (answering("text/html", "<p>busy"), "content type", "the answer is text/html and not text/event-stream", 0),
        (answering("application/json", "{}"), "content type", "the answer is application/json and not", 0),
    ],
)
def test_wrong_stream_is_an_error_in_words_and_what_came_before_is_kept(
    script: Script, kind: str, words: str, n_tokens: int, settings: Settings, folder: Path, server: Server
) -> None:
    server.script = script

    observed = observe(settings(server.url, max_requests=1), folder)

    (row,) = rows(folder)
    assert observed.metrics["errors"] == {kind: 1}
    assert row["status"] == "error"
    assert words in row["error_message"]
    assert (row["output_tokens"], row["num_chunks"]) == (str(n_tokens), str(n_tokens))


@pytest.mark.parametrize(
    ("script", "kind", "words"),
    [
        (answering("application/json", "not json"), "malformed", "malformed answer: no JSON: 'not json'"),
        (answering("application/json", "{}"), "malformed", "malformed answer: an answer without choices: '{}'"),
        (answering("application/json", '{"error": "no"}'), "server error", "the server reports: no"),
        (answering("text/plain", "ok"), "content type", "the answer is text/plain and not application/json"),
        (dropped_before, "broken", "connection broken: "),
    ],
)
def test_wrong_answer_that_is_no_stream_is_an_error_in_words(
    script: Script, kind: str, words: str, settings: Settings, folder: Path, server: Server
) -> None:
    server.script = script

    observed = observe(settings(server.url, max_requests=1, server__streaming="none"), folder)

    assert observed.metrics["errors"] == {kind: 1}
    assert words in rows(folder)[0]["error_message"]


def test_redirection_is_not_followed_since_the_key_would_go_elsewhere(
    settings: Settings, folder: Path, server: Server
) -> None:
    async def elsewhere(server: Server, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": "http://127.0.0.1:1/v1/completions"})

    server.script = elsewhere

    observed = observe(settings(server.url), folder)

    assert observed.metrics["errors"] == {"http 307": 5}


def test_server_that_stops_mid_way_leaves_a_status_for_every_request(settings: Settings, folder: Path) -> None:
    slow = {"kind": "distribution", "rate": 50.0, "arrival": "constant", "num_requests": 20}
    lengths = {f"{part}_tokens_{key}": 4 for part in ("prompt", "output") for key in ("mean", "stdev", "min", "max")}

    async def stop_at_the_fifth(server: Server, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if len(server.bodies) < 5:
            return await plain(server, request, body)
        server.stop_listening()
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    with serving(Server(script=stop_at_the_fifth)) as server:
        observed = observe(settings(server.url, {**slow, **lengths}), folder)

    statuses = [row["status"] for row in rows(folder)]
    assert statuses.count("ok") >= 4
    assert statuses.count("error") >= 10
    assert len(statuses) == 20
    assert "refused connection" in observed.metrics["errors"]
