"""Policies that are data: postfix programs over a question's features, run by one fixed interpreter.

A program is a float64 vector: the number of instructions, then (operation, argument) pairs. Every operation
is total, so that any program gives a value; one that is not a number becomes minus infinity.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from blis.engine._jit import kernel
from blis.engine.features import (
    PRIORITY_FEATURES,
    PRIORITY_SIGNAL_OF,
    ROUTING_FEATURES,
    SIGNAL_OF,
    priority_feature,
    routing_feature,
)
from blis.engine.views import QueueView, RequestView, RouterView
from blis.foundation.checks import check_number, nearest
from blis.foundation.errors import ConfigError
from blis.foundation.units import Float64Vector
from blis.foundation.words import shown

#: Values that a program may hold at a time.
STACK_SIZE = 64

_OPERATIONS = {
    # word: (operation, operands)
    "add": (2, 2), "sub": (3, 2), "mul": (4, 2), "div": (5, 2), "min": (6, 2), "max": (7, 2), "less": (8, 2),
    "neg": (9, 1), "abs": (10, 1), "sqrt": (11, 1), "log1p": (12, 1), "if": (13, 3),
}  # fmt: skip
#: Of routing alone: of the value, the smallest and the largest of all candidates.
_OVER_INSTANCES = {"least": (14, 1), "most": (15, 1)}
_LEAST = _OVER_INSTANCES["least"][0]
_SYMBOLS = {"+": "add", "-": "sub", "*": "mul", "/": "div", "<": "less"}
_CONSTANT, _FEATURE = 0, 1
_FIRST_CHANGING = PRIORITY_FEATURES.index("age_us")


def encode(where: str, formula: str | Sequence[object], question: str) -> Float64Vector:
    """Turn a postfix formula into the vector that kernels run.

    Parameters
    ----------
    where : str
        Path of the field, for messages.
    formula : str or sequence
        Words: features of the question, numbers, and operations: add sub mul div (0 where the divisor is 0)
        min max less (1 or 0) neg abs sqrt log1p (both of the absolute value) if (condition, then, else:
        "then" where the condition is above 0); for routing also least and most, of all candidates.
    question : {"routing", "priority"}

    Raises
    ------
    ConfigError
        If a word is unknown, a constant not finite, or the words do not leave exactly one value.
    """
    features = ROUTING_FEATURES if question == "routing" else PRIORITY_FEATURES
    operations = _OPERATIONS | (_OVER_INSTANCES if question == "routing" else {})
    words = _words(where, formula)
    pairs: list[tuple[float, float]] = []
    depth = deepest = 0
    for place, given in enumerate(words):
        word = _SYMBOLS.get(given, given)
        if word in features:
            pairs.append((_FEATURE, features.index(word)))
            depth += 1
        elif word in operations:
            operation, operands = operations[word]
            if depth < operands:
                raise ConfigError(f"{where}: word {place + 1}, {shown(word)}, needs {operands} values; got {depth}.")
            pairs.append((operation, 0.0))
            depth -= operands - 1
        else:
            pairs.append((_CONSTANT, _number(where, place, word, features, operations)))
            depth += 1
        deepest = max(deepest, depth)
    if depth != 1 or deepest > STACK_SIZE:
        raise ConfigError(
            f"{where} must leave exactly one value and hold at most {STACK_SIZE} at a time; got {depth} left of "
            f"{len(words)} words, {deepest} at most."
        )
    return np.array([len(pairs), *(number for pair in pairs for number in pair)], dtype=np.float64)


def _words(where: str, formula: object) -> list[str]:
    if isinstance(formula, str):
        return formula.split()
    if not isinstance(formula, list | tuple):
        raise ConfigError(
            f"{where} must be a formula such as 'age_us neg', or a list of its words; got {shown(formula)}."
        )
    words = []
    for place, word in enumerate(formula):
        if not isinstance(word, str):
            word = str(check_number(f"{where}: word {place + 1}", word))
        words.append(word)
    return words


def _number(where: str, place: int, word: str, features: tuple[str, ...], operations: Iterable[str]) -> float:
    try:
        value = float(word)
    except ValueError:
        names = [*features, *operations]
        raise ConfigError(
            f"{where}: word {place + 1}, {shown(word)}, is no feature, operation or number{nearest(word, names)} "
            f"Features: {', '.join(features)}. Operations: {', '.join(operations)}."
        ) from None
    if not math.isfinite(value):
        raise ConfigError(f"{where}: word {place + 1} must be a finite number; got {shown(word)}.")
    return value


def uses_changing_feature(program: Float64Vector) -> bool:
    """Whether a priority program reads anything that changes while a request waits."""
    for place in range(int(program[0])):
        operation, argument = int(program[1 + 2 * place]), int(program[2 + 2 * place])
        if operation == _FEATURE and argument >= _FIRST_CHANGING:
            return True
    return False


def signals_of(program: Float64Vector) -> frozenset[str]:
    """Costly signals that a routing program reads, see `blis.policies.needs`."""
    return _signals(program, ROUTING_FEATURES, SIGNAL_OF)


def queue_signals_of(program: Float64Vector) -> frozenset[str]:
    """Costly signals that a priority program reads."""
    return _signals(program, PRIORITY_FEATURES, PRIORITY_SIGNAL_OF)


def _signals(program: Float64Vector, features: Sequence[str], signal_of: Mapping[str, str]) -> frozenset[str]:
    pairs = zip(program[1::2].tolist(), program[2::2].tolist(), strict=False)
    read = {features[int(argument)] for operation, argument in pairs if operation == _FEATURE}
    return frozenset(signal_of[name] for name in read if name in signal_of)


@kernel
def _apply(operation: int, stack: Float64Vector, top: int) -> int:
    """Apply an operation to the values below `top`; return the new top."""
    if operation == 2:
        stack[top - 2] += stack[top - 1]
    elif operation == 3:
        stack[top - 2] -= stack[top - 1]
    elif operation == 4:
        stack[top - 2] *= stack[top - 1]
    elif operation == 5:
        stack[top - 2] = stack[top - 2] / stack[top - 1] if stack[top - 1] != 0.0 else 0.0
    elif operation == 6:
        stack[top - 2] = min(stack[top - 2], stack[top - 1])
    elif operation == 7:
        stack[top - 2] = max(stack[top - 2], stack[top - 1])
    elif operation == 8:
        stack[top - 2] = 1.0 if stack[top - 2] < stack[top - 1] else 0.0
    elif operation == 9:
        stack[top - 1] = -stack[top - 1]
        return top
    elif operation == 10:
        stack[top - 1] = abs(stack[top - 1])
        return top
    elif operation == 11:
        stack[top - 1] = math.sqrt(abs(stack[top - 1]))
        return top
    elif operation == 12:
        stack[top - 1] = math.log1p(abs(stack[top - 1]))
        return top
    else:
        stack[top - 3] = stack[top - 2] if stack[top - 3] > 0.0 else stack[top - 1]
        return top - 2
    return top - 1


@kernel
def evaluate_routing(
    program: Float64Vector, stack: Float64Vector, view: RouterView, request: RequestView, values: Float64Vector
) -> None:
    """Write the value of a routing program for each candidate into `values`.

    All candidates go through the program together, each with a part of the stack, so that a word can compare them.
    """
    top, n = 0, view.candidates.shape[0]
    for place in range(int(program[0])):
        operation, argument = int(program[1 + 2 * place]), program[2 + 2 * place]
        after = top
        for row in range(n):
            own = stack[row * STACK_SIZE : (row + 1) * STACK_SIZE]
            if operation == _CONSTANT:
                own[top] = argument
                after = top + 1
            elif operation == _FEATURE:
                own[top] = routing_feature(int(argument), view, request, view.candidates[row])
                after = top + 1
            elif operation < _LEAST:
                after = _apply(operation, own, top)
        if operation >= _LEAST:
            _extreme(stack[: n * STACK_SIZE], top - 1, operation == _LEAST)
        top = after
    for row in range(n):
        value = stack[row * STACK_SIZE]
        values[view.candidates[row]] = -np.inf if np.isnan(value) else value


@kernel
def _extreme(stack: Float64Vector, place: int, is_least: bool) -> None:
    """Replace a value by the smallest or the largest of all candidates; what is not a number is left aside."""
    found = np.inf if is_least else -np.inf
    for own in range(place, stack.shape[0], STACK_SIZE):
        if (stack[own] < found) if is_least else (stack[own] > found):
            found = stack[own]
    for own in range(place, stack.shape[0], STACK_SIZE):
        stack[own] = found


@kernel
def evaluate_priority(program: Float64Vector, stack: Float64Vector, view: QueueView, request: RequestView) -> float:
    """Value of a priority program for one waiting request."""
    top = 0
    for place in range(int(program[0])):
        operation, argument = int(program[1 + 2 * place]), program[2 + 2 * place]
        if operation == _CONSTANT:
            stack[top] = argument
            top += 1
        elif operation == _FEATURE:
            stack[top] = priority_feature(int(argument), view, request)
            top += 1
        else:
            top = _apply(operation, stack, top)
    return -np.inf if np.isnan(stack[0]) else stack[0]
