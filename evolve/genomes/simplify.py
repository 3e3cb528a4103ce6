"""The shortest of the forms that a formula has by exact identities: equal trees for many that mean the same.

Every rule holds to the last bit in floating point, except for the sign of a zero, which no decision can see, as long as
no intermediate value overflows. (The largest features are below 2^63, so that takes a product of seventeen of them.)
Hence operands of commutative operations are sorted, but sums are not regrouped: (a + b) + c and a + (b + c) differ in
the last bit, and a tie between two instances may hang on it.
"""

import math
import operator
from collections.abc import Callable

from evolve.genomes.expression import ONE, OVER_INSTANCES, ZERO, Expression, postfix

_MINUS_ONE = Expression(-1.0)

_COMMUTATIVE = ("add", "mul", "min", "max")

#: Features that may be below 0.
_SIGNED = ("last_routed", "urgency", "headroom_share", "ttft_slack_us")

#: The engine's operations, on numbers.
_VALUE: dict[str, Callable[..., float]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": lambda one, other: one / other if other != 0.0 else 0.0,
    "min": min,
    "max": max,
    "less": operator.lt,
    "neg": operator.neg,
    "abs": abs,
    "sqrt": lambda value: math.sqrt(abs(value)),
    "log1p": lambda value: math.log1p(abs(value)),
}


def simplified(expression: Expression) -> Expression:
    """The simplest form; the form of a form is itself."""
    while True:
        again = _rebuilt(expression)
        if again == expression:
            return again
        expression = again


def simple(word: str, operands: tuple[Expression, ...]) -> Expression:
    """The node of an operation on simple operands, or a simpler expression of equal value."""
    if word in _VALUE and all(operand.is_constant for operand in operands):
        folded = _folded(word, operands)
        if folded is not None:
            return folded
    if word in _COMMUTATIVE:
        operands = tuple(sorted(operands, key=_place))
    found = _RULES[word](*operands)
    return found if found is not None else Expression(word, operands)


def _rebuilt(expression: Expression) -> Expression:
    if not expression.operands:
        return expression
    return simple(str(expression.word), tuple(_rebuilt(operand) for operand in expression.operands))


def _place(expression: Expression) -> tuple[bool, str]:
    """Where an operand of a commutative operation stands: constants last, the others by their text."""
    return expression.is_constant, postfix(expression)


def _folded(word: str, operands: tuple[Expression, ...]) -> Expression | None:
    try:
        value = float(_VALUE[word](*(float(operand.word) for operand in operands))) + 0.0
    except OverflowError:
        return None
    return Expression(value) if math.isfinite(value) else None


def _negated(expression: Expression) -> Expression | None:
    """What the expression is the negative of, if it says so: by an operation, or by a constant below 0."""
    if expression.word == "neg":
        return expression.operands[0]
    if expression.is_constant:
        return Expression(-float(expression.word)) if float(expression.word) < 0.0 else None
    return _with_other_sign(expression, below_zero=True)


def _with_other_sign(expression: Expression, below_zero: bool) -> Expression | None:
    """A product or quotient with its constant negated, if it has one, and one below 0 if that is asked for."""
    if expression.word not in ("mul", "div"):
        return None
    for place, operand in enumerate(expression.operands):
        if operand.is_constant and (float(operand.word) < 0.0 or not below_zero):
            operands = list(expression.operands)
            operands[place] = Expression(-float(operand.word))
            return simple(str(expression.word), tuple(operands))
    return None


def _add(one: Expression, other: Expression) -> Expression | None:
    if other == ZERO:
        return one
    if one == other:
        return simple("mul", (one, Expression(2.0)))
    if one.word == other.word == "neg":
        return simple("neg", (simple("add", one.operands + other.operands),))
    first, second = _negated(one), _negated(other)
    if second is not None:
        return simple("sub", (one, second))
    return simple("sub", (other, first)) if first is not None else None


def _sub(one: Expression, other: Expression) -> Expression | None:
    if other == ZERO:
        return one
    if one == ZERO:
        return simple("neg", (other,))
    if one == other:
        return ZERO
    second = _negated(other)
    if second is not None:
        return simple("add", (one, second))
    return simple("neg", (simple("add", (one.operands[0], other)),)) if one.word == "neg" else None


