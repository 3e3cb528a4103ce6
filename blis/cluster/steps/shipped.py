"""Finds the table of a deployment among the shipped ones, or says which is nearest and how to make it."""

from functools import cache
from pathlib import Path

from blis.cluster.steps.file import SUFFIX, read_table
from blis.cluster.steps.table import Deployed, StepTable
from blis.foundation.checks import nearest
from blis.foundation.errors import ConfigError, UnknownChoiceError
from blis.foundation.files import check_path, is_file, shipped_folder

ENGINES = ("vllm", "sglang", "trtllm")


def find_table(wanted: Deployed, path: str | None = None) -> StepTable:
    """The table of a deployment: the file at `path`, else the shipped one.

    Raises
    ------
    UnknownChoiceError
        If none is shipped; the message names the nearest, and the command that makes the one wanted.
    ConfigError
        If the file is damaged, or of another deployment.
    """
    if path is None:
        return _shipped(wanted)
    table = _read(check_path("latency.table", path))
    if table.deployed != wanted:
        raise ConfigError(f"latency.table {path} must be a table of {wanted.name}; got one of {table.deployed.name}.")
    return table


def shipped() -> dict[str, Path]:
    """The shipped tables by name."""
    return {path.name.removesuffix(SUFFIX): path for path in sorted(_folder().glob(f"*{SUFFIX}"))}


def making(wanted: Deployed) -> str:
    """The command that makes a table."""
    words = [f"model={wanted.model}", f"device={wanted.device}", f"tensor_parallel={wanted.tensor_parallel}"]
    if wanted.expert_parallel > 1:
        words.append(f"expert_parallel={wanted.expert_parallel}")
    if wanted.data_parallel > 1:
        words.append(f"data_parallel={wanted.data_parallel}")
    return " ".join(["python -m blis.tabulate", *words, f"engine={wanted.engine}"])


def _shipped(wanted: Deployed) -> StepTable:
    path = _folder() / f"{wanted.name}{SUFFIX}"
    if is_file(path):
        table = _read(path)
        if table.deployed != wanted:
            raise ConfigError(f"{path} must be of {wanted.name}; its head says {table.deployed.name}.")
        return table
    tables = shipped()
    same = [name for name in tables if name.startswith(f"{wanted.model}--")]
    found = f" Tables of this model: {', '.join(same)}." if same else ""
    raise UnknownChoiceError(
        f"latency silicon: no table for {wanted.name!r}{nearest(wanted.name, same or tables)}{found} To make it: "
        f"{making(wanted)}"
    )


def _folder() -> Path:
    return shipped_folder("hardware") / "steps"


@cache
def _read(path: Path) -> StepTable:
    """Read once: a search builds many clusters of one table."""
    return read_table(path)
