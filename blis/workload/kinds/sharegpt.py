"""ShareGPT files: conversations as text, whose lengths are estimated from their characters.

Format: a JSON list (or JSON lines) of records with `conversations`, a list of `{from, value}` with from `human` or
`user`, `gpt` or `assistant`, perhaps `system`. The files say no times: sessions start at the rate that is given.
"""

import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from blis.foundation.errors import ConfigError
from blis.foundation.units import Int64Vector
from blis.foundation.words import listed, shown
from blis.workload.logs.json_rows import Place, read_rows
from blis.workload.logs.log import Log, places, replayed
from blis.workload.logs.name_column import NameColumn
from blis.workload.logs.options import LogParams
from blis.workload.logs.recognition import JSON, JSON_LINES, Head
from blis.workload.logs.session_times import session_times
from blis.workload.prefixes.keys import PrefixKeys, keys_of_groups
from blis.workload.requests import Requests

FIELD = "conversations"
ASKING, ANSWERING = ("human", "user"), ("gpt", "assistant", "chatgpt", "bing", "bard", "model")


@dataclass(frozen=True, slots=True, kw_only=True)
class Params(LogParams):
    """Options of a file; `rate` is needed."""

    choices: ClassVar = {**LogParams.choices, "turns": ("first", "all")}
    numbers: ClassVar = {**LogParams.numbers, "characters_per_token": "characters"}

    turns: str = "first"  #: first: one question and answer, as benchmarks use it; all: whole conversations, closed loop
    characters_per_token: float = 4.0  #: > 0, of the estimate


def recognises(head: Head) -> bool:
    """Whether a file is such a list."""
    return head.form in (JSON, JSON_LINES) and FIELD in head.names


def generate(params: Params, seed: int, block_size_tokens: int) -> Requests:
    """The turns of the conversations; a later turn repeats the earlier ones, and comes at once after their answer."""
    prompts, outputs, previous = array("q"), array("q"), array("q")
    names: list[str] = []
    n_without = 0

    def take(where: Place, record: dict[str, Any]) -> None:
        nonlocal n_without
        if not isinstance(record.get(FIELD), list):
            raise ConfigError(f"{where}: must be a JSON object with a list {FIELD}; fields: {listed(record)}.")
        turns = list(_turns(where, record[FIELD], params.characters_per_token))
        n_without += not turns
        for number, (prompt, output) in enumerate(turns[:1] if params.turns == "first" else turns):
            previous.append(len(prompts) - 1 if number else -1)
            prompts.append(prompt)
            outputs.append(output)
            names.append(f"conversation-{where.row}")

    read_rows(params.file, take, ())
    if not prompts:
        raise ConfigError(f"{params.file} must hold a question with an answer; there is none.")
    session = NameColumn()
    session.extend(names)
    input_tokens, output_tokens, before = (np.array(column, np.int64) for column in (prompts, outputs, previous))
    index = session.labels(np.arange(len(names))).indices
    unknown = np.full(len(names), math.nan)
    come = session_times(params, seed, unknown, unknown, index, output_tokens)

    def keys(rows: Int64Vector, block_size: int) -> PrefixKeys:
        nothing = np.zeros(len(rows), np.int64)
        context = places(rows, before[rows], len(before))
        repeated = np.where(context >= 0, (input_tokens + output_tokens)[before[rows]], 0)
        lengths = input_tokens[rows], output_tokens[rows]
        return keys_of_groups(*lengths, nothing - 1, nothing, block_size, context, repeated)

    notes = [f"lengths are estimated: {params.characters_per_token:g} characters per token"]
    if n_without:
        notes.append(f"{n_without} conversations have no question with an answer and are left out")
    log = Log(
        times_us=come.times_us,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        keys=keys,
        columns={"session": session},
        after=come.after,
        think_us=come.think_us,
        notes=(*notes, *come.notes),
    )
    return replayed(log, params, seed, block_size_tokens)


def _turns(where: Place, messages: list[Any], characters_per_token: float) -> Iterator[tuple[int, int]]:
    """Tokens of each prompt, with everything that was said before, and of its answer."""
    said = 0
    is_asked = False
    for number, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("value"), str):
            raise ConfigError(
                f"{where}, {FIELD}[{number}]: must be a JSON object with from and value; got {shown(message)}."
            )
        n_tokens = math.ceil(len(message["value"]) / characters_per_token)
        if is_asked and message.get("from") in ANSWERING and n_tokens:
            yield said, n_tokens
        is_asked = message.get("from") in ASKING
        said += n_tokens
