"""A policy whose choice is its own source: `{policy: written, source: TEXT}`, or `{policy: written, file: PATH}`."""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from blis.foundation.checks import check_keys
from blis.foundation.errors import ConfigError
from blis.foundation.files import check_path, read_text
from blis.foundation.words import shown
from blis.policies.written.dialect import Program, check_source
from blis.policies.written.ready import ready
from blis.policies.written.vocabulary import MEMORY_NUMBERS, needs_of

#: The name of the choice.
WRITTEN = "written"


def is_written(choice: object) -> bool:
    """Whether a choice, as a configuration has it, is a written policy."""
    return isinstance(choice, Mapping) and choice.get("policy") == WRITTEN


def written_program(question: str, where: str, choice: Mapping[str, Any]) -> Program:
    """The program of a written policy.

    Raises
    ------
    ConfigError
        If it has no source, or a file that cannot be read, or the source is not in the dialect.
    """
    given = with_source(where, choice)
    return check_source(question, where, given["source"])


def with_source(where: str, choice: Mapping[str, Any], folder: Path | None = None) -> dict[str, Any]:
    """The choice with its source in place of a file's name, which is looked for in `folder` if it is relative.

    Raises
    ------
    ConfigError
        If it has neither or both, or the file cannot be read.
    """
    given = check_keys(where, choice, ("policy", "source", "file"), ("policy",))
    source, file = given.get("source"), given.get("file")
    if (source is None) == (file is None):
        raise ConfigError(f"{where}: a written policy has either source or file; got {shown(sorted(given))}.")
    if file is None:
        return {"policy": WRITTEN, "source": source}
    if folder is not None and isinstance(file, str) and file:
        file = str(folder / file)  # which an absolute one stays
    return {"policy": WRITTEN, "source": read_text(check_path(f"{where}.file", file))}


def known_of(program: Program) -> ModuleType:
    """What the simulator knows of a written policy, as it would of a policy's own file."""
    module = ModuleType(program.name, "A written policy.")
    module.__dict__.update(
        NEEDS=needs_of(program.reads),
        REASONS=("refused",),
        REMEMBERS_INSTANCES_APART=not program.remembers,
        memory_size=lambda n_instances, n_requests: MEMORY_NUMBERS + 1,
    )
    return module


def fallback_note(question: str, where: str, choice: Mapping[str, Any]) -> str:
    """What people should know of a written policy that is not compiled; "" of one that is."""
    found = ready(written_program(question, where, choice))
    if found.is_compiled:
        return ""
    slower = "a process of its own runs the written policy, forty times slower than compiled"
    return f"{question}: {slower}: it {found.why_not}."
