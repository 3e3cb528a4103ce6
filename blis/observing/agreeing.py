"""What a server takes, found out by asking: the form of requests, and how many tokens its text has.

A server that refuses a field is asked again without it, once for each, and that is said: what it does not take it shall
not be sent a thousand times.
"""

import asyncio
import json
from dataclasses import replace
from typing import Any, NamedTuple

from blis.foundation.errors import ConfigError
from blis.observing.clock import Clock
from blis.observing.exchange import Attempt, Message, attempt
from blis.observing.observation import INTERRUPTED, TIMEOUT
from blis.observing.prompts.prompts import TokenWriter, Writer
from blis.observing.prompts.text import TextWriter, TokensOfText, text_of
from blis.observing.protocol.answers import Answer
from blis.observing.protocol.form import OPTIONAL_FIELDS, STREAM_FIELDS, Form
from blis.observing.reaching import UnreachableError
from blis.observing.server_settings import ServerSettings

PROBE_TOKENS = 64
LONG_PROBE_TOKENS = 512  #: of text: two lengths tell what a word costs, and what comes on top
PROBE_OUTPUT_TOKENS = 4
#: A refusal with one of these may be one of a field.
REFUSALS = (400, 422, 500, 501)
#: Sensible numbers of tokens per word; others mean that the count is of something else.
PER_WORD = (0.2, 20.0)


class Agreement(NamedTuple):
    """How a server is spoken to."""

    form: Form
    writer: Writer
    notes: tuple[str, ...] = ()


def unprobed(server: ServerSettings, model: str, needs_ids: bool) -> Agreement:
    """What the settings say, where the server is not to be asked."""
    return _agreement(_first_form(server, model, needs_ids), server, TokensOfText(), ())


async def agreed(session: Any, server: ServerSettings, model: str, needs_ids: bool) -> Agreement:
    """Ask a server until it takes a request.

    Parameters
    ----------
    session : aiohttp.ClientSession
    server : ServerSettings
    model : str
    needs_ids : bool
        Whether a conversation needs the ids of what was generated.

    Raises
    ------
    UnreachableError, ConfigError
        If it takes none.
    """
    form = _first_form(server, model, needs_ids)
    form, answer, notes = await _accepted(session, server, form)
    if form.takes_tokens and server.prompts == "auto" and answer.prompt_tokens not in (0, PROBE_TOKENS):
        notes.append(
            f"the server counts {answer.prompt_tokens} tokens in a prompt of {PROBE_TOKENS} ids: prompts are text"
        )
        form, answer, more = await _accepted(session, server, replace(form, takes_tokens=False))
        notes += more
    if not answer.is_counted and server.streaming != "none":
        form, is_better = await _with_ids(session, server, form)
        if not is_better:
            notes.append(
                "the server does not say how many tokens an event brings: what usage counts is spread over the events "
                "by the length of their texts"
            )
    if answer.completion_tokens is None:
        notes.append("the server does not say how many tokens it has counted (usage): events with text count as one")
    counted = TokensOfText()
    if not form.takes_tokens:
        counted, more = await _measured(session, server, form, answer)
        notes += more
    return _agreement(form, server, counted, tuple(notes))


def _agreement(form: Form, server: ServerSettings, counted: TokensOfText, notes: tuple[str, ...]) -> Agreement:
    if form.takes_tokens:
        return Agreement(form, TokenWriter(server.lowest_token, server.highest_token), notes)
    return Agreement(form, TextWriter(counted, form.endpoint == "chat"), notes)


def _first_form(server: ServerSettings, model: str, needs_ids: bool) -> Form:
    fields = set(OPTIONAL_FIELDS)
    if not server.exact_lengths:
        fields -= {"min_tokens", "ignore_eos"}
    if not (needs_ids and server.token_ids):
        fields.discard("return_token_ids")
    takes_tokens = server.endpoint == "completions" and server.prompts != "text"
    return Form(server.endpoint, model, takes_tokens, frozenset(fields), extra=server.body)


