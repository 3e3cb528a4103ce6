"""What an answer says: tokens, when they came, why they ended, and how many the server counted.

Tokens are counted, not events: a server may put several into one. An event says how many it brings by the ids, by a
usage that grows with it, or not at all; then what the whole usage counts in the end is spread over the events by the
length of their texts.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from blis.foundation.words import one_line, shown
from blis.observing.protocol.event_stream import MalformedStreamError

DONE = b"[DONE]"
MOST_OF_MESSAGE = 500  #: of what a server says of an error [characters]


class ServerSaidError(Exception):
    """The server reports an error in the place of an answer."""


@dataclass(slots=True)
class Answer:
    """One answer, as far as it has come."""

    times_us: list[int] = field(default_factory=list)  #: of each event that brings output, or may
    tokens: list[int] = field(default_factory=list)  #: that each of them brings, as far as it says
    characters: list[int] = field(default_factory=list)  #: of its text
    is_counted: bool = True  #: whether every event that brings text has said how many tokens it brings
    text: list[str] = field(default_factory=list)  #: kept where `keeps_text`
    ids: list[int] = field(default_factory=list)  #: kept where `keeps_text`
    keeps_text: bool = False
    finish_reason: str = ""
    prompt_tokens: int = 0  #: as the server counts them; 0: it did not say
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    is_done: bool = False  #: whether the stream said that it ends

    @property
    def output_tokens(self) -> int:
        """Tokens that came: as the server counts them, else as the events say."""
        return sum(self.tokens) if self.completion_tokens is None else self.completion_tokens

    @property
    def has_ended(self) -> bool:
        """Whether the server has said everything."""
        return self.is_done or self.finish_reason != ""

    def take_event(self, data: bytes, now_us: int) -> None:
        """Take the data of one event of a stream.

        Raises
        ------
        MalformedStreamError
            If it is no chunk of a completion.
        ServerSaidError
            If it is an error.
        """
        if data.strip() == DONE:
            self.is_done = True
            return
        document = _document(data)
        usage, choice, grown = document.get("usage"), _choice(document), None
        if usage:
            before = self.completion_tokens or 0
            self._take_usage(usage)
            grown = None if self.completion_tokens is None else self.completion_tokens - before
        if choice is not None:
            self._take_choice(choice, choice.get("delta", choice), now_us, grown)

    def take_whole(self, data: bytes, now_us: int) -> None:
        """Take an answer that is no stream; raises as `take_event`."""
        document = _document(data)
        choice = _choice(document)
        if choice is None:
            raise MalformedStreamError(f"an answer without choices: {_cut(data)}")
        if document.get("usage"):
            self._take_usage(document["usage"])
        self._take_choice(choice, choice.get("message", choice), now_us, self.completion_tokens)
        self.is_done = True

    def settle(self) -> None:
        """Say for each event how many tokens it brought, now that all have come; those that brought none go."""
        missing = self.output_tokens - sum(self.tokens)
        if missing and self.times_us:
            self.tokens = _spread(self.output_tokens, self.tokens, self.characters, self.is_counted)
        kept = [at for at, tokens in enumerate(self.tokens) if tokens > 0]
        self.times_us = [self.times_us[at] for at in kept]
        self.tokens = [self.tokens[at] for at in kept]
        self.characters = [self.characters[at] for at in kept]

    def _take_choice(self, choice: dict[str, Any], part: Any, now_us: int, counted: int | None) -> None:
        if type(part) is not dict:
            raise MalformedStreamError(f"a choice that is no chunk: {shown(choice)}")
        text = _text(part)
        ids = choice.get("token_ids")
        if type(ids) is list:
            tokens = len(ids)
            if self.keeps_text:
                self.ids += ids
        elif counted is not None:
            tokens = max(counted, 0)
        else:
            tokens = 1 if text else 0
            self.is_counted = self.is_counted and not text
        self.times_us.append(now_us)
        self.tokens.append(tokens)
        self.characters.append(len(text))
        if self.keeps_text and text:
            self.text.append(text)
        if choice.get("finish_reason"):
            self.finish_reason = str(choice["finish_reason"])[:40]

    def _take_usage(self, usage: Any) -> None:
        if type(usage) is not dict:
            raise MalformedStreamError(f"usage must be an object; got {shown(usage)}")
        self.prompt_tokens = _count(usage, "prompt_tokens") or self.prompt_tokens
        completion = _count(usage, "completion_tokens")
        self.completion_tokens = self.completion_tokens if completion is None else completion
        details = usage.get("prompt_tokens_details")
        if type(details) is dict:
            cached = _count(details, "cached_tokens")
            self.cached_tokens = self.cached_tokens if cached is None else cached


def error_words(body: bytes) -> str:
    """What the body of a refusal says, in one line of bounded length."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    said: Any = document
    if isinstance(document, Mapping):
        said = document.get("error", document.get("detail", document))
        if isinstance(said, Mapping):
            said = said.get("message", said)
    words = said if isinstance(said, str) else body.decode("utf-8", "replace")
    return one_line(words.strip())[:MOST_OF_MESSAGE]


# What follows is done for every event of every stream: plain types, as JSON makes them, are quicker to tell.


def _document(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data.decode())  # of bytes, the module would look for their encoding first
    except (ValueError, RecursionError) as error:
        raise MalformedStreamError(f"no JSON: {_cut(data)}") from error
    if type(document) is not dict:
        raise MalformedStreamError(f"no JSON object: {_cut(data)}")
    if document.get("error"):
        raise ServerSaidError(error_words(data))
    return document


def _choice(document: dict[str, Any]) -> dict[str, Any] | None:
    """The one choice that is asked for; None if there is none."""
    choices = document.get("choices")
    if not choices:
        return None
    choice = choices[0] if type(choices) is list else None
    if type(choice) is not dict:
        raise MalformedStreamError(f"choices must be a list of objects; got {shown(choices)}")
    return choice


def _text(part: dict[str, Any]) -> str:
    """What is said or thought; arguments of tools count as said."""
    text = part.get("text", part.get("content"))
    if type(text) is str and text:
        return text
    texts = [part.get(key) for key in ("reasoning_content", "reasoning")]
    if part.get("tool_calls"):
        texts.append(json.dumps(part["tool_calls"]))
    return "".join(text for text in texts if isinstance(text, str))


def _count(usage: dict[str, Any], key: str) -> int | None:
    value = usage.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise MalformedStreamError(f"usage.{key} must be an int ≥ 0; got {shown(value)}")
    return value


def _spread(total: int, tokens: list[int], characters: list[int], is_counted: bool) -> list[int]:
    """`total` tokens over the events: what is missing of a count goes to the last that has any, a guess by length."""
    if is_counted and sum(tokens) > 0:
        last = max(at for at, own in enumerate(tokens) if own > 0)
        kept = list(tokens)
        kept[last] = max(0, kept[last] + total - sum(tokens))
        return kept
    weights = characters if sum(characters) > 0 else [1] * len(tokens)
    whole, shares, ends = sum(weights), [], 0
    given = 0
    for weight in weights:
        ends += weight
        upto = total * ends // whole
        shares.append(upto - given)
        given = upto
    return shares


def _cut(data: bytes) -> str:
    return shown(data[:80].decode("utf-8", "replace"))
