"""Makes a written policy end: each turn of a loop and each call of an own function is counted.

The count lies in a cell that every function of the policy is handed as a first, hidden argument.
"""

import ast
import copy

from blis.policies.written.dialect import Program

#: Hidden names: source cannot have them, as it has no name with two underscores.
CELL, SPEND, COUNTED_RANGE = "steps__", "spend__", "range__"


def metered(program: Program) -> ast.Module:
    """The program's tree with the count, without annotations and docstrings."""
    tree: ast.Module = _Metered(set(program.functions)).visit(copy.deepcopy(program.tree))
    return ast.fix_missing_locations(tree)


def metered_source(program: Program) -> str:
    """The same as text."""
    return ast.unparse(metered(program))


class _Metered(ast.NodeTransformer):
    def __init__(self, functions: set[str]) -> None:
        self.functions = functions

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        for argument in node.args.args:
            argument.annotation = None
        node.returns = None
        self.generic_visit(node)
        node.args.args.insert(0, ast.arg(CELL))
        node.body = [_spend_statement(), *node.body]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        self.generic_visit(node)
        if node.value is None:
            return ast.Pass()
        return ast.Assign([node.target], node.value)

    def visit_For(self, node: ast.For) -> ast.For:
        node.iter = self._iterable(node.iter)
        node.target, node.orelse = self.visit(node.target), [self.visit(one) for one in node.orelse]
        node.body = [_spend_statement(), *(self.visit(one) for one in node.body)]
        return node

    def visit_While(self, node: ast.While) -> ast.While:
        self.generic_visit(node)
        node.body = [_spend_statement(), *node.body]
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.comprehension:
        node.iter = self._iterable(node.iter)
        node.ifs = [_spend(), *(self.visit(one) for one in node.ifs)]
        return node

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in self.functions:
            node.args.insert(0, _cell())
        elif isinstance(node.func, ast.Name) and node.func.id == "range":
            node.func = ast.Name(COUNTED_RANGE, ast.Load())
            node.args.insert(0, _cell())
        return node

    def _iterable(self, node: ast.expr) -> ast.expr:
        """What a loop goes through, where a range is taken turn by turn and need not be counted before."""
        found: ast.expr = self.visit(node)
        if isinstance(found, ast.Call) and isinstance(found.func, ast.Name) and found.func.id == COUNTED_RANGE:
            return ast.Call(ast.Name("range", ast.Load()), found.args[1:], found.keywords)
        return found


def _cell() -> ast.expr:
    return ast.Name(CELL, ast.Load())


def _spend() -> ast.expr:
    return ast.Call(ast.Name(SPEND, ast.Load()), [_cell()], [])


def _spend_statement() -> ast.stmt:
    return ast.Expr(_spend())
