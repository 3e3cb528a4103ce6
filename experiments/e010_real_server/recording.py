"""Sends every level to the server with `python -m blis.observe`, and keeps what it recorded."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from blis.foundation.errors import ConfigError
from experiments.e010_real_server.levels import Level
from experiments.e010_real_server.server import NAME, REAL_TIME_PRIORITY, on_cores, shared_cores

#: Ids of prompts are drawn from the whole vocabulary, so that no two prompts begin alike by chance.
COMMON = (f"server.model={NAME}", "server.vocabulary=[3,16000]", "prompt_block_tokens=32", "output.format=json")
ENDINGS = (".yaml", ".csv", ".chunks.jsonl")  #: of the files of a trace


def observe(url: str, level: Level, folder: Path, first: bool) -> dict[str, Any]:
    """What `blis.observe` says of one level; its trace lies in the folder then.

    Raises
    ------
    ConfigError
        If it ended with another status than 0.
    """
    shutil.rmtree(folder, ignore_errors=True)  # what is left of an interrupted observation
    words = [f"server.url={url}", *COMMON, *level.words(), f"output.folder={folder}"]
    real_time = first and os.geteuid() == 0 and shutil.which("chrt") is not None
    before = ["chrt", "--rr", str(REAL_TIME_PRIORITY)] if real_time else []
    with on_cores(shared_cores()[0]):
        client = subprocess.Popen([*before, sys.executable, "-m", "blis.observe", *words], stdout=subprocess.PIPE)
    try:
        text, _ = client.communicate()
    except BaseException:
        client.terminate()
        client.wait()
        raise
    if client.returncode != 0:
        raise ConfigError(f"level {level.name!r}: blis.observe ended with status {client.returncode}.")
    said: dict[str, Any] = json.loads(text)
    return said


def keep(observed: Path, traces: Path, level: Level) -> None:
    """Copy a level's trace to the others, under the level's name."""
    traces.mkdir(parents=True, exist_ok=True)
    for ending in ENDINGS:
        shutil.copyfile(observed / f"trace{ending}", traces / f"{level.name}{ending}")


def trace_of(traces: Path, level: Level) -> Path:
    """The header of a level's trace."""
    return traces / f"{level.name}.yaml"


def missing(traces: Path, levels: Sequence[Level]) -> list[Level]:
    """The levels that have no whole trace in the folder."""
    return [level for level in levels if not all((traces / f"{level.name}{ending}").is_file() for ending in ENDINGS)]
