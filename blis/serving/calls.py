"""One HTTP request on its way: its sequences, and what has been sent of their answers."""

import asyncio
import json
import time
from typing import Any

from blis.engine.codes import DROPPED, LOST, UNROUTABLE
from blis.serving.answering import DONE, Phrases, usage
from blis.serving.asking import Asked
from blis.serving.clock import Clock
from blis.serving.engine import Engine, Sequence
from blis.serving.errors import Refusal, bad_request, unavailable
from blis.serving.lateness import Lateness
from blis.serving.settings import ServeSettings
from blis.serving.tokenizer import word_of


class Choice:
    """Receives the tokens of one sequence."""

    def __init__(self, call: "Call", index: int) -> None:
        self.call, self.index = call, index
        self.sequence: Sequence | None = None
        self.n_sent = 0
        self.has_ended = False

    def on_tokens(self, n_tokens: int, due_us: int, is_end: bool) -> None:
        """Send the next tokens, or note that they are there."""
        start, self.n_sent = self.n_sent, self.n_sent + n_tokens
        self.has_ended = is_end
        self.call.on_tokens(self, start, due_us, is_end)

    def on_refusal(self, status: int, due_us: int) -> None:
        """The cluster does not serve the sequence."""
        self.has_ended = True
        self.call.refuse(_refusal(status, self.call.settings))

    def text(self, start: int) -> str:
        """What has come since token `start`."""
        assert self.sequence is not None
        words = " ".join(map(word_of, self.sequence.output[start : self.n_sent].tolist()))
        return f" {words}" if start and words else words


class Call:
    """A request with one choice or several; they share a connection.

    Parameters
    ----------
    asked : Asked
    phrases : Phrases
    engine, clock, lateness
        Where it is served, by whose time, and where it is counted how late tokens are.
    settings : ServeSettings
        What a refused client is told.
    """

    def __init__(
        self, asked: Asked, phrases: Phrases, engine: Engine, clock: Clock, lateness: Lateness, settings: ServeSettings
    ) -> None:
        self.asked, self.phrases, self.settings = asked, phrases, settings
        self.choices = [Choice(self, index) for index in range(asked.n_choices * len(asked.prompts))]
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_abandoned = False
        self.refusal: Refusal | None = None
        self._engine, self._clock, self._lateness = engine, clock, lateness
        self._n_open = len(self.choices)
        self._transport: asyncio.WriteTransport | None = None
        self._is_chunked = True  #: HTTP's chunked transfer coding
        self._waiting: list[tuple[bytes, int, int]] = []  #: before there is a connection to write to
        self._is_plain = asked.streams and not asked.continuous_usage and not asked.returns_ids

    def on_tokens(self, choice: Choice, start: int, due_us: int, is_end: bool) -> None:
        """Tokens of a choice are there, from number `start` on."""
        if not self.begun.done():
            self.begun.set_result(None)
        if is_end:
            self._n_open -= 1
            self._note_end(choice)
        if self.asked.streams and not self.is_abandoned:
            self._send(self._chunks(choice, start, is_end), choice.n_sent - start, due_us)
        elif not self.asked.streams and choice.n_sent > start:
            self._lateness.add(max(0.0, time.monotonic() - self._clock.real_s(due_us)), choice.n_sent - start)
        if self._n_open == 0 and not self.ended.done():
            self.ended.set_result(None)

    def refuse(self, refusal: Refusal) -> None:
        """End without an answer, or in the midst of it."""
        self.refusal = refusal
        for future in (self.begun, self.ended):
            if not future.done():
                future.set_exception(refusal)
                future.exception()  # nobody may be waiting for it any more

    def open_sequences(self) -> list[Sequence]:
        """Those whose end has not been handed out."""
        return [one.sequence for one in self.choices if one.sequence is not None and not one.has_ended]

    def tell(self, refusal: Refusal) -> None:
        """End a stream with an error."""
        self._send(b"data: " + json.dumps(refusal.body()).encode() + b"\n\n" + DONE, 0, 0)

    def connect(self, transport: asyncio.WriteTransport, *, is_chunked: bool) -> None:
        """Send what is there already, and from now on at once: chunks are written to the connection directly."""
        self._transport, self._is_chunked = transport, is_chunked
        waiting, self._waiting = self._waiting, []
        for data, n_tokens, due_us in waiting:
            self._send(data, n_tokens, due_us)

    def body(self) -> dict[str, Any]:
        """The answer that does not stream."""
        sequences = [choice.sequence for choice in self.choices if choice.sequence is not None]
        texts = [choice.text(0) for choice in self.choices]
        ids = [one.output.tolist() for one in sequences] if self.asked.returns_ids else None
        return self.phrases.whole(texts, [one.finish_reason for one in sequences], self._usage(), ids)

    def _chunks(self, choice: Choice, start: int, is_end: bool) -> bytes:
        sequence = choice.sequence
        assert sequence is not None
        data = self.phrases.first(choice.index) if start == 0 else b""
        if self._is_plain and not is_end:
            return data + self.phrases.tokens(choice.index, choice.text(start))
        ids = sequence.output[start : choice.n_sent].tolist() if self.asked.returns_ids else None
        used = self._usage() if self.asked.continuous_usage else None
        reason = sequence.finish_reason if is_end else None
        data += self.phrases.chunk(choice.index, choice.text(start), reason, ids, used)
        if is_end and self._n_open == 0:
            if self.asked.includes_usage:
                data += self.phrases.usage_chunk(self._usage())
            data += DONE
        return data

    def _usage(self) -> dict[str, Any]:
        prompt = completion = found = 0
        for choice in self.choices:
            sequence = choice.sequence
            assert sequence is not None
            if choice.index % self.asked.n_choices == 0:  # choices of one prompt share it
                prompt += len(sequence.prompt)
                if not choice.has_ended:
                    self._engine.look_up(sequence)
                found += sequence.cached_tokens
            completion += choice.n_sent
        return usage(prompt, completion, found)

    def _send(self, data: bytes, n_tokens: int, due_us: int) -> None:
        if self._transport is None:
            self._waiting.append((data, n_tokens, due_us))
            return
        if self._transport.is_closing():
            return
        self._transport.write(b"%x\r\n%s\r\n" % (len(data), data) if self._is_chunked else data)
        if n_tokens:
            self._lateness.add(max(0.0, time.monotonic() - self._clock.real_s(due_us)), n_tokens)

    def _note_end(self, choice: Choice) -> None:
        sequence = choice.sequence
        assert sequence is not None
        reason = "abort" if self.is_abandoned else sequence.finish_reason
        self._engine.statistics.note_end(sequence.instance, reason)


def _refusal(status: int, settings: ServeSettings) -> Refusal:
    if status == DROPPED:
        return bad_request("The prompt and its answer need more KV blocks, or are longer, than an instance has.")
    if status in (UNROUTABLE, LOST):
        return unavailable("No instance can serve the request now.", settings.retry_after_s)
    message = "The cluster has refused the request; try again later."
    return unavailable(message, settings.retry_after_s, settings.refusal_status)
