"""Compiles users' own functions, given as numba's, into answers that kernels call by their addresses.

What a user wrote is compiled anew in each process and never kept on disk: numba stamps what it keeps with the file of
the function alone, so a change in anything that the function calls would leave stale machine code behind.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
from numba import types
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaError

from blis.engine.answers import SIGNATURES
from blis.engine.reference import Reference
from blis.foundation.answers import QUESTIONS
from blis.foundation.errors import ContractError

_MOST_LETTERS = 300
#: Questions whose verbs have one view.
_ONE_VIEW = (
    *("preemption", "eviction", "tiering", "tier_eviction", "tier_writing", "preemption_mode", "scaling", "fairness"),
    "ceiling",
)


def is_compiled(function: Any) -> bool:
    """Whether a function has been marked to be compiled, with `numba.njit`."""
    return isinstance(function, Dispatcher)


@cache
def compiled_callable(question: str, function: Callable[..., Any], is_checked: bool = False) -> Callable[..., Any]:
    """A user's function as an answer to a question.

    `is_checked` says that every index and division is to be checked, as Python does.

    Raises
    ------
    ContractError
        If it cannot be compiled for the question's signature, or returns something else.
    """
    signature, arguments = SIGNATURES[question], _arguments(question)
    wanted = signature.return_type
    try:
        compiled = _compiled(arguments, function, is_checked)
        (found,) = compiled.overloads.values()
        got = found.signature.return_type
        if not _is_fit(got, wanted):
            raise ContractError(f"must return {'an int' if wanted == types.int64 else 'a number'}; got {got}")
        # Kernels call by address, so the machine code must return exactly what they expect.
        return compiled if got == wanted else _compiled(wanted(*arguments), function, is_checked)
    except NumbaError as error:
        raise ContractError(f"cannot be compiled: {_in_words(error)}") from error


def _arguments(question: str) -> tuple[Any, ...]:
    """The types of a verb's arguments, with views and parameters that a user's function can only read."""
    arguments = SIGNATURES[question].args
    # One view to three, then the parameters; the rest is the answer's memory, and what it writes: scores, or numbers of
    # instances.
    n_read_only = 2 if question in _ONE_VIEW else 3
    if question in ("disaggregation", "encoding"):
        n_read_only = 4
    return (*map(_read_only, arguments[:n_read_only]), *arguments[n_read_only:])


def _read_only(kind: Any) -> Any:
    """A type with arrays that cannot be written to; in memory it is the same."""
    if isinstance(kind, Reference):
        return Reference(_read_only(kind.target))
    if isinstance(kind, types.Array):
        return kind.copy(readonly=True)
    if isinstance(kind, types.NamedTuple):
        return types.NamedTuple([_read_only(field) for field in kind.types], kind.instance_class)
    return kind


def _compiled(signature: Any, function: Any, is_checked: bool) -> Any:
    flags = {"error_model": "python", "boundscheck": True} if is_checked else {"error_model": "numpy"}
    return numba.njit(signature, nogil=True, **flags)(function.py_func)


def _is_fit(got: Any, wanted: Any) -> bool:
    """Whether the returned type says what is wanted without loss: a truth value is no number."""
    if wanted == types.void:
        return bool(got == wanted)
    if isinstance(got, types.Boolean):
        return False
    return isinstance(got, types.Integer) or (wanted == types.float64 and isinstance(got, types.Float))


def _in_words(error: NumbaError) -> str:
    """The line of numba's message that says what is wrong, in the names of the contract, and where."""
    lines = [line.strip() for line in str(error).splitlines()]
    said = [line for line in lines if line and not line.startswith(("Failed in nopython mode", "During:"))]
    where = [line for line in lines if line.startswith('File "')]
    message = " ".join(said[: 2 if said[0].endswith(":") else 1]) if said else type(error).__name__
    for question in QUESTIONS:
        for kind in _arguments(question)[:2]:
            if isinstance(kind, Reference):
                message = message.replace(str(kind), kind.target.instance_class.__name__)
            elif isinstance(kind, types.containers.BaseNamedTuple):
                message = message.replace(str(kind), kind.instance_class.__name__)
    message = message if len(message) <= _MOST_LETTERS else message[:_MOST_LETTERS] + "…"
    return message if not where else f"{message} ({where[0].rstrip(':')})"
