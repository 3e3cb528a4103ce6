"""A Ray cluster of several nodes on this machine, each a tree of processes that tests may kill like a machine."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

#: What Ray calls a worker's process while it works for a search.
BUSY = "ray::run_chunk"
#: How long a node may take to start, and a worker to be given work [s].
PATIENCE_S = 120.0


class Nodes:
    """A head without cores, and nodes of one core each.

    Parameters
    ----------
    folder : Path
        Ray's own, of a short name: there are sockets in it.
    """

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": os.urandom(32).hex(),
            "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
            "RAY_health_check_initial_delay_ms": "1000",  # a node that is killed is missed within seconds
            "RAY_health_check_period_ms": "500",
            "PYTHONUNBUFFERED": "1",
        }
        self._started: list[subprocess.Popen[str]] = []
        port = self.address.rpartition(":")[2]
        self._start("--head", f"--port={port}", "--num-cpus=0", "--include-dashboard=false", f"--temp-dir={folder}")

    def add(self) -> subprocess.Popen[str]:
        """A node more."""
        return self._start(f"--address={self.address}", "--num-cpus=1")

    def kill_at_work(self, node: subprocess.Popen[str]) -> None:
        """Kill a node, and everything on it, while one of its workers has a chunk of work."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not any(_stopped_at_work(process_id) for process_id in _tree(node.pid)):
            if time.monotonic() > deadline_s:
                raise TimeoutError("the node was given no work")
            time.sleep(0.005)
        self._kill(node)

    def stop(self) -> None:
        """End all nodes, the head last."""
        for node in reversed(self._started):
            self._kill(node)

    def _start(self, *options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-P", "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"]
        # Workers of several nodes on one machine would take each other's ports.
        command += ["--object-store-memory=80000000", "--min-worker-port=0", "--max-worker-port=0", *options]
        node = subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip
        self._started.append(node)
        said = []
        for line in node.stdout or ():
            said.append(line)
            if "block forever" in line:
                return node
        raise RuntimeError("".join(said))

    def _kill(self, node: subprocess.Popen[str]) -> None:
        for process_id in [node.pid, *_tree(node.pid)]:
            with suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)
        if node.stdout is not None:
            node.stdout.close()
        node.wait()


def _stopped_at_work(process_id: int) -> bool:
    """Whether the process is a worker at work, which is stopped then, so that it cannot finish."""
    if not _title(process_id).startswith(BUSY):
        return False
    os.kill(process_id, signal.SIGSTOP)
    if _title(process_id).startswith(BUSY):
        return True
    os.kill(process_id, signal.SIGCONT)
    return False


def _title(process_id: int) -> str:
    return _read(Path("/proc") / str(process_id) / "cmdline")


def _tree(process_id: int) -> Iterator[int]:
    """All processes that this one has started, and those that they have."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        fields = _read(path / "stat").rpartition(")")[2].split()
        if fields:
            children.setdefault(int(fields[1]), []).append(int(path.name))
    waiting = [process_id]
    while waiting:
        for child in children.get(waiting.pop(), []):
            yield child
            waiting.append(child)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:  # the process has ended
        return ""
