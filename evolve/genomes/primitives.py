"""The words of formulas as DEAP's typed primitives, and the way there and back between its trees and ours."""

import math
import random as global_random
from functools import cache, partial

from deap import gp

from evolve.genomes.expression import ARITY, OVER_INSTANCES, Expression
from evolve.genomes.simplify import simple, simplified

#: Ends the name of a feature that stands for the condition that it is above 0.
_ABOVE_ZERO = ">0"

#: Digits of a constant that was drawn or varied: more would only fit noise.
_DIGITS = 2


class _Type(type):
    """The class of the two types: DEAP draws from sets of them, whose order must not hang on their places in memory."""

    order: int

    def __hash__(cls) -> int:
        return cls.order


class Number(metaclass=_Type):
    """What operations work on."""

    order = 1


class Condition(metaclass=_Type):
    """What `if` decides on."""

    order = 2


@cache
def primitive_set(
    features: tuple[str, ...], least: float, most: float, compares_instances: bool = False
) -> gp.PrimitiveSetTyped:
    """Everything that a tree may be made of.

    Parameters
    ----------
    features : tuple of str
        Features that may be read, each as a number and as the condition that it is above 0.
    least, most : float > 0
        Range of constants; even in the logarithm.
    compares_instances : bool
        Whether operations may take the smallest and the largest value of all instances.
    """
    primitives = gp.PrimitiveSetTyped("formula", [], Number)
    for word, arity in ARITY.items():
        if word in OVER_INSTANCES and not compares_instances:
            continue
        types = [Condition if word == "if" and place == 0 else Number for place in range(arity)]
        # No function: the trees are never run by DEAP, only by the engine.
        primitives.addPrimitive(None, types, Condition if word == "less" else Number, name=word)
    for feature in features:
        primitives.addTerminal(feature, Number, name=feature)
        primitives.addTerminal(feature, Condition, name=feature + _ABOVE_ZERO)
    primitives.addEphemeralConstant("constant", partial(_draw_constant, least, most), Number)
    return primitives


def tree_of(expression: Expression, primitives: gp.PrimitiveSetTyped) -> gp.PrimitiveTree:
    """DEAP's tree of a simple expression."""
    return gp.PrimitiveTree(_nodes(expression, Number, primitives))


def expression_of(tree: gp.PrimitiveTree) -> Expression:
    """The simplest expression that equals DEAP's tree."""
    stack: list[Expression] = []
    for node in reversed(tree):
        if isinstance(node, gp.Primitive):
            operands = tuple(stack.pop() for _ in range(node.arity))
            stack.append(simple(node.name, operands))
        elif isinstance(node.value, str):
            stack.append(Expression(node.value.removesuffix(_ABOVE_ZERO)))
        else:
            stack.append(Expression(float(node.value)))
    return simplified(stack.pop())


def varied_constants(expression: Expression, spread: float) -> Expression:
    """The expression with each constant multiplied by a random factor near 1; draws from the global generator.

    Parameters
    ----------
    expression : Expression
    spread : float > 0
        Standard deviation of the factor's logarithm.
    """
    if expression.is_constant:
        return Expression(_rounded(float(expression.word) * math.exp(global_random.gauss(0.0, spread))))
    return Expression(expression.word, tuple(varied_constants(operand, spread) for operand in expression.operands))


def _draw_constant(least: float, most: float) -> float:
    return _rounded(math.exp(global_random.uniform(math.log(least), math.log(most))))


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _nodes(expression: Expression, kind: type, primitives: gp.PrimitiveSetTyped) -> list[object]:
    if expression.is_constant:
        return [gp.Terminal(float(expression.word), False, kind)]
    if expression.is_feature:
        name = f"{expression.word}{_ABOVE_ZERO if kind is Condition else ''}"
        return [primitives.mapping[name]]
    primitive = primitives.mapping[expression.word]
    nodes = [primitive]
    for operand, wanted in zip(expression.operands, primitive.args, strict=True):
        nodes += _nodes(operand, wanted, primitives)
    return nodes
