"""What a user gets who has the wheel alone: the commands of the README, from another folder."""

import re
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packaging.environments import ROOT, SMALL, SMALL_SEARCH, Distributions, Environment

pytestmark = pytest.mark.packaging

BUNDLE = "version: 1\nrouting: {policy: least-loaded}\n"


def readme_blocks(language: str) -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def readme_commands() -> list[str]:
    lines = [line for block in readme_blocks("") for line in block.splitlines()]
    return [re.sub(r"\s+#.*", "", line) for line in lines if line.startswith("python -m")]


def newest(folder: Path, mark: str) -> list[Path]:
    """Folders of runs that hold a file of this name, the newest first."""
    found = (path.parent for path in folder.glob(f"outputs/**/{mark}"))
    return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)


def test_the_sdist_builds_the_wheel_that_the_tree_builds(distributions: Distributions) -> None:
    contents = []
    for path in (distributions.wheel, distributions.wheel_of_tree):
        with zipfile.ZipFile(path) as wheel:
            contents.append({name: wheel.read(name) for name in wheel.namelist()})
    assert contents[0] == contents[1]


def test_the_sdist_holds_what_the_tests_need_and_nothing_of_this_machine(distributions: Distributions) -> None:
    with tarfile.open(distributions.sdist) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"README.md", "LICENSE", "Makefile", "constraints.txt", "docs/conf.py"} <= names
    assert not [name for name in names if name.split("/")[0] in (".venv", "outputs", "build", "dist", "site")]


def test_the_wheel_holds_packages_and_their_data_alone(distributions: Distributions) -> None:
    with zipfile.ZipFile(distributions.wheel) as wheel:
        tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {name for name in tops if not name.endswith(".dist-info")} == {"blis", "evolve"}


def test_the_installed_package_is_the_wheel_s(elsewhere: Environment) -> None:
    for package in ("blis", "evolve"):
        place = elsewhere.run(f"python -c 'import {package}; print({package}.__file__)'")
        assert Path(place.strip()).is_relative_to(elsewhere.bin.parent)


def test_the_console_scripts_answer(elsewhere: Environment) -> None:
    assert "usage: python -m blis.run" in elsewhere.run("blis --help")
    assert "usage: python -m evolve.run" in elsewhere.run("blis-evolve --help")
    assert "ttft" in elsewhere.run("blis workload.num_requests=100").lower()
    assert "champion" in elsewhere.run(f"blis-evolve {SMALL_SEARCH}")


def test_every_command_of_the_readme_works(elsewhere: Environment) -> None:
    for name, text in {"policies": BUNDLE, "TODAY": BUNDLE, "A": BUNDLE, "B": "version: 1\nrouting: preble\n"}.items():
        (elsewhere.work / f"{name}.yaml").write_text(text, encoding="utf-8")
    shutil.copytree(ROOT / "docs" / "examples", elsewhere.work / "docs" / "examples")

    commands = readme_commands()
    for command in commands:
        if "RUN_DIR" in command:
            run, other, *_ = newest(elsewhere.work, "metrics.json")
            command = command.replace("OTHER_RUN_DIR", str(other)).replace("RUN_DIR", str(run))
        if "SWEEP_DIR" in command:
            command = command.replace("SWEEP_DIR", str(newest(elsewhere.work, "multirun.yaml")[0]))
        if "SEARCH_DIR" in command:
            command = command.replace("SEARCH_DIR", str(newest(elsewhere.work, "champion.yaml")[0]))
            command += (
                " first_seeds=2 most_runs=2 sweep_seeds=2 random_search=false ceiling_seeds=2 ceiling_requests=20"
            )
        if " evolve.run " in command:
            of_ga = "" if " -m seed=" in command else "algorithm.offspring=4"
            command += f" {SMALL} {of_ga}" + (" evaluator=serial" if " -m seed=" in command else "")
        if " evolve.compare " in command:
            command += " suite=quick first_seeds=2 most_runs=2"
        elsewhere.run(command)

    assert len(commands) >= 8


def test_the_python_of_the_readme_works(elsewhere: Environment) -> None:
    for number, block in enumerate(readme_blocks("python")):
        (elsewhere.work / f"block{number}.py").write_text(block, encoding="utf-8")
        assert float(elsewhere.run(f"python block{number}.py")) > 0


def test_simulating_needs_no_extra(install: Callable[..., Environment]) -> None:
    bare = install(extras="")
    assert "usage" in bare.run("blis-evolve --help")
    # Without compiling anything, which takes longer than so short a run as plain Python.
    assert "ttft" in bare.run("NUMBA_DISABLE_JIT=1 blis workload.num_requests=20").lower()
