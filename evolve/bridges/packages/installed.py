"""Whether a package that proposes is there."""

import importlib.util

from blis.foundation.errors import ConfigError


def check_installed(*names: str, get: str = "'blis[bridges]'") -> None:
    """Say in one line how to get what is missing.

    Raises
    ------
    ConfigError
        If a package is missing.
    """
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise ConfigError(f"package: {name} is not installed; pip install {get} brings it.")
