"""A search on a cluster of several nodes outlives those that die, uses those that join, and says what it cost."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.evaluators.several_nodes import Nodes

pytestmark = pytest.mark.ray

ROOT = Path(__file__).resolve().parents[2]
SEARCH = [
    sys.executable, "-m", "evolve.run", "suite=quick", "tracker=console", "report=false", "budget.generations=9",
]  # fmt: skip
HERE = {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def nodes():
    pytest.importorskip("ray")
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        cluster = Nodes(Path(folder))
        try:
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The folder of the same search in one process."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    subprocess.run(
        [*SEARCH, "evaluator=serial", f"hydra.run.dir={folder}"], cwd=folder.parent, env=HERE, check=True,
        capture_output=True,
    )  # fmt: skip
    return folder


def searching(folder: Path, nodes: Nodes) -> subprocess.Popen[str]:
    """A search on the cluster, as a user starts it."""
    return subprocess.Popen(
        [*SEARCH, "evaluator=ray", f"evaluator.address='{nodes.address}'", f"hydra.run.dir={folder}"],
        cwd=folder.parent, env={**HERE, **nodes.environment}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("champion.yaml", "history.parquet")}


def test_a_search_whose_nodes_die_and_are_replaced_ends_with_the_same_bytes(nodes, alone, tmp_path):
    first, second = nodes.add(), nodes.add()

    said = ""
    with searching(tmp_path / "run", nodes) as search:
        for line in search.stderr or ():
            said += line
            if line.startswith("generation 2/"):
                nodes.kill_at_work(first)
            if line.startswith("generation 4/"):  # all that is left runs on the one that joins
                nodes.kill_at_work(second)
                nodes.add()

    assert search.returncode == 0, said
    assert contents(tmp_path / "run") == contents(alone)
    total = re.search(r"in all 2 nodes lost and 1 joined; (\d+) chunks with (\d+) evaluations run again, 0 eval", said)
    assert total, said
    assert 2 <= int(total[1]) <= int(total[2])


@pytest.mark.slow
def test_a_search_whose_head_dies_says_so_and_goes_on_elsewhere(nodes, alone, tmp_path):
    nodes.add()

    said = ""
    with searching(tmp_path / "run", nodes) as search:
        for line in search.stderr or ():
            said += line
            if line.startswith("generation 2/"):
                nodes.stop()
    resumed = subprocess.run(
        [sys.executable, "-m", "evolve.run", f"resume={tmp_path / 'run'}", "evaluator=serial", "report=false"],
        cwd=tmp_path, env=HERE, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert search.returncode == 2
    assert re.search(r"^error: evaluator: the head of the Ray cluster at .* has not answered for 30 s ", said, re.M)
    assert "Traceback" not in said
    assert resumed.returncode == 0, resumed.stderr
    assert contents(tmp_path / "run") == contents(alone)
