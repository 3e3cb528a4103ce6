"""Answers whether a list of a quantised checkpoint names a module of a layer.

Such lists name modules exactly, by a part of the name, with `*`, or with `re:` and a regular expression, and call the
layers by the names of several programs.
"""

import re
from collections.abc import Iterable, Iterator

#: What stands before "layers.N." in the names of checkpoints.
PREFIXES = ("model.", "model.language_model.", "language_model.model.", "backbone.", "")
_LAYER = re.compile(r"layers\.(\d+)(?!\d)")


class ModuleNames:
    """A list of names and patterns of modules."""

    __slots__ = ("_exact", "_general", "_of_any_layer", "_of_layer")

    def __init__(self, patterns: Iterable[str]) -> None:
        of_layer: dict[int, list[str]] = {}
        general, exact = [], set()
        for pattern in patterns:
            layer = None if pattern.startswith("re:") else _LAYER.search(pattern)
            if layer is None:
                general.append(pattern)
            elif "*" in pattern:
                of_layer.setdefault(int(layer.group(1)), []).append(pattern)
            else:
                exact.add(pattern)
        self._exact = exact  # thousands, where every expert is listed
        self._of_layer = {layer: _compiled(names) for layer, names in of_layer.items()}
        self._general = _compiled(general) if general else None
        # Where no pattern can tell layers apart, one answer serves all of them.
        self._of_any_layer: dict[tuple[str, ...], bool] | None = None
        if not any(character.isdigit() or character in "\\[" for one in general for character in one):
            self._of_any_layer = {}

    def hold(self, layer: int, modules: tuple[str, ...]) -> bool:
        """Is any of `modules`, names of one thing within a layer, in the list?"""
        if self._holds_anywhere(layer, modules):
            return True
        own = self._of_layer.get(layer)
        if own is not None and _any_match(own, layer, modules):
            return True
        names = (f"{prefix}layers.{layer}.{module}" for module in modules for prefix in PREFIXES if self._exact)
        return any(module in self._exact for name in names for module in _around(name))

    def _holds_anywhere(self, layer: int, modules: tuple[str, ...]) -> bool:
        if self._general is None:
            return False
        if self._of_any_layer is None:
            return _any_match(self._general, layer, modules)
        if modules not in self._of_any_layer:
            self._of_any_layer[modules] = _any_match(self._general, layer, modules)
        return self._of_any_layer[modules]


def _any_match(patterns: tuple[re.Pattern[str], ...], layer: int, modules: Iterable[str]) -> bool:
    names = [f"{prefix}layers.{layer}.{module}" for module in modules for prefix in PREFIXES]
    return any(pattern.match(name) for pattern in patterns for name in names)


def _compiled(names: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    """Expressions that match a module that is named, a module inside it, and a module with such a part."""
    expressions = []
    for name in names:
        expression = _expression(name)
        try:
            re.compile(expression)
        except re.error:  # a pattern of another dialect names nothing that we know
            continue
        expressions.append(expression)
    try:
        return (re.compile("|".join(expressions) or "(?!)"),)
    except re.error:  # each is right, but they use one name for different groups, or flags
        return tuple(re.compile(expression) for expression in expressions)


def _expression(name: str) -> str:
    if name.startswith("re:"):
        return f"(?:{name[3:-1]})(?:\\.|$)" if name.endswith("$") else f"(?:{name[3:]})"
    before = "" if name.startswith("*") or _LAYER.search(name) else r"(?:.*\.)?"
    return before + ".*".join(re.escape(part) for part in name.split("*")) + r"(?:\.|$)"


def _around(name: str) -> Iterator[str]:
    """The name, and the names of the modules that it lies in."""
    yield name
    while "." in name:
        name = name.rpartition(".")[0]
        yield name
