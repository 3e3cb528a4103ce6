"""Every supported Python of this machine gives what the present one gives, to the byte."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.packaging.environments import ROOT, SMALL_SEARCH, Environment, interpreter

pytestmark = [pytest.mark.packaging, pytest.mark.slow]

RUN = "scenario=prefix-heavy routing=weighted output=json"
PRESENT = "{}.{}".format(*sys.version_info[:2])


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_every_python_simulates_and_searches_alike(version: str, install: Callable[..., Environment]) -> None:
    path = interpreter(version)
    if path is None or version == PRESENT:
        pytest.skip("no such Python on this machine" if path is None else "the Python of all other tests")
    other = install(interpreter=path)
    assert other.run("python -V").startswith(f"Python {version}.")

    present = {**os.environ, "PYTHONPATH": str(ROOT)}
    for module, arguments in ("blis.run", RUN), ("evolve.run", f"{SMALL_SEARCH} hydra.run.dir=search"):
        command = [sys.executable, "-m", module, *arguments.split()]
        expected = subprocess.run(command, cwd=other.work, env=present, text=True, capture_output=True, check=True)
        shutil.rmtree(other.work / "search", ignore_errors=True)
        assert other.run(f"python -m {module} {arguments}") == expected.stdout
