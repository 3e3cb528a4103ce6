"""One trial after another: spoil an input, call a command in a worker, and judge what came of it."""

import json
import os
import random
import select
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from experiments.wrong_inputs.commands import Call
from experiments.wrong_inputs.inputs import ROOT
from experiments.wrong_inputs.spoiling import WRONG, YAML_TRICKS, spoil_file, spoil_folder

MOST_S = 30.0  #: of a trial, on a busy machine
MOST_BYTES = 2 * 2**30  #: that a trial may add to a worker's memory
_TOLD = (
    "note: ",
    "warning: ",
    "lost: ",
    "asking: ",
    "written: ",
    "serving ",
    "as it stands, byte for byte",
)  #: how lines begin that a command may add
_PER_WORKER = 400  #: trials, after which a fresh worker takes over


class Trial(NamedTuple):
    """A call, with what was spoiled."""

    call: Call
    arguments: list[str]
    kind: str  #: what was spoiled: a file's name, or "arguments"


class Worker:
    """A process that makes calls, and is replaced when it hangs or dies."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._trials = 0

    def call(self, module: str, arguments: list[str], folder: Path) -> dict[str, Any]:
        """What came of a call; "status" tells a process that hung or died."""
        if self._process is None or self._trials >= _PER_WORKER:
            self.stop()
            self._start()
        self._trials += 1
        call = {"module": module, "arguments": arguments, "folder": str(folder)}
        self._calls.write(json.dumps(call).encode() + b"\n")
        self._calls.flush()
        ready, _, _ = select.select([self._answers], [], [], 2 * MOST_S)
        line = self._answers.readline() if ready else b""
        if line:
            return json.loads(line)
        status = "hung" if not ready else "died"
        self.stop()
        return {
            "status": status,
            "out": "",
            "err": "",
            "took_s": 2 * MOST_S if status == "hung" else 0.0,
            "more_bytes": 0,
        }

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._calls.close()
            self._answers.close()
        self._process = None

    def _start(self) -> None:
        calls, mine = os.pipe()
        theirs, answers = os.pipe()
        command = [sys.executable, "-m", "experiments.wrong_inputs.worker", str(calls), str(answers)]
        paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            command,
            pass_fds=(calls, answers),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": paths},
            stdin=subprocess.DEVNULL,
        )
        os.close(calls)
        os.close(answers)
        self._calls, self._answers = os.fdopen(mine, "wb"), os.fdopen(theirs, "rb")
        self._trials = 0


def drawn(draw: random.Random, call: Call, folder: Path) -> Trial:
    """Spoil what a call reads, or its arguments, in this folder."""
    arguments = list(call.arguments)
    for option in draw.sample(call.options, min(len(call.options), draw.choice((0, 0, 1, 1, 2)))):
        arguments += _words(option)
    if call.reads and draw.random() < 0.85:
        name = draw.choice(call.reads)
        (spoil_folder if (folder / name).is_dir() else spoil_file)(draw, folder / name)
        return Trial(call, arguments, name)
    if call.options and len(arguments) == len(call.arguments):
        arguments += _words(draw.choice(call.options))
    at = draw.randrange(len(arguments))
    if arguments[at] == "describe":
        at = len(arguments) - 1
    arguments[at] = _spoiled_argument(draw, arguments[at])
    return Trial(call, arguments, "arguments")


def _words(option: str) -> list[str]:
    """The arguments of an option: split at blanks that begin a new key or flag."""
    words: list[str] = []
    for word in option.split(" "):
        is_new = word.startswith("-") or (
            "=" in word and word.partition("=")[0].replace(".", "").replace("_", "").isalpha()
        )
        if words and not is_new and not words[-1].startswith("-"):
            words[-1] += f" {word}"
        else:
            words.append(word)
    return words


def _spoiled_argument(draw: random.Random, argument: str) -> str:
    key, is_assignment, value = argument.partition("=")
    wrong = draw.choice(WRONG if draw.random() < 0.7 else YAML_TRICKS).replace("\x00", "")
    action = draw.random()
    if not is_assignment or action < 0.05:
        return wrong
    if action < 0.75:
        return f"{key}={wrong}"
    if action < 0.85:
        return f"{key}.{draw.choice(('x', 'path', '0', '', 'policy'))}={value}"
    if action < 0.9:
        return f"{draw.choice('+~')}{argument}"
    if action < 0.95:
        return f"{key}=[{value},{wrong}]"
    return f"{key}s={value}"


def judged(result: dict[str, Any], folder: Path, before: set[str], is_per_path: bool) -> str | None:
    """What is wrong with what came of a trial; None: nothing. A command may have a line for each path that it reads."""
    status, err = result["status"], result["err"]
    if status not in (0, 1, 2):
        return f"status {status}"
    if result["took_s"] > MOST_S:
        return f"took {result['took_s']:.0f} s"
    if result["more_bytes"] > MOST_BYTES:
        return f"took {result['more_bytes'] / 2**30:.1f} GiB"
    lines = [line for line in err.splitlines() if not line.startswith(_TOLD)]
    if status == 0 and lines:
        return "lines on standard error"
    is_told = bool(lines) and all(line.startswith("error: ") for line in lines)
    if status == 2 and not (is_told and (len(lines) == 1 or is_per_path)):
        return "not one line"
    if status == 1 and lines and not (is_told and len(lines) == 1):
        return "not one line"
    left = {str(path.relative_to(folder)) for path in folder.rglob("*")} - before
    if any(".unfinished" in name for name in left):
        return "half a file"
    return None


def keep(kept: Path, number: int, trial: Trial, result: dict[str, Any], why: str, folder: Path) -> None:
    """Put what is needed to repeat a trial into a folder of its own."""
    target = kept / f"{number:05d}"
    shutil.copytree(folder, target, symlinks=True, ignore_dangling_symlinks=True)
    told = {"why": why, "command": trial.call.command, "arguments": trial.arguments, "spoiled": trial.kind, **result}
    (target / "trial.json").write_text(json.dumps(told, indent=2), encoding="utf-8")
