"""Routing policies that bring down what runs them. They run in workers, so they speak to tests through files."""

import os
import time
from pathlib import Path

#: Environment variable with the folder of the files.
FOLDER = "HOSTILE_POLICIES_FOLDER"


def _folder() -> Path:
    return Path(os.environ[FOLDER])


def dies_once(router, request, parameters, memory, scores):
    """Kill the process at the first decision that any process takes; then always instance 0."""
    marker = _folder() / "has-died"
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), 9)
    return 0


def dies_always(router, request, parameters, memory, scores):
    """Kill the process."""
    os.kill(os.getpid(), 9)


def hangs(router, request, parameters, memory, scores):
    """Never decide."""
    time.sleep(3600)


def first(router, request, parameters, memory, scores):
    """Instance 0."""
    return 0
