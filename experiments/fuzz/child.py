"""The parent's side of a worker: ask, wait no longer than a deadline, and say how it died."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import Any

#: What makes numba compile as each mode wants it.
ENVIRONMENT = {"compiled": {}, "bounds": {"NUMBA_BOUNDSCHECK": "1"}, "python": {"NUMBA_DISABLE_JIT": "1"}}
#: Seconds that a case may take, and that compiling everything may take before the first.
MOST_SECONDS = {"compiled": 60.0, "bounds": 60.0, "python": 180.0}
COMPILING_SECONDS = 3600.0


class DiedError(Exception):
    """The worker ended, or had to be ended, before it answered."""


class Child:
    """A worker process of one mode, started when it is first asked and again after it died."""

    def __init__(self, mode: str, command: list[str] | None = None) -> None:
        self.mode = mode
        self.command = command or [sys.executable, "-m", "experiments.fuzz.worker"]
        self.process: subprocess.Popen[bytes] | None = None
        self.rest = b""

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The worker's answer.

        Raises
        ------
        DiedError
            If it died, or took too long; the next question goes to a new one.
        """
        if self.process is None:
            self._start()
            self._exchange({"warm": True}, COMPILING_SECONDS)
        return self._exchange(request, MOST_SECONDS[self.mode])

    def _exchange(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        assert self.process is not None
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
            return dict(json.loads(self._line(seconds)))
        except BrokenPipeError:
            raise DiedError(self._cause()) from None

    def close(self) -> None:
        """End the worker."""
        if self.process is not None:
            self.process.kill()
            self._end()

    def _start(self) -> None:
        environment = {**os.environ, **ENVIRONMENT[self.mode], "PYTHONFAULTHANDLER": "1"}
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 lives as long as the process
        self.rest = b""
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, env=environment, start_new_session=True,
        )  # fmt: skip

    def _line(self, seconds: float) -> bytes:
        assert self.process is not None
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self.rest:
                if not selector.select(seconds):
                    self.close()
                    raise DiedError(f"hang: no answer after {seconds:g} s")
                part = os.read(self.process.stdout.fileno(), 1 << 20)
                if not part:
                    raise DiedError(self._cause())
                self.rest += part
        line, _, self.rest = self.rest.partition(b"\n")
        return line

    def _cause(self) -> str:
        """How the process ended, with the first of what it said."""
        status, text = self._end()
        said = [line.strip() for line in text.splitlines() if line.strip()]
        name = signal.Signals(-status).name if status < 0 else f"exit {status}"
        return f"crash: {name}: {' | '.join(said[:4])[:400]}"

    def _end(self) -> tuple[int, str]:
        """Wait for the process to end, and let go of all that belongs to it; its status, and what it said."""
        assert self.process is not None
        with suppress(BrokenPipeError), self.process as process, self.errors:
            status = process.wait()
            self.errors.seek(0)
            said = self.errors.read().decode(errors="replace")
        self.process = None
        return status, said
