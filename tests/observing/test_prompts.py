"""What prompts say: as long as asked, shared as far as the workload says, and what was really answered."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blis.observing.conducting import observe
from blis.observing.prompts.prompts import Prompts, TokenWriter
from blis.observing.prompts.text import TextWriter, TokensOfText
from blis.observing.protocol.answers import Answer
from blis.observing.settings import ObserveSettings
from blis.workload.plan import generate_requests, workload_plan
from blis.workload.requests import Requests
from tests.observing.loopback import Server
from tests.observing.test_sending import spec

Settings = Callable[..., ObserveSettings]
BLOCK = 16


def generated(workload: dict[str, Any]) -> Requests:
    return generate_requests(workload_plan(workload), 1, BLOCK)


def shared(first: list[Any], second: list[Any]) -> int:
    """Items with which two sequences begin alike."""
    differs = [one != other for one, other in zip(first, second, strict=False)]
    return differs.index(True) if True in differs else len(differs)


GROUPS = {
    "kind": "distribution",
    "num_requests": 12,
    "prefix_groups": 2,
    "prefix_tokens": 100,
    "prompt_tokens_mean": 60,
    "prompt_tokens_min": 40,
    "prompt_tokens_max": 90,
}


def test_prompts_of_a_group_begin_alike_for_the_whole_blocks_of_its_text() -> None:
    requests = generated(GROUPS)
    prompts = Prompts(requests, 5, TokenWriter(100, 60_000))

    contents = [prompts.prompt(row).content for row in range(12)]

    assert [len(ids) for ids in contents] == requests.input_tokens.tolist()
    for row in range(12):
        for other in range(row):
            is_same = requests.prefix_group[row] == requests.prefix_group[other]
            assert shared(contents[row], contents[other]) == (96 if is_same else 0)


def test_text_of_a_group_is_shared_as_its_tokens_are() -> None:
    requests = generated(GROUPS)
    writer = TextWriter(TokensOfText(per_word=2.0, overhead=4.0), is_chat=False)
    prompts = Prompts(requests, 5, writer)

    contents = [prompts.prompt(row).content.split() for row in range(12)]

    lengths = [4 + 2 * len(words) for words in contents]
    assert np.abs(np.array(lengths) - requests.input_tokens).max() <= 1
    for row in range(12):
        for other in range(row):
            if requests.prefix_group[row] == requests.prefix_group[other]:
                assert shared(contents[row], contents[other]) >= 48


def test_other_seed_says_something_else() -> None:
    requests = generated(GROUPS)

    first, second = (Prompts(requests, salt, TokenWriter(100, 60_000)).prompt(0).content for salt in (1, 2))

    assert shared(first, second) == 0


CHAT = {
    "rounds": {"type": "constant", "params": {"value": 3}},
    "think_time_ms": {"type": "constant", "params": {"value": 5}},
}


def conversations() -> dict[str, Any]:
    return spec(concurrency=2, sessions={**CHAT, "context_growth": "accumulate"})


def test_conversation_repeats_what_was_really_answered() -> None:
    requests = generated(conversations())
    prompts = Prompts(requests, 5, TokenWriter(100, 60_000))
    (row,) = [row for row in range(len(requests)) if prompts.continued[row] == 0]

    before = prompts.prompt(0).content
    prompts.answered(0, Answer(ids=list(range(16))))
    after = prompts.prompt(row)

    assert after.content[:48] == [*before, *range(16)]
    assert len(after.content) == requests.input_tokens[row] == 80
    assert (after.is_made_up, prompts.n_made_up) == (False, 0)


def test_conversation_without_a_known_answer_still_shares_what_was_asked() -> None:
    requests = generated(conversations())
    prompts = Prompts(requests, 5, TokenWriter(100, 60_000))
    (row,) = [row for row in range(len(requests)) if prompts.continued[row] == 0]

    before, after = prompts.prompt(0), prompts.prompt(row)

    assert after.content[:32] == before.content
    assert len(after.content) == 80
    assert (after.is_made_up, prompts.n_made_up) == (True, 1)


def test_conversation_goes_on_over_the_wire(settings: Settings, folder: Path, server: Server) -> None:
    observed = observe(settings(server.url, conversations()), folder)

    assert observed.metrics["ok"] == 12
    assert observed.metrics["prompts_with_unknown_answers"] == 0
    said = list(range(100, 116))  # what the server answers
    long = [body["prompt"] for body in server.bodies if len(body["prompt"]) > 32]
    assert len(long) == 8
    assert all(prompt[32:48] == said for prompt in long)


def test_chat_goes_on_as_messages(settings: Settings, folder: Path, server: Server) -> None:
    observed = observe(settings(server.url, conversations(), server__endpoint="chat"), folder)

    lengths = sorted(len(body["messages"]) for body in server.bodies)
    assert lengths == [1] * 4 + [3] * 4 + [5] * 4
    last = max(server.bodies, key=lambda body: len(body["messages"]))["messages"]
    assert [message["role"] for message in last] == ["user", "assistant", "user", "assistant", "user"]
    assert observed.metrics["input_length_error"] == 0


@pytest.mark.parametrize(("per_word", "overhead"), [(1.0, 0), (1.5, 7), (3.0, 20)])
def test_lengths_of_text_are_learned_from_usage(
    per_word: float, overhead: int, settings: Settings, folder: Path, server: Server
) -> None:
    server.tokens_per_word, server.overhead_tokens = per_word, overhead
    workload = {"kind": "distribution", "num_requests": 20, "rate": 1000.0, "prompt_tokens_min": 100}

    observed = observe(settings(server.url, workload, server__prompts="text", server__probe=True), folder)

    assert observed.metrics["input_length_error"] < 0.015
    assert observed.metrics["prompts"] == "text"
