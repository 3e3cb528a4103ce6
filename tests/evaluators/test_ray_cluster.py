"""A local cluster serves the process that started it and nobody else; an address without a cluster is said soon."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.ray

ROOT = Path(__file__).resolve().parents[2]
JOIN = """
import sys
import ray
ray.init(address=sys.argv[1], logging_level="ERROR", log_to_driver=False)
print("joined", ray.get(ray.remote(lambda: 1).remote()))
"""


def joined(address: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a second process of this user says that wants to join a cluster."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return subprocess.run(
        [sys.executable, "-c", JOIN, address], env={**known, "HOME": str(home), **environment}, cwd=home,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("environment", [{}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a" * 64}])
def test_a_process_without_the_token_is_refused(ray_cluster, tmp_path, environment):
    import ray

    other = joined(ray.get_runtime_context().gcs_address, tmp_path, **environment)

    assert other.returncode != 0
    assert "joined" not in other.stdout
    assert "uthenti" in other.stderr or "oken" in other.stderr


def test_the_environment_is_as_it_was(ray_cluster):
    assert not [name for name in os.environ if name.startswith("RAY_AUTH")]


def test_no_process_of_the_cluster_shows_the_token_on_its_command_line(ray_cluster):
    import ray

    head = ray.get_runtime_context().gcs_address.rpartition(":")[2]
    processes = [path for path in Path("/proc").glob("[0-9]*") if head in _read(path / "cmdline")]
    tokens = {
        word.partition("=")[2]
        for path in processes
        for word in _read(path / "environ").split("\0")
        if word.startswith("RAY_AUTH_TOKEN=")
    }

    (token,) = tokens
    assert len(token) == 64
    assert not [path for path in Path("/proc").glob("[0-9]*") if token in _read(path / "cmdline")]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:x"])
def test_an_address_without_a_cluster_is_said_in_one_line_and_soon(tmp_path, address):
    began_s = time.perf_counter()
    command = [sys.executable, "-m", "evolve.run", "suite=quick", "evaluator=ray", f"evaluator.address='{address}'"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert done.stderr.startswith(f"error: evaluator: ray cannot be used, because there is no cluster at {address!r}: ")
    assert done.stderr.count("\n") == 1
    assert not done.stdout
    assert time.perf_counter() - began_s < 60
