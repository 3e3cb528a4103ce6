"""Tells the evaluation file, in SkyDiscover's process, which program a candidate was made from.

SkyDiscover does not tell it; its archive of programs knows, because it was asked for a parent just before.
"""

from collections.abc import Callable
from typing import Any

#: Text of the program that is being changed; None before the first one is.
parent_solution: str | None = None


def remembering(sample: Callable[..., Any]) -> Callable[..., Any]:
    """As the archive's `sample`, which it calls: ({label: parent}, {label: programs to look at})."""

    def remembered(*given: Any, **named: Any) -> Any:
        global parent_solution
        parents, others = sample(*given, **named)
        parent_solution = next((str(one.solution) for one in parents.values()), None)
        return parents, others

    return remembered
