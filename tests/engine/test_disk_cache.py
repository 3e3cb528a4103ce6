"""Where machine code is kept, and that it is kept nowhere else."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import blis

PROGRAM = """
from blis.engine._jit import cached_kernel, compiled
import numba

def twice(a):
    return 2 * a

def thrice(a):
    return 3 * a

print(compiled(numba.int64(numba.int64), twice)(4), cached_kernel(thrice)(4))
"""


def run(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Compile two functions with a copy of the sources, so that what is written beside them is seen."""
    package = folder / "source" / "blis"
    if not package.exists():
        shutil.copytree(Path(blis.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "source" / "program.py").write_text(PROGRAM, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if name not in ("BLIS_CACHE_DIR", "NUMBA_CACHE_DIR")}
    return subprocess.run(
        [sys.executable, "-B", "program.py"], cwd=folder / "source", env=kept | {"PYTHONPATH": "."} | environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def compiled_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.nb[ic]"))


@pytest.mark.parametrize("folder", ["/proc/blis", "/dev/null/blis"])
def test_without_a_writable_cache_nothing_is_kept_and_one_line_says_so(tmp_path: Path, folder: str) -> None:
    done = run(tmp_path, BLIS_CACHE_DIR=folder)

    assert (done.returncode, done.stdout) == (0, "8 12\n")
    (line,) = done.stderr.splitlines()
    assert line.startswith("warning: compiled kernels are not kept")
    assert f"must be writable; got '{folder}'" in line
    assert compiled_files(tmp_path) == []


def test_without_a_home_nothing_is_kept_and_one_line_says_so(tmp_path: Path) -> None:
    done = run(tmp_path, HOME="relative", XDG_CACHE_HOME="")

    assert (done.returncode, done.stdout) == (0, "8 12\n")
    assert len(done.stderr.splitlines()) == 1
    assert "got none (no home folder is known)" in done.stderr
    assert compiled_files(tmp_path) == []


@pytest.mark.parametrize("variable", ["BLIS_CACHE_DIR", "NUMBA_CACHE_DIR"])
def test_machine_code_is_kept_under_the_name_of_its_sources(tmp_path: Path, variable: str) -> None:
    cache = tmp_path / "cache"

    first = run(tmp_path, **{variable: str(cache)})
    changed = tmp_path / "source" / "blis" / "engine" / "heap.py"
    changed.write_text(changed.read_text(encoding="utf-8") + "# another content\n", encoding="utf-8")
    second = run(tmp_path, **{variable: str(cache)})

    assert (first.stdout, first.stderr) == (second.stdout, second.stderr) == ("8 12\n", "")
    assert len(list(cache.iterdir())) == 2
    assert compiled_files(cache)
    assert compiled_files(tmp_path / "source") == []
