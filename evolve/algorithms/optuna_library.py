"""The one door to Optuna, whose samplers search in the place of our own algorithms."""

from typing import Any

from blis.foundation.errors import ConfigError


def optuna_library(algorithm: str, *also: str) -> Any:
    """Optuna, which tells its progress to nobody.

    Parameters
    ----------
    algorithm : str
        Which needs it, for the message.
    also : str
        Packages that its sampler needs besides.

    Raises
    ------
    ConfigError
        If it, or one of those, is not installed.
    """
    try:
        import optuna

        for package in also:
            __import__(package)
    except ImportError as error:
        raise ConfigError(
            f"algorithm: {algorithm!r} needs the package {error.name or 'optuna'}, see the extra 'optimisers'; install "
            f"it, or choose another algorithm ({error})."
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
