"""YAML files read safely, with a repeated key as an error instead of a silent loss, and with lines for errors."""

import re
from pathlib import Path
from typing import Any

import yaml

from blis.foundation.errors import ConfigError
from blis.foundation.files import read_text

_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")


class _StrictLoader(yaml.SafeLoader):
    """The safe loader, which refuses repeated keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Mapping of a node whose keys are all different."""
        seen: set[str] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a text", key_node.start_mark)
            if key_node.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key_node.value!r} is given twice", key_node.start_mark
                )
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:
    """The document in a YAML file.

    Raises
    ------
    ConfigError
        If it cannot be read or parsed, or repeats a key.
    """
    text = read_text(path)
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not a valid YAML file: {' '.join(str(error).split())}.") from error


def with_line(path: Path, error: ConfigError) -> ConfigError:
    """The error, whose message begins with `path` and a place in that file, with the line of the place added."""
    message = str(error)
    node = yaml.compose(read_text(path), Loader=_StrictLoader)
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
    if isinstance(node, yaml.SequenceNode) and index is not None and int(index) < len(node.value):
        found: yaml.Node = node.value[int(index)]
        return found
    return None
