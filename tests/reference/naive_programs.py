"""This file runs postfix programs: a stack, one word after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence


def divide(one: float, other: float) -> float:
    """Division by zero gives 0."""
    return one / other if other != 0.0 else 0.0


def guarded(function: Callable[..., float]) -> Callable[..., float]:
    """The function as IEEE arithmetic has it: what overflows or is undefined is no error."""

    def called(*values: float) -> float:
        try:
            return float(function(*values))
        except (OverflowError, ValueError):
            return math.inf

    return called


BINARY: dict[str, Callable[[float, float], float]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": divide,
    "min": lambda a, b: min(a, b),
    "max": lambda a, b: max(a, b),
    "less": lambda a, b: 1.0 if a < b else 0.0,
}
EXTREMES: dict[str, Callable[..., float]] = {"least": min, "most": max}
UNARY: dict[str, Callable[[float], float]] = {
    "neg": lambda a: -a,
    "abs": abs,
    "sqrt": lambda a: math.sqrt(abs(a)),
    "log1p": lambda a: math.log1p(abs(a)),
}


def values_of(formula: str, rows: Sequence[Mapping[str, float]]) -> list[float]:
    """The same for instances that are compared: `least` and `most` are of all of them."""
    stacks: list[list[float]] = [[] for _ in rows]
    for word in formula.split():
        if word in EXTREMES:
            known = [stack[-1] for stack in stacks if not math.isnan(stack[-1])]
            found = EXTREMES[word](known, default=math.inf if word == "least" else -math.inf)
            for stack in stacks:
                stack[-1] = found
        else:
            for stack, features in zip(stacks, rows, strict=True):
                _run(word, stack, features)
    return [-math.inf if math.isnan(stack[0]) else stack[0] for stack in stacks]


def value_of(formula: str, features: Mapping[str, float]) -> float:
    """What a formula leaves; minus infinity where that is not a number."""
    return values_of(formula, [features])[0]


def _run(word: str, stack: list[float], features: Mapping[str, float]) -> None:
    """One word that every instance has for itself."""
    if word in BINARY:
        second, first = stack.pop(), stack.pop()
        stack.append(guarded(BINARY[word])(first, second))
    elif word in UNARY:
        stack.append(guarded(UNARY[word])(stack.pop()))
    elif word == "if":
        otherwise, then, condition = stack.pop(), stack.pop(), stack.pop()
        stack.append(then if condition > 0.0 else otherwise)
    else:
        stack.append(float(features[word]) if word in features else float(word))
