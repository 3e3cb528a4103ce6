"""Reads the source of a written policy, and refuses what is not in its dialect."""

import ast
import copy
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from blis.foundation.answers import FOLDERS
from blis.foundation.checks import check_choice
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown
from blis.policies.written import names, shapes
from blis.policies.written.outside import OutsideError, close_to
from blis.policies.written.vocabulary import ASKED, BUILTINS, IMPORTS, METHODS, fields_of

MOST_LETTERS = 32_000
MOST_NODES = 6_000
MOST_DEPTH = 60


@dataclass(frozen=True, slots=True)
class Program:
    """A written policy that is in its dialect."""

    question: str
    source: str
    digest: str  #: content address of question and syntax: comments and docstrings do not count
    tree: ast.Module = field(compare=False, repr=False)
    functions: tuple[str, ...]  #: that it defines, its verb among them
    reads: frozenset[str]  #: fields of its views that it reads

    @property
    def verb(self) -> str:
        """The function that decides."""
        return FOLDERS[self.question].verb

    @property
    def size(self) -> int:
        """Nodes of its syntax tree: how much a reader has to understand."""
        return sum(isinstance(node, ast.expr | ast.stmt) for node in ast.walk(self.tree))

    @property
    def remembers(self) -> bool:
        """Whether it uses its memory."""
        (verb,) = (node for node in self.tree.body if isinstance(node, ast.FunctionDef) and node.name == self.verb)
        place = ASKED[self.question].arguments.index("memory")
        name = verb.args.args[place].arg
        return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(verb))

    @property
    def summary(self) -> str:
        """What its docstring says, or that of its verb; "" without any."""
        verb = next(node for node in self.tree.body if isinstance(node, ast.FunctionDef) and node.name == self.verb)
        return (ast.get_docstring(self.tree) or ast.get_docstring(verb) or "").strip()

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"written:{self.digest[:12]}"


def check_source(question: str, where: str, source: object) -> Program:
    """A written policy as a program.

    Raises
    ------
    ConfigError
        If the question takes no written policy, or the source is none: the message names line and rule.
    """
    check_choice(f"{where}: a written policy's question", question, ASKED)
    if not isinstance(source, str) or not source.strip():
        raise ConfigError(f"{where}.source must be the Python source of a policy; got {shown(source)}.")
    if len(source) > MOST_LETTERS:
        raise ConfigError(f"{where}.source must have at most {MOST_LETTERS} letters; got {len(source)}.")
    return _checked(question, where, source)


@cache
def _checked(question: str, where: str, source: str) -> Program:
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise ConfigError(f"{where}.source must be Python; line {error.lineno or 1}: {error.msg}.") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(f"{where}.source must be Python that can be read; {type(error).__name__}.") from error
    try:
        _check_size(tree)
        found = _Module(question, tree)
    except OutsideError as error:
        raise ConfigError(f"{where}.source, line {error.line}: {error.rule}.") from error
    digest = hashlib.sha256(f"{question}\0{ast.dump(_without_words(tree))}".encode("utf-8", "replace")).hexdigest()
    return Program(question, source, digest, tree, tuple(found.functions), found.reads)


def _check_size(tree: ast.Module) -> None:
    count = 0
    nodes: list[ast.AST] = [tree]
    for _ in range(MOST_DEPTH):
        nodes = [child for node in nodes for child in ast.iter_child_nodes(node)]
        count += len(nodes)
        if count > MOST_NODES:
            raise OutsideError(nodes[0], f"a policy has at most {MOST_NODES} nodes of syntax")
    if nodes:
        raise OutsideError(nodes[0], f"a policy is nested at most {MOST_DEPTH} deep")


