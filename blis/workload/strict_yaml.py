"""YAML files read safely, with a repeated key as an error instead of a silent loss."""

from pathlib import Path
from typing import Any

import yaml

from blis.errors import ConfigError
from blis.workload.recorded import read_text


class _StrictLoader(yaml.SafeLoader):
    """The safe loader, which refuses repeated keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Mapping of a node whose keys are all different."""
        seen: set[str] = set()
        for key_node, _ in node.value:
            if key_node.value in seen and isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key_node.value!r} is given twice", key_node.start_mark
                )
            if isinstance(key_node, yaml.ScalarNode):
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
