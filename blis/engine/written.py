"""Compiles a written policy into an answer that kernels call by its address.

Its source has been checked and metered by `blis.policies.written`: what is compiled reads its arguments, and writes to
its own memory and to what it is asked to fill. Every index is checked, and a division by zero is an error as it is in
Python, so that a policy that is wrong is stopped, and blamed.
"""

import ast
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numba
from numba.core import config

from blis.engine._jit import kernel
from blis.engine.choice import best_instance
from blis.engine.users import compiled_callable
from blis.foundation.errors import ContractError
from blis.foundation.units import Float64Vector

#: numba's flags for source that nobody has looked at.
CHECKED: dict[str, Any] = {"nogil": True, "error_model": "python", "boundscheck": True}


class Source(NamedTuple):
    """A written policy, ready for the compiler."""

    question: str
    tree: ast.Module  #: checked and metered
    verb: str  #: its function that decides; it takes the cell with the count first
    arguments: Sequence[str]  #: of the verb, but for the cell
    zeroed: str  #: the argument that holds zeros when the verb begins; "" for none
    answers: str  #: what it returns: "whole", "number", "yes" (any answer but 0 counts as 1) or "nothing"
    spend: str  #: what the tree calls `spend`
    memory_numbers: int  #: of its memory; one more holds the count
    most_steps: int  #: that a decision may take


@kernel
def spend(cell: Float64Vector) -> bool:
    """Count one step.

    Raises
    ------
    RuntimeError
        If there is none left: the compiler knows no errors of ours.
    """
    cell[0] -= 1.0
    if cell[0] < 0.0:
        raise RuntimeError("one decision takes too many steps")
    return True


def compiled_source(source: Source) -> Callable[..., Any]:
    """The compiled verb of a written policy.

    Raises
    ------
    ContractError
        If it cannot be compiled, in words.
    """
    if config.DISABLE_JIT:
        raise ContractError("the compiler is off")
    space: dict[str, Any] = {source.spend: spend}
    body = [node for node in source.tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]
    space |= _imported(source.tree)
    where = f"<written {source.question}>"
    try:
        exec(compile(ast.Module(body, []), where, "exec"), space)  # it defines functions and numbers, and does nothing
    except (ArithmeticError, ValueError, RecursionError, MemoryError) as error:
        raise ContractError(f"cannot be read: {type(error).__name__}: {error}") from error
    for node in body:
        if isinstance(node, ast.FunctionDef):
            space[node.name] = numba.njit(**CHECKED)(space[node.name])
    exec(compile(_verb(source), where, "exec"), space)
    return compiled_callable(source.question, numba.njit(space["verb__"]), is_checked=True)


def _imported(tree: ast.Module) -> dict[str, Any]:
    """What the source imports, by the names that it gives to it; the dialect has seen that it may."""
    known: dict[str, Any] = {"math": math, **vars(math), "best_instance": best_instance}
    statements = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    return {alias.asname or alias.name: known[alias.name] for node in statements for alias in node.names}


def _verb(source: Source) -> str:
    """The function that kernels call: it counts from the start, and keeps the count out of the policy's reach."""
    end = source.memory_numbers
    given = [f"memory[:{end}]" if name == "memory" else name for name in source.arguments]
    answer = f"{source.verb}(cell, {', '.join(given)})"
    lines = [
        f"def verb__({', '.join(source.arguments)}):",
        f"    cell = memory[{end}:{end + 1}]",
        f"    cell[0] = {float(source.most_steps)}",
        f"    {source.zeroed}[:] = 0.0" if source.zeroed else "",
        {"yes": f"    return 1 if {answer} else 0", "nothing": f"    {answer}"}.get(
            source.answers, f"    return {answer}"
        ),
    ]
    return "\n".join(line for line in lines if line)
