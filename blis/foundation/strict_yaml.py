"""The one door for YAML: read safely, within bounds, with a repeated key as an error instead of a silent loss.

YAML is more than data: an alias can stand for a thousand copies of what it names, or for what it lies in; a number may
have as many digits as the file has room, and some texts make the parser itself fail. Whatever is refused is a
`ConfigError` that names the place.
"""

import re
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from blis.foundation.errors import ConfigError
from blis.foundation.files import MOST_DOCUMENT, read_text
from blis.foundation.words import shown

MOST_VALUES = 200_000  #: in one document, with every alias written out
MOST_DEPTH = 40  #: of values in values
LONGEST_NUMBER = 1_000  #: characters of what is not a text: Python reads numbers in time that grows with their square

#: What the parser raises, beside its own errors, for texts that it cannot make values of.
PARSER_ERRORS = (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, ArithmeticError, RecursionError)

#: Where libyaml may read otherwise than PyYAML's own parser (it takes tabs, for one): such texts are left to that.
_ODD = re.compile(r"[^\n\x20-\x7e\xa1-\u1fff]|[?|>%!@`]|^(?:---|\.\.\.)", re.MULTILINE)

_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_TEXT = "tag:yaml.org,2002:str"


class Bounded:
    """Goes before a loader of PyYAML: bounds size and depth, and turns what its parts raise into errors of YAML."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)  # type: ignore[call-arg]
        self._depth = 0
        self._values = 0  # read so far, with every alias written out
        self._sizes: dict[int, int] = {}  # of each anchored value that is complete

    def compose_node(self, parent: Any, index: Any) -> Any:
        """The next value, or what the alias in its place stands for."""
        event = self.peek_event()  # type: ignore[attr-defined]
        mark = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            node = super().compose_node(parent, index)  # type: ignore[misc]
            if id(node) not in self._sizes:
                raise _refused(f"the alias '*{event.anchor}' lies in what it stands for", mark)
            self._count(self._sizes[id(node)], mark)
            return node
        before = self._values
        self._count(1, mark)
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise _refused(f"values must lie at most {MOST_DEPTH} deep in one another", mark)
        node = super().compose_node(parent, index)  # type: ignore[misc]
        self._depth -= 1
        if event.anchor is not None:
            self._sizes[id(node)] = self._values - before
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """The value of a node."""
        if isinstance(node, yaml.ScalarNode) and node.tag != _TEXT and len(node.value) > LONGEST_NUMBER:
            raise _refused(f"{node.tag} must have at most {LONGEST_NUMBER} characters", node.start_mark)
        try:
            return super().construct_object(node, deep)  # type: ignore[misc]
        except yaml.YAMLError:
            raise
        except PARSER_ERRORS as error:
            what = shown(node.value) if isinstance(node, yaml.ScalarNode) else "what is here"
            why = f" ({error})" if isinstance(error, ValueError) else ""  # others speak of the parser's own insides
            raise _refused(f"{what} is not a valid {node.tag}{why}", node.start_mark) from error

    def get_single_data(self) -> Any:
        """The document's value."""
        try:
            return super().get_single_data()  # type: ignore[misc]
        except yaml.YAMLError:
            raise
        except PARSER_ERRORS as error:
            raise _refused(f"a value cannot be read ({error})", None) from error

    def _count(self, more: int, mark: Any) -> None:
        self._values += more
        if self._values > MOST_VALUES:
            raise _refused(f"there must be at most {MOST_VALUES} values, with every alias written out", mark)


class _UniqueKeys:
    """Goes before a loader of PyYAML: refuses repeated keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Mapping of a node whose keys are all different."""
        seen: set[str] = set()
        for key_node, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if not isinstance(key_node, yaml.ScalarNode):
                raise _refused("a key must be a text", key_node.start_mark)
            if key_node.value in seen:
                raise _refused(f"the key {shown(key_node.value)} is given twice", key_node.start_mark)
            seen.add(key_node.value)
        made: dict[Any, Any] = super().construct_mapping(node, deep)  # type: ignore[misc]
        return made


class _StrictLoader(_UniqueKeys, Bounded, yaml.SafeLoader):
    """The safe loader, within bounds, which refuses repeated keys."""


@cache
def _quick_loader() -> type | None:
    """The same with the parser of libyaml, four times as quick; None where PyYAML was built without it."""
    if not yaml.__with_libyaml__:
        return None

    parser: Any = vars(yaml.cyaml)["CParser"]

    def begin(self: Any, stream: Any) -> None:
        parser.__init__(self, stream)
        for part in (Composer, SafeConstructor, Resolver):
            part.__init__(self)

    parsed_in_c = type("ParsedInC", (Composer, parser, SafeConstructor, Resolver), {"__init__": begin})
    return type("QuickLoader", (_UniqueKeys, Bounded, parsed_in_c), {})


def bounded(loader: type) -> type:
    """A loader of PyYAML within bounds."""
    return type(f"Bounded{loader.__name__}", (Bounded, loader), {})


def read_yaml(path: Path) -> Any:
    """The document in a YAML file.

    Raises
    ------
    ConfigError
        If it cannot be read or parsed, repeats a key, is too large or too deep, or holds itself.
    """
    text = read_text(path, MOST_DOCUMENT)
    try:
        return parse_yaml(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not a valid YAML file: {in_words(error)}.") from error


def parse_yaml(text: str) -> Any:
    """The document in a text.

    Raises
    ------
    yaml.YAMLError
        As `read_yaml` refuses it.
    """
    quick = None if _ODD.search(text) else _quick_loader()
    if quick is not None:
        with suppress(yaml.YAMLError):  # which is told in the words of PyYAML's own parser, with or without libyaml
            return yaml.load(text, Loader=quick)
    return yaml.load(text, Loader=_StrictLoader)


def in_words(error: yaml.YAMLError) -> str:
    """What is wrong in a text, and where, without the part of the text that the parser quotes."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return " ".join(str(error).split())
    mark = error.problem_mark or error.context_mark
    told = ", ".join(filter(None, (error.context, error.problem))).replace("tag:yaml.org,2002:", "")
    return told if mark is None else f"{told} (line {mark.line + 1}, column {mark.column + 1})"


def with_line(path: Path, error: ConfigError) -> ConfigError:
    """The error, whose message begins with `path` and a place in that file, with the line of the place added."""
    message = str(error)
    try:
        node = yaml.compose(read_text(path, MOST_DOCUMENT), Loader=_StrictLoader)
    except yaml.YAMLError:  # which the error says already
        return error
    at = len(str(path))
    while node is not None and (step := _STEP.match(message, at)):
        child = _child(node, step)
        if child is None:
            break
        node, at = child, step.end()
    line = "" if node is None else f" (line {node.start_mark.line + 1})"
    return type(error)(message + line)


def _child(node: yaml.Node, step: re.Match[str]) -> yaml.Node | None:
    key, index = step.groups()
    if isinstance(node, yaml.MappingNode) and key is not None:
        return next((value for name, value in node.value if name.value == key), None)
    if isinstance(node, yaml.SequenceNode) and index is not None and len(index) < 10 and int(index) < len(node.value):
        found: yaml.Node = node.value[int(index)]
        return found
    return None


def _refused(why: str, mark: Any) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, why, mark)