class _Module:
    """What a module defines, once all of it has been checked."""

    def __init__(self, question: str, tree: ast.Module) -> None:
        self.asked = ASKED[question]
        self.fields = frozenset(name for view in self.asked.views for name in fields_of(view))
        self.functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        self.constants: set[str] = set()
        self.numbers: set[str] = set()  #: those of the constants that further constants may be worked out from
        self.imported: set[str] = set()
        self.modules: set[str] = set()
        self.reads: frozenset[str] = frozenset()
        for place, statement in enumerate(tree.body):
            self._check_statement(statement, place)
        self._check_verb(tree, FOLDERS[question].verb)
        for function in self.functions.values():
            self._check_function(function)
        self._check_recursion()
        seen = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        self.reads = frozenset(seen & self.fields)

    def _check_statement(self, statement: ast.stmt, place: int) -> None:
        if isinstance(statement, ast.FunctionDef):
            shapes.check_signature(statement)
            if list(self.functions.values()).count(statement) == 0:
                raise OutsideError(statement, f"function {statement.name!r} is defined twice")
            _check_name(statement, statement.name)
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            self._check_import(statement)
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            self._check_constant(statement)
        elif not (place == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
            raise OutsideError(
                statement, "a policy's module holds imports, constants and functions only, no statements beside them"
            )

    def _check_import(self, statement: ast.Import | ast.ImportFrom) -> None:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                if alias.name != "math":
                    raise OutsideError(statement, f"only {_importable()} can be imported; got {alias.name!r}")
                self.modules.add(_check_name(statement, alias.asname or alias.name))
            return
        known = IMPORTS.get(statement.module or "", frozenset()) if not statement.level else frozenset()
        for alias in statement.names:
            if alias.name not in known:
                wanted = f"{statement.module}.{alias.name}"
                raise OutsideError(statement, f"only {_importable()} can be imported; got {wanted!r}")
            self.imported.add(_check_name(statement, alias.asname or alias.name))

    def _check_constant(self, statement: ast.Assign | ast.AnnAssign) -> None:
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        if statement.value is None or len(targets) != 1 or not isinstance(targets[0], ast.Name):
            raise OutsideError(statement, "a module's constant is one name and its value, such as LIMIT = 8")
        parts = statement.value.elts if isinstance(statement.value, ast.Tuple) else [statement.value]
        for part in parts:
            is_text = isinstance(part, ast.Constant) and isinstance(part.value, str | None)
            if not is_text and not shapes.is_number(part, frozenset(self.numbers)):
                raise OutsideError(
                    statement, "a module's constant is a number, a text or a tuple of them: what changes is kept in "
                    "memory"
                )  # fmt: skip
            for node in ast.walk(part):
                shapes.check_node(node)
        name = _check_name(statement, targets[0].id)
        if name in self.constants or name in self.functions:
            raise OutsideError(statement, f"{name!r} is defined twice")
        self.constants.add(name)
        if parts == [statement.value]:
            self.numbers.add(name)

    def _check_verb(self, tree: ast.Module, verb: str) -> None:
        function = self.functions.get(verb)
        if function is None:
            got = ", ".join(sorted(self.functions)) or "none"
            raise OutsideError(tree, f"a function {verb}({', '.join(self.asked.arguments)}) must be defined; got {got}")
        n_given, n_wanted = len(function.args.args), len(self.asked.arguments)
        n_required = n_given - len(function.args.defaults)
        if not n_required <= n_wanted <= n_given:
            raise OutsideError(
                function, f"{verb} must take ({', '.join(self.asked.arguments)}); it takes {n_given} arguments"
            )

    def _check_function(self, function: ast.FunctionDef) -> None:
        for argument in function.args.args:
            _check_name(function, argument.arg)
        local = names.stored_in(function)
        for name in local:
            _check_name(function, name)
        clash = sorted(local & {*self.functions, *self.modules, *self.imported})
        if clash:
            raise OutsideError(function, f"{clash[0]!r} is the name of a function or a module and cannot be replaced")
        for node in _inside(function):
            shapes.check_node(node)
            if isinstance(node, ast.Name):
                self._check_use(node, local)
            elif isinstance(node, ast.Attribute):
                self._check_attribute(node)
        shapes.check_calls(function, {*self.functions, *self.modules})

    def _check_recursion(self) -> None:
        """Refuse functions that call themselves, by whatever way: the machine's stack would end before the count."""
        calls = {name: _called_in(function, self.functions) for name, function in self.functions.items()}
        for name, function in self.functions.items():
            reached = set(calls[name])
            for _ in self.functions:
                reached |= {further for other in reached for further in calls[other]}
            if name in reached:
                raise OutsideError(function, f"{name!r} calls itself; write a loop instead")

    def _check_use(self, node: ast.Name, local: frozenset[str]) -> None:
        known = {*local, *self.functions, *self.constants, *self.imported, *self.modules, *BUILTINS}
        if node.id not in known:
            raise OutsideError(node, f"name {node.id!r} does not exist here{close_to(node.id, known)}")

    def _check_attribute(self, node: ast.Attribute) -> None:
        if not isinstance(node.ctx, ast.Load):
            raise OutsideError(node, f"attributes cannot be set; got .{node.attr}")
        if isinstance(node.value, ast.Name) and node.value.id in self.modules:
            if node.attr not in IMPORTS["math"]:
                raise OutsideError(node, f"math has no {node.attr!r} here{close_to(node.attr, IMPORTS['math'])}")
        elif node.attr not in self.fields and node.attr not in METHODS:
            raise OutsideError(node, f"no view has a field {node.attr!r}{close_to(node.attr, self.fields)}")


def _inside(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Everything in a function but its annotations, which mean nothing."""
    for default in function.args.defaults:
        yield from ast.walk(default)
    for place, statement in enumerate(function.body):
        is_docstring = place == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not is_docstring:
            yield from names.walk(statement)


def _without_words(tree: ast.Module) -> ast.Module:
    """The tree without docstrings."""
    bare = copy.deepcopy(tree)
    for node in ast.walk(bare):
        if isinstance(node, ast.Module | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return bare


def _called_in(function: ast.FunctionDef, functions: Mapping[str, ast.FunctionDef]) -> set[str]:
    """The own functions that a function calls."""
    calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
    return {called.id for called in calls if isinstance(called, ast.Name) and called.id in functions}


def _check_name(node: ast.AST, name: str) -> str:
    if "__" in name:
        raise OutsideError(node, f"names with two underscores do not exist here; got {name!r}")
    return name


def _importable() -> str:
    return "math and best_instance of blis.engine.choice"
