"""Which names a function binds, and what of it is code: annotations are not."""

import ast
from collections.abc import Iterator


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """A node and everything in it but annotations."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "type_comment"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from walk(child)


def stored_in(function: ast.FunctionDef) -> frozenset[str]:
    """Names that a function binds: arguments, assignments, and those of its loops, comprehensions and lambdas."""
    found = {argument.arg for argument in function.args.args}
    for statement in function.body:
        for node in walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.arg):
                found.add(node.arg)
    return frozenset(found)
