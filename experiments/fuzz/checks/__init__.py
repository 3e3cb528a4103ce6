"""What must hold of every valid scenario?

Each file answers with `check(subject) -> Iterator[str]`: one line for each thing that is wrong, and nothing where
all is well or where the question does not apply. The file's name is the name of the check; one that does not apply
to every case adds its name to `subject.asked` where it does, so that it is counted.

To add a check: one new file with `check`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

Check = Callable[[Any], Iterator[str]]


def all_checks() -> dict[str, Check]:
    """Every check by its name."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f"{__name__}.{name}").check for name in names}
