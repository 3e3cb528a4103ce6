"""`python -m blis.fit` is ended before its end, in a process of its own on a terminal too, and saves what it knows."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from blis.fit import main
from blis.fitting import fitting as fits
from experiments.recovery.traces import write_trace

ROOT = Path(__file__).resolve().parents[2]
WORDS = (
    *("real=run.yaml", "cluster.instances=1", "cluster.kv_blocks=60000", "cluster.model=null", "draws=20"),
    *("cluster.latency={kind:affine,alpha_us:[1600,3.5,1800],beta_us:[6900,17.7,2.8]}", "output.folder=out"),
)
#: An evaluation at each of two starts, and 13 in each step of six coefficients: after so many two steps have ended.
N_EVALUATIONS = 30


class Terminal:
    """A process whose standard error is a terminal."""

    def __init__(self, folder: Path, *words: str) -> None:
        self._screen, screen = pty.openpty()
        self.said = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "blis.fit", *words],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "160"},
            stdout=subprocess.PIPE,
            stderr=screen,
            text=True,
        )
        os.close(screen)
        self._changed = threading.Condition()
        self._is_open = True
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def until(self, n: int) -> None:
        """Wait until the count on the screen has reached n, or the process has ended."""
        with self._changed:
            assert self._changed.wait_for(lambda: not self._is_open or self._counted() >= n, timeout=120), self.said

    def ended(self) -> tuple[int, str]:
        """Exit status and standard output."""
        out, _ = self.process.communicate(timeout=120)
        self._reader.join(timeout=60)
        return self.process.returncode, out

    def close(self) -> None:
        """End the process, if it has not ended, and close the screen."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        self._reader.join(timeout=60)
        os.close(self._screen)

    def _counted(self) -> int:
        return max(map(int, re.findall(r"(\d+)/\?", self.said)), default=0)

    def _read(self) -> None:
        while True:
            try:
                text = os.read(self._screen, 65536).decode(errors="replace")
            except OSError:  # Linux says so when the last process has closed a terminal
                text = ""
            with self._changed:
                self.said += text
                self._is_open = bool(text)
                self._changed.notify_all()
            if not text:
                return


@contextmanager
def fitting(folder: Path) -> Iterator[Terminal]:
    """A fit that takes long enough to be stopped."""
    write_trace(folder / "run.yaml", 20, 200)
    terminal = Terminal(folder, *WORDS, "replays=4")
    try:
        yield terminal
    finally:
        terminal.close()


@pytest.mark.skipif(not hasattr(pty, "openpty"), reason="this system has no terminals to open")
def test_a_terminated_fit_leaves_the_best_coefficients_so_far(tmp_path: Path) -> None:
    with fitting(tmp_path) as terminal:
        terminal.until(N_EVALUATIONS)
        terminal.process.send_signal(signal.SIGTERM)
        status, out = terminal.ended()

    assert status == 130, terminal.said
    assert "coefficients" in out
    assert "Traceback" not in terminal.said
    assert terminal.said.splitlines()[-1].endswith("error: interrupted")
    entry = yaml.safe_load((tmp_path / "out/latency.yaml").read_text(encoding="utf-8"))
    document = json.loads((tmp_path / "out/fit.json").read_text(encoding="utf-8"))
    assert (entry["fit"]["is_finished"], document["is_finished"]) == (False, False)
    assert document["steps"] >= 2
    assert entry["latency"] == document["latency"]
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["fit.json", "latency.yaml"]


def test_interrupted_behind_its_last_step_a_fit_is_whole_and_says_that_it_was_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_trace(tmp_path / "run.yaml", 20, 80)
    interruptions, judged = iter([KeyboardInterrupt]), fits.judged

    def interrupted(*given: Any) -> Any:
        for interruption in interruptions:
            raise interruption
        return judged(*given)

    monkeypatch.setattr(fits, "judged", interrupted)

    status = main([*WORDS, "parameters=[step_us,decode_us]"])

    said = capsys.readouterr()
    assert status == 130
    assert said.err.splitlines()[-1] == "error: interrupted"
    assert "unfinished" not in said.err
    document = json.loads((tmp_path / "out/fit.json").read_text(encoding="utf-8"))
    assert document["is_finished"]
    assert document["errors"]["held_out"]["e2e"]["fitted"] is not None
