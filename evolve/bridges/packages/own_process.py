"""A package that works in a process of its own, asks the judge over a socket, and ends when the search does."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from blis.foundation.errors import ConfigError
from evolve.algorithms.outside import ClosedError
from evolve.algorithms.outside_params import Params
from evolve.bridges.contract import contract
from evolve.bridges.judging import Judging
from evolve.bridges.sections import joined
from evolve.bridges.service import SOCKET, served

#: Wall clock that it has to save its state [s].
_ENDING_S = 10.0


def drive_process(name: str, judging: Judging, params: Params, folder: Path, more: Mapping[str, Any]) -> None:
    """Run `evolve.bridges.packages.NAME_process` until it is done, or the search is.

    It is told by one line on its standard input, has the folder NAME for itself, and writes NAME.log.

    Raises
    ------
    ConfigError
        If it breaks down; its log says more.
    """
    own = folder / name
    own.mkdir()
    with served(judging) as path, (folder / f"{name}.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", f"evolve.bridges.packages.{name}_process"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, SOCKET: str(path)},
            start_new_session=True,  # Ctrl-C is the search's, which ends it
            text=True,
        )
        try:
            told = {
                **params.plain(),
                **more,
                "folder": str(own),
                "start": joined(judging.starts()[0]),
                "contract": contract(judging.questions),
                "seed": judging.plan.labels.seed,
            }
            assert process.stdin is not None
            with suppress(BrokenPipeError):
                process.stdin.write(json.dumps(told) + "\n")
                process.stdin.close()
            status = _waited(process, judging)
        finally:
            _end(process)
    if status is None:
        raise ClosedError("the search is over")
    if status != 0:
        raise ConfigError(f"{name} ended with status {status}; {folder / name}.log says why.")


def _waited(process: "subprocess.Popen[str]", judging: Judging) -> int | None:
    """Its exit status; None if the search was over before."""
    while not judging.outside.desk.closed.wait(0.2):
        status = process.poll()
        if status is not None:
            return status
    return None


def _end(process: "subprocess.Popen[str]") -> None:
    """End it and the processes that it has started."""
    import signal

    for how in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, how)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_ENDING_S)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
