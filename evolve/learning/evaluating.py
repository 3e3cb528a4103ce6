"""Evaluates formulas over many rows at once, as the engine's interpreter does over one."""

from collections.abc import Callable, Mapping

import numpy as np

from blis.foundation.units import Float64Vector, Int64Vector
from evolve.genomes.expression import OVER_INSTANCES, Expression


def _quotient(one: Float64Vector, other: Float64Vector) -> Float64Vector:
    quotient: Float64Vector = np.divide(one, other, out=np.zeros(np.broadcast(one, other).shape), where=other != 0.0)
    return quotient


def _branch(condition: Float64Vector, one: Float64Vector, other: Float64Vector) -> Float64Vector:
    branch: Float64Vector = np.where(condition > 0.0, one, other)
    return branch


_OPERATIONS: Mapping[str, Callable[..., Float64Vector]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": _quotient,
    "min": np.minimum,
    "max": np.maximum,
    "less": lambda one, other: (one < other).astype(np.float64),
    "neg": np.negative,
    "abs": np.abs,
    "sqrt": lambda one: np.sqrt(np.abs(one)),
    "log1p": lambda one: np.log1p(np.abs(one)),
    "if": _branch,
}


def values(
    expression: Expression, columns: Mapping[str, Float64Vector], decision: Int64Vector | None = None
) -> Float64Vector:
    """The formula's value in each row.

    Parameters
    ----------
    expression : Expression
    columns : mapping of feature to float64 (rows,)
    decision : int64 (rows,), optional
        Rows of one decision are the instances that are compared, as far as they are known; None: all rows are.
    """
    if expression.is_constant:
        return np.float64(expression.word)  # type: ignore[return-value]
    if expression.is_feature:
        return columns[str(expression.word)]
    operands = [values(one, columns, decision) for one in expression.operands]
    if expression.word in OVER_INSTANCES:
        return _over_instances(str(expression.word), operands[0], decision)
    with np.errstate(all="ignore"):
        return _OPERATIONS[str(expression.word)](*operands)


def _over_instances(word: str, value: Float64Vector, decision: Int64Vector | None) -> Float64Vector:
    if np.ndim(value) == 0:
        return value
    group = np.zeros(len(value), np.int64) if decision is None else decision
    extreme, none = (np.fmin, np.inf) if word == "least" else (np.fmax, -np.inf)
    found = np.full(int(group.max(initial=0)) + 1, none)
    extreme.at(found, group, value)
    return found[group]
