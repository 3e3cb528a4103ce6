"""What is said of source that is not in the dialect."""

import ast
from collections.abc import Iterable

from blis.foundation.checks import nearest


class OutsideError(Exception):
    """Something that is not in the dialect."""

    def __init__(self, node: ast.AST, rule: str) -> None:
        super().__init__(rule)
        self.line, self.rule = getattr(node, "lineno", 1), rule


def close_to(name: str, known: Iterable[str]) -> str:
    """The words "; did you mean X?" for the known name that resembles another most, or none."""
    return nearest(name, sorted(known)).rstrip(".")
