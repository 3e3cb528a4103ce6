"""Formulas as typed trees: read from the engine's postfix text, written back to it, and printed for people.

There are two types. A number is a feature, a constant or an operation. A condition is `less(a, b)`, or a feature alone,
which holds where the feature is above 0; it stands first in `if`, and nowhere else. Postfix text that uses one as the
other is read as what the engine makes of it: a number as a condition is `0 < number`, a condition as a number is
`if(condition, 1, 0)`.
"""

from typing import NamedTuple

#: Operations: word -> number of operands.
ARITY = {
    "add": 2, "sub": 2, "mul": 2, "div": 2, "min": 2, "max": 2, "less": 2,
    "neg": 1, "abs": 1, "sqrt": 1, "log1p": 1, "if": 3, "least": 1, "most": 1,
}  # fmt: skip

#: Operations whose value is that of all instances together: routing alone has them.
OVER_INSTANCES = ("least", "most")

_SYMBOLS = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
_WORDS = {symbol: word for word, symbol in _SYMBOLS.items()} | {"<": "less"}


class Expression(NamedTuple):
    """A node with its operands; a leaf has none."""

    word: str | float  #: an operation, a feature, or a constant
    operands: "tuple[Expression, ...]" = ()

    @property
    def is_constant(self) -> bool:
        """Whether it is a number in the text."""
        return not isinstance(self.word, str)

    @property
    def is_feature(self) -> bool:
        """Whether it is a word that the simulator fills in."""
        return isinstance(self.word, str) and self.word not in ARITY

    @property
    def depth(self) -> int:
        """Operations on the longest way from here to a leaf."""
        return 1 + max(operand.depth for operand in self.operands) if self.operands else 0


ZERO, ONE = Expression(0.0), Expression(1.0)


def parse(formula: str) -> Expression:
    """The tree of a postfix formula that the engine has checked."""
    stack: list[Expression] = []
    for given in formula.split():
        word = _WORDS.get(given, given)
        if word not in ARITY:
            stack.append(_leaf(word))
            continue
        operands = stack[-ARITY[word] :]
        del stack[-ARITY[word] :]
        typed = [_number(operand) for operand in operands]
        if word == "if":
            typed[0] = _condition(operands[0])
        stack.append(Expression(word, tuple(typed)))
    return _number(stack[0])


def postfix(expression: Expression) -> str:
    """The engine's text."""
    return " ".join(words(expression))


def words(expression: Expression) -> list[str]:
    """The words of the engine's text; their number is the size of the formula."""
    if expression.is_constant:
        return [_constant(float(expression.word))]
    if expression.word == "if" and expression.operands[1:] == (ONE, ZERO):
        condition = expression.operands[0]  # as a number
        return words(Expression("less", (ZERO, condition)) if condition.is_feature else condition)
    return [word for operand in expression.operands for word in words(operand)] + [str(expression.word)]


def features(expression: Expression) -> set[str]:
    """Names of the features that are read."""
    own = {str(expression.word)} if expression.is_feature else set()
    return own.union(*(features(operand) for operand in expression.operands))


def telling_features(expression: Expression) -> set[str]:
    """Names of the features that can differ between instances, which those do not that are taken of all instances."""
    if expression.word in OVER_INSTANCES:
        return set()
    own = {str(expression.word)} if expression.is_feature else set()
    return own.union(*(telling_features(operand) for operand in expression.operands))


def infix(expression: Expression) -> str:
    """The formula as people write it, with as few parentheses as its structure allows."""
    return _infix(expression)[0]


def _number(expression: Expression) -> Expression:
    """The value of an expression of any type."""
    return Expression("if", (expression, ONE, ZERO)) if expression.word == "less" else expression


def _condition(expression: Expression) -> Expression:
    """Whether an expression of any type is above 0."""
    return expression if expression.word == "less" or expression.is_feature else Expression("less", (ZERO, expression))


def _leaf(word: str) -> Expression:
    try:
        return Expression(float(word) + 0.0)  # no minus zero: it equals zero wherever the engine looks
    except ValueError:
        return Expression(word)


def _constant(value: float) -> str:
    """The shortest text that is read as the same number."""
    return str(int(value)) if value == int(value) and abs(value) < 1e6 else repr(value)


def _infix(expression: Expression) -> tuple[str, int]:
    """Text, and how strongly it holds together: 1 sum, 2 product, 3 sign, 4 anything closed."""
    word, operands = expression
    if expression.is_constant:
        return f"{word:.6g}", 4 if float(word) >= 0 else 3
    if word in ("add", "sub", "mul", "div"):
        strength = 1 if word in ("add", "sub") else 2
        one, other = operands
        if word in ("add", "mul") and _infix(one)[1] > strength == _infix(other)[1]:
            one, other = other, one
        # A sum to the right of a sum is computed first, so it keeps its parentheses: floats do not associate.
        return f"{_enclosed(one, strength)} {_SYMBOLS[str(word)]} {_enclosed(other, strength + 1)}", strength
    if word == "neg":
        text, strength = _infix(operands[0])
        return (f"-{text}", min(strength, 3)) if strength > 1 else (f"-({text})", 3)
    if word == "less":
        return f"{infix(operands[0])} < {infix(operands[1])}", 0
    if word == "if":
        condition = infix(operands[0]) + (" > 0" if operands[0].is_feature else "")
        return f"if({condition}, {infix(operands[1])}, {infix(operands[2])})", 4
    if operands:
        return f"{word}({', '.join(infix(operand) for operand in operands)})", 4
    return str(word), 4


def _enclosed(expression: Expression, strength: int) -> str:
    text, own = _infix(expression)
    return text if own >= strength else f"({text})"
