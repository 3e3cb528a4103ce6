"""The packages that only a measurement of real servers needs."""

import importlib
from types import ModuleType

from blis.foundation.errors import ConfigError


def needed(name: str) -> ModuleType:
    """Import a package of the extra `real`.

    Raises
    ------
    ConfigError
        If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ConfigError(f"blis.observe needs the package {error.name}: pip install 'blis[real]'") from error
