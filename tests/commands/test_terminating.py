"""Ctrl-C and SIGTERM end a command with status 130 whenever they come, and leave nothing half-done."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blis.command.terminating import INTERRUPTED, interruptible

ROOT = Path(__file__).resolve().parents[2]
BOTH = (signal.SIGTERM, signal.SIGINT)

#: A command whose first heavy import is one that says so on standard output, and then takes for ever.
SLOW_START = """
import importlib.abc, runpy, sys, time
class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "hydra":
            print("starting", flush=True)
            time.sleep(60)
sys.meta_path.insert(0, Slow())
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("number", BOTH)
def test_a_signal_raises_an_interrupt_within_main_and_is_its_status(number: signal.Signals) -> None:
    before = [signal.getsignal(one) for one in BOTH]

    status = interruptible(lambda: _told(number))()

    assert status == INTERRUPTED
    assert [signal.getsignal(one) for one in BOTH] == before


@pytest.mark.parametrize("number", BOTH)
def test_a_signal_that_nobody_could_catch_is_raised_again(number: signal.Signals) -> None:
    class Ending:
        def __del__(self) -> None:
            signal.raise_signal(number)

    def main() -> int:
        Ending()
        time.sleep(30)
        return 0

    assert interruptible(main)() == INTERRUPTED


def test_sigterm_twice_does_not_interrupt_what_saves() -> None:
    saved = []

    def main() -> int:
        try:
            _told(signal.SIGTERM)
        except KeyboardInterrupt:
            signal.raise_signal(signal.SIGTERM)
            saved.append("all")
        return 3

    assert interruptible(main)() == 3
    assert saved == ["all"]


def test_whoever_hears_no_ctrl_c_as_in_the_background_of_a_shell_hears_none_here() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert interruptible(lambda: _told(signal.SIGINT))() == 0
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", BOTH)
@pytest.mark.parametrize(
    "command",
    [
        *("blis.run", "blis.observe", "blis.serve", "blis.calibrate", "blis.fit", "blis.saturation", "blis.workload"),
        *("evolve.run", "evolve.bridge", "evolve.compare", "evolve.audit", "evolve.report"),
    ],
)
def test_a_command_that_is_still_starting_ends_in_one_line_and_leaves_nothing(
    command: str, number: signal.Signals, tmp_path: Path
) -> None:
    words = ["describe"] if command == "blis.workload" else []
    with subprocess.Popen(
        [sys.executable, "-c", SLOW_START, command, *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "starting\n"
        process.send_signal(number)
        out, told = process.communicate(timeout=60)

    assert process.returncode == INTERRUPTED
    assert (out, told) == ("", "error: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_that_passes_through_exec_leaves_the_exit_status(tmp_path: Path) -> None:
    code = (
        "import signal, sys; from blis.command.terminating import interruptible\n"
        "sys.exit(interruptible(lambda: exec('signal.raise_signal(signal.SIGINT)'))())"
    )

    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stderr) == (INTERRUPTED, "error: interrupted\n")


def _told(number: signal.Signals) -> int:
    signal.raise_signal(number)
    return 0
