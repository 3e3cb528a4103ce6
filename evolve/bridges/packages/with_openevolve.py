"""OpenEvolve: islands of programs that a language model changes (PyPI: openevolve)."""

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from blis.foundation.errors import ConfigError
from evolve.algorithms.outside import ClosedError
from evolve.algorithms.outside_params import Params
from evolve.bridges.contract import contract
from evolve.bridges.judging import Judging
from evolve.bridges.language_model import check_model
from evolve.bridges.packages.installed import check_installed
from evolve.bridges.sections import joined
from evolve.bridges.service import SOCKET, served

FOLDER, LOG = "openevolve", "openevolve.log"
#: Wall clock that it has to save its state [s].
_ENDING_S = 10.0


def check(params: Params) -> None:
    """Say before the search begins what is missing."""
    check_installed("openevolve")
    check_model(params)


def drive(judging: Judging, params: Params, folder: Path) -> None:
    """Let it evolve in a process of its own until it is done, or the search is.

    Raises
    ------
    ConfigError
        If it breaks down; its log says more.
    """
    own = folder / FOLDER
    own.mkdir()
    with served(judging) as path, (folder / LOG).open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "evolve.bridges.packages.openevolve_process"],
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
        raise ConfigError(f"openevolve ended with status {status}; {folder / LOG} says why.")


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
