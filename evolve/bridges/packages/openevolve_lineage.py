"""Tells the evaluation file, in OpenEvolve's own processes, which program a candidate was made from.

OpenEvolve does not tell it; its worker knows. The worker is called as before, and its arguments are looked at.
"""

from typing import Any

#: Code of the program that this process is changing; None where that is not known.
parent_code: str | None = None
#: OpenEvolve's own worker.
_theirs: Any = None


def remember_parents() -> None:
    """Let OpenEvolve's processes call its worker through `run_iteration`."""
    global _theirs
    from openevolve import process_parallel

    worker = getattr(process_parallel, "_run_iteration_worker", None)
    if worker is not None and worker is not run_iteration:
        _theirs, process_parallel._run_iteration_worker = worker, run_iteration


def run_iteration(iteration: int, snapshot: Any, parent_id: str, *rest: Any) -> Any:
    """As OpenEvolve's worker, which it calls."""
    global parent_code
    try:
        parent_code = str(snapshot["programs"][parent_id]["code"])
    except (KeyError, TypeError, IndexError):
        parent_code = None
    if _theirs is None:  # a process that was spawned, and not forked
        remember_parents()
    return _theirs(iteration, snapshot, parent_id, *rest)
