"""Makes a written policy ready to run: compiled where that is possible, else decided in a process of its own."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from blis.engine.written import Source, compiled_source
from blis.foundation.errors import ContractError
from blis.policies.written.dialect import Program
from blis.policies.written.metering import SPEND, metered
from blis.policies.written.sandbox import WrittenVerb
from blis.policies.written.vocabulary import ASKED, MEMORY_NUMBERS, MOST_STEPS


class Ready(NamedTuple):
    """A written policy that runs."""

    decide: Callable[..., Any]
    is_compiled: bool
    why_not: str  #: why it could not be compiled; "" if it is


@cache
def ready(program: Program) -> Ready:
    """The policy's function, made once in a process."""
    try:
        return Ready(_compiled(program), True, "")
    except ContractError as error:
        return Ready(WrittenVerb(program), False, str(error))


def _compiled(program: Program) -> Callable[..., Any]:
    asked = ASKED[program.question]
    return compiled_source(
        Source(
            question=program.question,
            tree=metered(program),
            verb=program.verb,
            arguments=asked.arguments,
            zeroed="scores" if asked.fills == "scores" else "",
            answers=asked.answers,
            spend=SPEND,
            memory_numbers=MEMORY_NUMBERS,
            most_steps=MOST_STEPS,
        )
    )
