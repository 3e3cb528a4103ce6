"""Environments outside the source tree, into which the wheel is installed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = "[plots,report,evolve]"

#: Makes a search small; what the README searches takes minutes.
SMALL = "suite=quick budget.generations=1 algorithm.population=4 finalists=1 report=false"
SMALL_SEARCH = f"{SMALL} algorithm.offspring=4 evaluator=serial tracker=none"


class Distributions(NamedTuple):
    sdist: Path
    wheel: Path  #: built from the sdist
    wheel_of_tree: Path


class Environment:
    """A virtual environment, and an empty folder to work in, neither of which sees the source tree."""

    def __init__(self, folder: Path, wheel: Path, extras: str, interpreter: str = sys.executable) -> None:
        self.bin = folder / "venv" / "bin"
        self.work = folder / "work"
        self.work.mkdir(parents=True)
        uv = [sys.executable, "-m", "uv", "--quiet"]
        check([*uv, "venv", "--python", interpreter, str(folder / "venv")])
        constraints = ["--constraint", str(ROOT / "constraints.txt")]
        where = ["--python", str(self.bin / "python")]
        check([*uv, "pip", "install", *where, *constraints, f"blis{extras} @ {wheel.as_uri()}"])
        self.variables = {
            "PATH": f"{self.bin}{os.pathsep}{os.defpath}",
            "HOME": str(folder),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
        }

    def run(self, command: str) -> str:
        """What a line of shell prints; it must succeed, in less than half an hour."""
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.work, env=self.variables, text=True, capture_output=True, timeout=1800
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def check(command: list[str], cwd: Path = ROOT) -> None:
    done = subprocess.run(command, cwd=cwd, text=True, capture_output=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"


def interpreter(version: str) -> str | None:
    """Path of a Python of this machine that answers to `version`, such as "3.12"; None: there is none."""
    kept = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    for path in (shutil.which(f"python{version}"), *map(str, kept)):
        if path and subprocess.run([path, "-c", "pass"], capture_output=True).returncode == 0:
            return path
    return None
