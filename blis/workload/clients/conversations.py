"""The requests of a client's sessions, drawn session by session and round by round, without their absolute times."""

from typing import NamedTuple

import numpy as np

from blis.foundation.randomness import stream
from blis.foundation.units import Float64Vector, Int64Vector
from blis.workload.clients.client import Client
from blis.workload.clients.modalities import PromptTokens, text_only
from blis.workload.clients.sessions import SessionPlan, draw_by_round
from blis.workload.prefixes.chained_keys import csr_offsets
from blis.workload.prefixes.texts import PrefixChoices


class ClientColumns(NamedTuple):
    """What is drawn for requests of one client, each (n,)."""

    prompt: PromptTokens  #: what is new in the prompt [tokens]
    input_tokens: Int64Vector  #: whole prompt [tokens]
    output_tokens: Int64Vector  #: [tokens]
    reason_ratio: Float64Vector  #: [0, 1]
    text: Int64Vector  #: that the prompt begins with
    prefix_tokens: Int64Vector  #: length of its use [tokens]
    session: Int64Vector  #: number of the session, -1 for none
    turn: Int64Vector  #: place within the session
    context_tokens: Int64Vector  #: leading tokens that are the previous request's prompt and output
    pause_us: Int64Vector  #: from the end of the previous request to this one's start


class Conversations(NamedTuple):
    """Sessions one after another, the requests of each in order."""

    columns: ClientColumns
    offsets: Int64Vector  #: (n_sessions + 1,) first request of each session
    since_start_us: Int64Vector  #: (n,) from the session's first request, by the estimated times of answers
    answer_us: Int64Vector  #: (n,) estimated time from a request to the end of its answer


def draw_singles(client: Client, choices: PrefixChoices, seed: int, position: int, n: int) -> ClientColumns:
    """`n` requests that belong to no session."""
    names = _names(position)
    prompt = _draw_prompts(client, seed, (*names, "input"), n)
    outputs = client.reasoning.draw(seed, names, client.output_lengths.draw(stream(seed, *names, "output"), n))
    text, prefix_tokens = choices.draw(stream(seed, *names, "prefix_group"), n)
    nothing = np.zeros(n, np.int64)
    return ClientColumns(
        prompt=prompt,
        input_tokens=prompt.total + prefix_tokens,
        output_tokens=outputs.tokens,
        reason_ratio=outputs.reason_ratio,
        text=text,
        prefix_tokens=prefix_tokens,
        session=np.full(n, -1),
        turn=nothing,
        context_tokens=nothing,
        pause_us=nothing,
    )


def draw_conversations(
    client: Client, plan: SessionPlan, choices: PrefixChoices, seed: int, position: int, n_sessions: int
) -> Conversations:
    """The first `n_sessions` sessions of a client; more sessions never change the first ones.

    A prompt is the text that its session begins with, then what is repeated of the session, then what is new.
    Where the repetition is cut, the oldest tokens go: then nothing but the text is where it was before.
    """
    names = _names(position)
    requests, call = plan.draw_requests(seed, names, n_sessions)
    offsets = csr_offsets(requests)
    session = np.repeat(np.arange(n_sessions), requests)
    turn = np.arange(offsets[-1]) - offsets[session]
    prompt = _draw_new_tokens(client, plan, seed, names, requests, call)
    answers = draw_by_round(client.output_lengths, seed, (*names, "output"), requests)
    outputs = client.reasoning.draw(seed, names, answers)
    text, prefix_tokens = (of[session] for of in choices.draw(stream(seed, *names, "prefix_group"), n_sessions))

    said = csr_offsets(prompt.total + outputs.tokens)
    history = said[:-1] - said[offsets[session]]
    repeated = np.minimum(history, plan.context_tokens)
    is_literal = (history > 0) & (history <= plan.context_tokens)
    pause_us = draw_by_round(plan.think_time, seed, (*names, "think_time"), requests)
    if plan.tools:
        latency_us = draw_by_round(plan.tools.latency, seed, (*names, "tool_latency"), requests)
        pause_us = np.where(call > 0, latency_us, pause_us)
    answer_us = np.rint(outputs.tokens * client.estimated_us_per_output_token).astype(np.int64)
    return Conversations(
        columns=ClientColumns(
            prompt=prompt,
            input_tokens=prefix_tokens + repeated + prompt.total,
            output_tokens=outputs.tokens,
            reason_ratio=outputs.reason_ratio,
            text=text,
            prefix_tokens=prefix_tokens,
            session=session,
            turn=turn,
            context_tokens=np.where(is_literal, prefix_tokens + history, 0),
            pause_us=pause_us,
        ),
        offsets=offsets,
        since_start_us=_since_start(pause_us, answer_us, offsets, session),
        answer_us=answer_us,
    )


def _since_start(
    pause_us: Int64Vector, answer_us: Int64Vector, offsets: Int64Vector, session: Int64Vector
) -> Int64Vector:
    step_us = pause_us.copy()
    step_us[1:] += answer_us[:-1]
    passed_us = np.cumsum(step_us)
    since_us: Int64Vector = passed_us - passed_us[offsets[session]]
    return since_us


def _draw_prompts(client: Client, seed: int, names: tuple[str | int, ...], n: int) -> PromptTokens:
    """What is new in `n` prompts by the user."""
    if client.multimodal:
        return client.multimodal.draw(seed, names, n)
    assert client.input_lengths is not None
    return text_only(client.input_lengths.draw(stream(seed, *names), n))


def _draw_new_tokens(
    client: Client, plan: SessionPlan, seed: int, names: tuple[str | int, ...], requests: Int64Vector, call: Int64Vector
) -> PromptTokens:
    """What the user, or a tool, adds in each request of each session."""
    offsets = csr_offsets(requests)
    columns = PromptTokens(*(np.zeros(offsets[-1], np.int64) for _ in PromptTokens._fields))
    reached = np.arange(len(requests))
    for turn in range(int(requests.max(initial=0))):
        reached = reached[requests[reached] > turn]
        drawn = _draw_prompts(client, seed, (*names, "input", turn), int(reached[-1]) + 1)
        for column, values in zip(columns, drawn, strict=True):
            column[offsets[reached] + turn] = values[reached]
    if plan.tools is None:
        return columns
    results = draw_by_round(plan.tools.output_tokens, seed, (*names, "tool_output"), requests)
    by_tool = call > 0
    return PromptTokens(
        np.where(by_tool, results, columns.total), *(np.where(by_tool, 0, column) for column in columns[1:])
    )


def _names(position: int) -> tuple[str | int, ...]:
    return "workload", "client", position