async def _accepted(session: Any, server: ServerSettings, form: Form) -> tuple[Form, Answer, list[str]]:
    """The first form that the server takes, its answer, and what was given up on the way."""
    notes: list[str] = []
    wanted = form
    while True:
        tried = await _probe(session, server, form, PROBE_TOKENS)
        if tried.failure is None:
            return form, tried.answer, notes
        if tried.failure.http_status not in REFUSALS:
            raise _failed(server, tried)
        words = tried.failure.words
        if form.length_field != "max_completion_tokens" and "max_completion_tokens" in words:
            form = replace(form, length_field="max_completion_tokens")
            notes.append("the server wants max_completion_tokens in the place of max_tokens")
            continue
        present = [name for name in OPTIONAL_FIELDS if name in _shown_fields(form, server)]
        named = [name for name in present if name in words]
        if named or (present and not _speaks_of_prompt(words, form, server)):
            given_up = named[0] if named else present[0]
            form = replace(form, fields=form.fields - {given_up})
            notes.append(f"the server refuses {given_up}: it is left out (HTTP {tried.http_status})")
        elif form.takes_tokens and server.prompts == "auto":
            form = replace(wanted, takes_tokens=False, length_field=form.length_field)
            notes = ["the server takes no token ids as a prompt: prompts are text"]
        else:
            raise _failed(server, tried)


def _shown_fields(form: Form, server: ServerSettings) -> frozenset[str]:
    """The optional fields that a probe of this form has."""
    return form.fields if server.streaming != "none" else form.fields - set(STREAM_FIELDS)


def _speaks_of_prompt(words: str, form: Form, server: ServerSettings) -> bool:
    """Whether a refusal is of a prompt of ids, for which there is something else."""
    return form.takes_tokens and server.prompts == "auto" and "prompt" in words.lower()


def _failed(server: ServerSettings, tried: Attempt) -> Exception:
    assert tried.failure is not None
    words = tried.failure.words
    where = f"{server.url}{server.path}"
    if tried.failure.status == TIMEOUT or not tried.http_status:
        return UnreachableError(f"server.url: no answer from {where}: {words}.")
    if tried.failure.kind == "content type" and server.streaming != "none":
        return ConfigError(f"server.streaming must be none where a server does not stream; {where}: {words}.")
    if tried.http_status == 404:
        return ConfigError(f"server.endpoint or server.model must be what the server has; {where}: {words}.")
    hint = ""
    if "vocab" in words.lower() or "token id" in words.lower():
        hint = " Give server.vocabulary=[LOWEST,HIGHEST]."
    return UnreachableError(f"server.url: {where} takes no request: {words}.{hint}")


async def _probe(session: Any, server: ServerSettings, form: Form, n_tokens: int, salt: int = 0) -> Attempt:
    content: Any = text_of(n_tokens, salt)
    if form.takes_tokens:
        span = server.highest_token - server.lowest_token + 1
        content = [server.lowest_token + (salt + 7 * place) % span for place in range(n_tokens)]
    is_streamed = server.streaming != "none"
    body = json.dumps(form.body(content, PROBE_OUTPUT_TOKENS, is_streamed, True)).encode()
    tried = await attempt(session, Message(server.path, body, {}, is_streamed), Clock(), Answer())
    if tried.failure is not None and tried.failure.kind == INTERRUPTED:
        raise asyncio.CancelledError  # Ctrl-C is no answer
    return tried


async def _with_ids(session: Any, server: ServerSettings, form: Form) -> tuple[Form, bool]:
    """A form that asks for ids with every request, if these say how many tokens an event brings."""
    if not server.token_ids:
        return form, False
    asking = replace(form, fields=form.fields | {"return_token_ids"}, always_ids=True)
    tried = await _probe(session, server, asking, PROBE_TOKENS)
    is_better = tried.failure is None and tried.answer.is_counted
    return (asking if is_better else form), is_better


async def _measured(session: Any, server: ServerSettings, form: Form, answer: Answer) -> tuple[TokensOfText, list[str]]:
    """What a word costs, from two prompts of different lengths."""
    tried = await _probe(session, server, form, LONG_PROBE_TOKENS, salt=1)
    long = tried.answer.prompt_tokens
    if tried.failure is not None or not long or not answer.prompt_tokens:
        return TokensOfText(), ["the server does not say how long prompts are (usage): one word counts as one token"]
    per_word = (long - answer.prompt_tokens) / (LONG_PROBE_TOKENS - PROBE_TOKENS)
    if not PER_WORD[0] <= per_word <= PER_WORD[1]:
        return TokensOfText(), [f"a word has {per_word:.3g} tokens as the server counts: one is taken instead"]
    overhead = answer.prompt_tokens - per_word * PROBE_TOKENS
    told = f"prompts are text: {per_word:.3f} tokens per word, and {overhead:.1f} around them, by the server's usage"
    return TokensOfText(per_word, overhead), [told]
