"""Processes that simulate: their answers, and the CPU seconds that they took from start to end.

A child gets one task as JSON: `setting` (see `experiments.peers.setting`), `repeats` (so often the trace is simulated)
and `cache_weights` (so many routers are evaluated). Its answer is the last line that it prints, as JSON: `version`,
`reading_cpu_s` (reading the trace), `runs_cpu_s` (each run, reading not included), `evaluations_cpu_s` and `figures`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from blis.foundation.errors import BlisError, ConfigError
from blis.foundation.words import one_line
from experiments.peers import INSTALL, dynosim
from experiments.peers.setting import Setting

NAMES = ("DynoSim", "blis")  #: in the order of turns

_QUIET = {"DYN_LOG": "error"}


class ChildError(BlisError):
    """A simulator that failed, which says nothing about its speed."""


def check_peer(python: str | None) -> str:
    """The Python that has DynoSim.

    Raises
    ------
    ConfigError
        If none is given, or it cannot import what a replay needs.
    """
    if python is None:
        raise ConfigError(f"python must name the Python that has DynoSim; none given. To install it: {INSTALL}")
    try:
        tried = subprocess.run(
            [python, "-c", "import dynamo.replay, dynamo.llm"], check=False, capture_output=True, text=True
        )
    except OSError as error:
        raise ConfigError(f"python must be a Python; {python!r} cannot be run: {error.strerror}.") from error
    if tried.returncode:
        why = one_line((tried.stderr.strip().splitlines() or ["no reason given"])[-1])
        raise ConfigError(f"python must have DynoSim; {python!r} says: {why}. To install it: {INSTALL}")
    return python


def answer_of(name: str, python: str, setting: Setting, repeats: int, cache_weights: tuple[float, ...]) -> Any:
    """What a simulator says of a task."""
    task = {"setting": setting.to_mapping(), "repeats": repeats, "cache_weights": cache_weights}
    output, _ = _finished(_command(name, python, json.dumps(task)))
    return json.loads(output.strip().splitlines()[-1])


def whole_cpu_s(name: str, python: str, setting: Setting, folder: Path) -> float:
    """CPU seconds of one run as a user starts it, from the interpreter's start to its end.

    Ours is the command line, which writes a folder of results; DynoSim's wheel has no command for a replay: a Python
    that imports it, replays once, and prints the summary.
    """
    if name == "blis":
        command = [sys.executable, "-m", "blis.run", *_overrides(setting), f"hydra.run.dir={folder}"]
    else:
        task = {"setting": setting.to_mapping(), "repeats": 1, "cache_weights": ()}
        command = _command(name, python, json.dumps(task))
    return _finished(command)[1]


def _command(name: str, python: str, task: str) -> list[str]:
    return (
        [python, dynosim.__file__, task] if name == "DynoSim" else [sys.executable, "-m", "experiments.peers.own", task]
    )


def _overrides(setting: Setting) -> list[str]:
    return [
        "cluster=llama-8b-h100-affine",
        f"cluster.instances={setting.workers}",
        f"cluster.kv_blocks={setting.kv_blocks}",
        f"+cluster.block_size_tokens={setting.block_size_tokens}",
        f"+cluster.max_running_requests={setting.running_requests}",
        f"cluster.step_token_budget={setting.token_budget}",
        "+cluster.max_model_len_tokens=0",
        f"cluster.latency={{kind: affine, alpha_us: [0, 0, 0], beta_us: [{setting.step_ms * 1000}, 0, 0]}}",
        "workload=mooncake",
        f"workload.path={setting.trace}",
        "routing=round-robin",
    ]


def _finished(command: list[str]) -> tuple[str, float]:
    """What a process printed, and its CPU seconds with those of its children."""
    before = os.times()
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | _QUIET)
    after = os.times()
    if done.returncode:
        why = one_line((done.stderr.strip().splitlines() or ["no reason given"])[-1])
        raise ChildError(f"{command[0]!r} ended with status {done.returncode}: {why}")
    return done.stdout, after.children_user + after.children_system - before.children_user - before.children_system
