"""Files that were made aside, moved into place together: all of them or none."""

import os
from collections.abc import Sequence
from pathlib import Path

from blis.foundation.errors import ConfigError


def place_together(made: Sequence[Path], wanted: Sequence[Path], overwrite: bool) -> None:
    """Move each file of `made` to its place in `wanted`, on the same file system.

    What was there before is put back if one of them cannot be moved.

    Parameters
    ----------
    made, wanted : sequences of Path, of one length
    overwrite : bool
        Whether files may be replaced; without, one that has come into being meanwhile is not.

    Raises
    ------
    ConfigError
        If a file is there that must not be replaced.
    OSError
    """
    replaced: list[tuple[Path, Path]] = []
    new: list[Path] = []
    try:
        for source, target in zip(made, wanted, strict=True):
            if overwrite and target.exists():
                aside = source.with_name(f"{source.name}.before")
                os.replace(target, aside)
                replaced.append((aside, target))
            _move(source, target)
            new.append(target)
    except BaseException:
        for target in new:
            target.unlink(missing_ok=True)
        for aside, target in replaced:
            os.replace(aside, target)
        raise


def _move(source: Path, target: Path) -> None:
    """Move a file to a name that nobody has."""
    try:
        os.link(source, target)
    except FileExistsError as error:
        raise ConfigError(f"{target} exists already; give overwrite=true to replace it.") from error
    except OSError:  # a file system without hard links
        os.replace(source, target)
