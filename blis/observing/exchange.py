"""One request on the wire, and what came back: whatever happens has a status and words."""

import asyncio
import email.utils
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from blis.foundation.words import one_line
from blis.observing.clock import Clock
from blis.observing.observation import ERROR, INTERRUPTED, TIMEOUT, Observation
from blis.observing.packages import needed
from blis.observing.protocol.answers import MOST_OF_MESSAGE, Answer, ServerSaidError, error_words
from blis.observing.protocol.event_stream import EventStream, MalformedStreamError

HTTP_OK = 200
#: The server refuses for now: it may take the request later.
PASSING = (429, 502, 503, 504)
MOST_OF_ERROR_BYTES = 2**16  #: of the body of a refusal that are read
LONGEST_ANSWER_BYTES = 2**28  #: of an answer that is no stream
#: Servers close connections that are idle; uvicorn, on which vLLM stands, after 5 s. Who is later meets a closed door.
KEEP_ALIVE_S = 3.0


class Message(NamedTuple):
    """What is posted."""

    path: str
    body: bytes
    headers: Mapping[str, str]
    is_streamed: bool


class Failure(NamedTuple):
    """What went wrong with one attempt."""

    status: str
    kind: str
    words: str
    http_status: int = 0
    retry_after_s: float | None = None  #: as the server wishes


@dataclass(slots=True)
class Attempt:
    """One attempt: an answer as far as it came, and what went wrong."""

    answer: Answer
    http_status: int = 0
    failure: Failure | None = None


def open_session(url: str, key: str | None, timeout_s: float, connect_timeout_s: float) -> Any:
    """A client's session with one server; as many connections as requests are under way."""
    aiohttp = needed("aiohttp")
    timeout = aiohttp.ClientTimeout(
        total=timeout_s, sock_connect=connect_timeout_s, ceil_threshold=math.inf
    )  # without the threshold, long bounds are rounded up to whole seconds
    headers = {"Content-Type": "application/json", "User-Agent": "blis-observe"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    return aiohttp.ClientSession(
        base_url=f"{url}/",
        timeout=timeout,
        headers=headers,
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


async def attempt(session: Any, message: Message, clock: Clock, answer: Answer) -> Attempt:
    """Post a request and read what comes, into `answer`; what goes wrong is returned, not raised."""
    aiohttp = needed("aiohttp")
    tried = Attempt(answer)
    try:
        async with session.post(
            message.path.lstrip("/"), data=message.body, headers=message.headers, allow_redirects=False
        ) as response:
            tried.http_status = response.status
            tried.failure = await _read(response, message.is_streamed, clock, answer)
    except aiohttp.ConnectionTimeoutError:
        tried.failure = Failure(TIMEOUT, "connect timeout", "no connection within server.connect_timeout_s")
    except TimeoutError:
        tried.failure = Failure(TIMEOUT, "timeout", f"not answered within server.timeout_s{_so_far(answer)}")
    except MalformedStreamError as error:
        tried.failure = Failure(ERROR, "malformed", f"malformed answer: {error}{_so_far(answer)}")
    except ServerSaidError as error:
        tried.failure = Failure(ERROR, "server error", f"the server reports: {error}{_so_far(answer)}")
    except aiohttp.ClientConnectorError as error:
        tried.failure = Failure(ERROR, "refused connection", f"no connection: {reason(error)}")
    except aiohttp.ClientError as error:
        tried.failure = Failure(ERROR, "broken", f"connection broken: {reason(error)}{_so_far(answer)}")
    except OSError as error:
        tried.failure = Failure(ERROR, "broken", f"connection broken: {reason(error)}{_so_far(answer)}")
    except asyncio.CancelledError:
        tried.failure = Failure(ERROR, INTERRUPTED, f"interrupted{_so_far(answer)}")
    answer.settle()
    return tried


async def _read(response: Any, is_streamed: bool, clock: Clock, answer: Answer) -> Failure | None:
    status = response.status
    if status != HTTP_OK:
        words = error_words(await beginning(response, MOST_OF_ERROR_BYTES)) or str(response.reason or "")
        after_s = retry_after_s(response.headers.get("Retry-After"))
        return Failure(ERROR, f"http {status}", f"HTTP {status}: {words}", status, after_s)
    content_type = response.content_type
    if is_streamed:
        if content_type != "text/event-stream":
            return _wrong_type(content_type, "text/event-stream")
        return await _read_stream(response, clock, answer)
    if content_type != "application/json":
        return _wrong_type(content_type, "application/json")
    body = await beginning(response, LONGEST_ANSWER_BYTES)
    if len(body) == LONGEST_ANSWER_BYTES:
        raise MalformedStreamError(f"an answer has {LONGEST_ANSWER_BYTES} bytes or more")
    answer.take_whole(body, clock.now_us())
    return None


async def _read_stream(response: Any, clock: Clock, answer: Answer) -> Failure | None:
    events = EventStream()
    async for piece in response.content.iter_any():
        now_us = clock.now_us()
        for data in events.feed(piece):
            answer.take_event(data, now_us)
        if answer.is_done:
            return None
    if events.is_inside:
        return Failure(ERROR, "broken", f"the stream ended within an event{_so_far(answer)}", HTTP_OK)
    if not answer.has_ended:
        return Failure(ERROR, "broken", f"the stream ended before the answer did{_so_far(answer)}", HTTP_OK)
    return None


async def beginning(response: Any, most_bytes: int) -> bytes:
    """The body of a response, or its first so many bytes."""
    body = b""
    async for piece in response.content.iter_any():
        body += piece
        if len(body) >= most_bytes:
            break
    return body[:most_bytes]


def _wrong_type(got: str, wanted: str) -> Failure:
    return Failure(ERROR, "content type", f"the answer is {got[:80]} and not {wanted}", HTTP_OK)


def retry_after_s(value: str | None, now_s: float | None = None) -> float | None:
    """Seconds that a Retry-After asks for (RFC 9110, 10.2.3): a number, or the seconds until a date."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = email.utils.parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = max(0.0, date.timestamp() - (time.time() if now_s is None else now_s))
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def observation_of(sent: Observation, tried: Attempt, clock: Clock) -> Observation:
    """The observation of a request with what its last attempt brought."""
    answer, failure = tried.answer, tried.failure
    sent.end_us = clock.now_us()
    sent.times_us, sent.tokens = answer.times_us, answer.tokens
    if failure is None and not sent.times_us:  # an answer without output was there when it ended
        sent.times_us, sent.tokens = [sent.end_us], [0]
    sent.output_tokens, sent.prompt_tokens = answer.output_tokens, answer.prompt_tokens
    sent.cached_tokens, sent.finish_reason = answer.cached_tokens, answer.finish_reason
    sent.http_status = tried.http_status
    if failure is not None:
        sent.status, sent.kind = failure.status, failure.kind
        sent.message = one_line(failure.words)[:MOST_OF_MESSAGE]
    return sent


def _so_far(answer: Answer) -> str:
    n = len(answer.times_us)
    return f" (after {n} events)" if n else ""


def reason(error: BaseException) -> str:
    """Why there is no connection, as the operating system says it."""
    inner = getattr(error, "os_error", error)
    number = getattr(inner, "errno", None)
    if isinstance(number, int) and number > 0:
        return os.strerror(number)
    return one_line(getattr(inner, "strerror", None) or str(error) or type(error).__name__)