def _mul(one: Expression, other: Expression) -> Expression | None:
    return ZERO if other == ZERO else _scaled("mul", one, other)


def _div(one: Expression, other: Expression) -> Expression | None:
    return ZERO if ZERO in (one, other) else _scaled("div", one, other)


def _scaled(word: str, one: Expression, other: Expression) -> Expression | None:
    """A product or quotient by 1 or -1, or with signs, which are taken out."""
    if other == ONE:
        return one
    if other == _MINUS_ONE:
        return simple("neg", (one,))
    if one.word == other.word == "neg":
        return simple(word, one.operands + other.operands)
    if one.word == "neg":
        return simple("neg", (simple(word, (one.operands[0], other)),))
    return simple("neg", (simple(word, (one, other.operands[0])),)) if other.word == "neg" else None


def _min(one: Expression, other: Expression) -> Expression | None:
    return _extreme("max", one, other)


def _max(one: Expression, other: Expression) -> Expression | None:
    return _extreme("min", one, other)


def _extreme(opposite: str, one: Expression, other: Expression) -> Expression | None:
    if one == other:
        return one
    if one.word == other.word == "neg":
        return simple("neg", (simple(opposite, (one.operands[0], other.operands[0])),))
    return None


def _less(one: Expression, other: Expression) -> Expression | None:
    if one == other:
        return ZERO
    if one == ZERO and other.is_feature:
        return other  # a feature as a condition
    if one == ZERO and other.word == "if" and other.operands[1:] == (ONE, ZERO):
        return other.operands[0]  # a comparison that was used as a number
    if one.word == other.word == "neg":
        return simple("less", (other.operands[0], one.operands[0]))
    return None


def _neg(one: Expression) -> Expression | None:
    if one.word == "neg":
        return one.operands[0]
    if one.word == "sub":
        return simple("sub", one.operands[::-1])
    return _with_other_sign(one, below_zero=False)


def _abs(one: Expression) -> Expression | None:
    if one.word == "neg":
        return simple("abs", one.operands)
    return one if _is_never_negative(one) else None


def _even(word: str) -> Callable[[Expression], Expression | None]:
    def rule(one: Expression) -> Expression | None:
        return simple(word, one.operands) if one.word in ("neg", "abs") else None

    return rule


def _over_instances(opposite: str) -> Callable[[Expression], Expression | None]:
    def rule(one: Expression) -> Expression | None:
        if one.is_constant or one.word in OVER_INSTANCES:
            return one  # the same for all
        if one.word == "neg":
            return simple("neg", (simple(opposite, one.operands),))
        return None

    return rule


def _if(condition: Expression, one: Expression, other: Expression) -> Expression | None:
    if condition.is_constant:
        return one if float(condition.word) > 0.0 else other
    if one == other:
        return one
    if condition.word == "less" and condition.operands == (one, other):
        return simple("min", (one, other))
    if condition.word == "less" and condition.operands == (other, one):
        return simple("max", (one, other))
    if one.word == "if" and one.operands[0] == condition:
        return simple("if", (condition, one.operands[1], other))
    if other.word == "if" and other.operands[0] == condition:
        return simple("if", (condition, one, other.operands[2]))
    return None


def _is_never_negative(expression: Expression) -> bool:
    word, operands = expression
    if expression.is_feature:
        return word not in _SIGNED
    if expression.is_constant:
        return float(word) >= 0.0
    if word in ("abs", "sqrt", "log1p"):
        return True
    if word == "max":
        return any(_is_never_negative(operand) for operand in operands)
    if word == "if":
        operands = operands[1:]
    if word in OVER_INSTANCES:
        return _is_never_negative(operands[0])
    return word in ("add", "mul", "div", "min", "if") and all(_is_never_negative(operand) for operand in operands)


_RULES: dict[str, Callable[..., Expression | None]] = {
    "add": _add, "sub": _sub, "mul": _mul, "div": _div, "min": _min, "max": _max, "less": _less,
    "neg": _neg, "abs": _abs, "sqrt": _even("sqrt"), "log1p": _even("log1p"), "if": _if,
    "least": _over_instances("most"), "most": _over_instances("least"),
}  # fmt: skip
