"""Which kinds of syntax the dialect has, and where each may stand."""

import ast
import math

from blis.policies.written import names
from blis.policies.written.outside import OutsideError

_STATEMENTS = (
    *(ast.Return, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.For, ast.While, ast.If, ast.Expr, ast.Pass),
    *(ast.Break, ast.Continue),
)
_EXPRESSIONS = (
    *(ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.IfExp, ast.Compare, ast.Call, ast.Constant, ast.Attribute),
    *(ast.Subscript, ast.Name, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.ListComp, ast.GeneratorExp, ast.DictComp),
    *(ast.SetComp, ast.Lambda, ast.Slice),
)
_PARTS = (
    *(ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context, ast.comprehension, ast.keyword),
    *(ast.arguments, ast.arg),
)
#: What people write in Python that has no place here, in words.
_WORDS = {
    ast.Try: "try", ast.Raise: "raise", ast.Assert: "assert", ast.With: "with", ast.Global: "global",
    ast.Nonlocal: "nonlocal", ast.Delete: "del", ast.ClassDef: "class", ast.FunctionDef: "a function in a function",
    ast.Import: "an import in a function", ast.ImportFrom: "an import in a function", ast.JoinedStr: "a formatted text",
    ast.Yield: "yield", ast.Await: "await", ast.NamedExpr: ":=", ast.Starred: "*", ast.Match: "match",
    ast.AsyncFunctionDef: "async",
}  # fmt: skip
#: Literals larger than this as the base of a power, or the power, are not worked out.
_MOST_BASE, _MOST_POWER = 1024, 62


def check_node(node: ast.AST) -> None:
    """Refuse syntax that is not in the dialect.

    Raises
    ------
    OutsideError
        If it is not.
    """
    if not isinstance(node, (*_STATEMENTS, *_EXPRESSIONS, *_PARTS)):
        word = _WORDS.get(type(node), type(node).__name__)
        raise OutsideError(node, f"a policy has numbers, conditions, loops and calls only; {word} has no place here")
    if isinstance(node, ast.Constant):
        _check_literal(node)
    elif isinstance(node, ast.Lambda):
        _check_arguments(node, node.args)
    elif isinstance(node, ast.comprehension) and node.is_async:
        raise OutsideError(node, "async has no place here")
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        raise OutsideError(node, "@ has no place here")


def check_signature(function: ast.FunctionDef) -> None:
    """Refuse functions that take anything but positional arguments, with numbers as defaults."""
    if function.decorator_list:
        raise OutsideError(function, "functions have no decorators here")
    _check_arguments(function, function.args)


def _check_arguments(node: ast.AST, arguments: ast.arguments) -> None:
    if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.posonlyargs:
        raise OutsideError(node, "functions take plain arguments only, without * and /")
    for default in arguments.defaults:
        if not is_number(default, frozenset()):
            raise OutsideError(node, "the default of an argument is a number")


def check_calls(function: ast.FunctionDef, only_called: set[str]) -> None:
    """Refuse calls of what is no name or method, and functions and modules (`only_called`) that are values."""
    called: set[int] = set()
    for statement in function.body:
        for node in names.walk(statement):
            if isinstance(node, ast.Call):
                if not isinstance(node.func, ast.Name | ast.Attribute):
                    raise OutsideError(node, "what is called must be a function's name or a method")
                if any(keyword.arg is None for keyword in node.keywords):
                    raise OutsideError(node, "** has no place here")
                called.add(id(node.func))
            elif isinstance(node, ast.Attribute):
                called.add(id(node.value))
    for statement in function.body:
        for node in names.walk(statement):
            if isinstance(node, ast.Name) and node.id in only_called and id(node) not in called:
                raise OutsideError(node, f"{node.id!r} can be called, and not be handed on")


def is_number(node: ast.expr, known: frozenset[str]) -> bool:
    """Whether an expression is a number that is worked out when the module is read; `known` are such numbers' names."""
    if isinstance(node, ast.Name):
        return node.id in known
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int | float)
    if isinstance(node, ast.UnaryOp):
        return is_number(node.operand, known)
    if not isinstance(node, ast.BinOp) or isinstance(node.op, ast.LShift | ast.RShift | ast.MatMult):
        return False
    if isinstance(node.op, ast.Pow):
        return _is_small(node.left, _MOST_BASE) and _is_small(node.right, _MOST_POWER)
    return is_number(node.left, known) and is_number(node.right, known)


def _is_small(node: ast.expr, most: int) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float) and 0 <= node.value <= most


def _check_literal(node: ast.Constant) -> None:
    value = node.value
    if isinstance(value, int) and not abs(value) < 2**63:
        raise OutsideError(node, "whole numbers have 64 bits")
    if isinstance(value, float) and not math.isfinite(value):
        raise OutsideError(node, "numbers must be finite; math.inf is the largest")
    if not (value is None or isinstance(value, int | float | str)):
        raise OutsideError(node, f"a value is a number, a text, True, False or None; got {type(value).__name__}")
