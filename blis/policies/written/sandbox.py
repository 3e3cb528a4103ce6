"""The simulator's side of a policy that decides in a process of its own."""

import ast
import json
import os
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from blis.foundation.errors import ContractError
from blis.policies.written.dialect import Program
from blis.policies.written.metering import COUNTED_RANGE, SPEND, metered
from blis.policies.written.vocabulary import ASKED, BUILTINS, IMPORTS, MEMORY_NUMBERS, MOST_STEPS, fields_of

#: Wall clock that one decision may take [s]: long, because a machine may have other things to do.
DECISION_S = 20.0
#: Wall clock until the process must be ready [s].
START_S = 20.0
#: What the process may take beside what it starts with [bytes], and its processor time for one simulation [s].
MEMORY_BYTES, CPU_S = 256 << 20, 120
#: No message of the process is longer [bytes].
_MOST_BYTES = 1 << 22

#: How a process ends by itself, by what `Popen.wait` says.
_ENDINGS = {
    -signal.SIGSYS: "asked the system for what it may not (a forbidden system call)",
    -signal.SIGKILL: "was killed",
    -signal.SIGXCPU: "used up its processor time",
    -signal.SIGSEGV: "crashed (segmentation fault)",
}

_READY, _ANSWER, _FAILURE = 0, 1, 2


class WrittenVerb:
    """A written policy as the callable that `blis.policies.callables` asks; its process starts when it is asked first.

    Parameters
    ----------
    program : Program
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.memory_size = MEMORY_NUMBERS + 1
        self._asked = ASKED[program.question]
        self._layout = [_layout(view, program) for view in self._asked.views]
        self._fills_code = "q" if self._asked.fills == "wanted" else "d"
        self._process: _Process | None = None
        self._known = np.zeros(MEMORY_NUMBERS)  #: the memory that the process has

    @property
    def __name__(self) -> str:
        return self.program.name

    def __call__(self, *given: Any) -> Any:
        """Ask the process.

        Raises
        ------
        ContractError
            If it fails, takes too long, is stopped by the system, or answers what is no answer.
        """
        views, memory = given[: len(self._layout)], given[len(self._layout) + 1]
        vector = given[-1] if self._asked.fills else None
        self.start()
        assert self._process is not None
        content = self._question(views, memory[:MEMORY_NUMBERS], vector)
        try:
            reply = self._process.ask(content)
            return self._answer(reply, memory, vector)
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Start the process, if there is none.

        Raises
        ------
        ContractError
            If it does not become ready.
        """
        if self._process is None:
            self._process = _Process(self._setup())
            self._known[:] = 0.0

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def __del__(self) -> None:
        self.close()

    def _question(self, views: Sequence[Any], memory: np.ndarray, vector: np.ndarray | None) -> bytes:
        is_new = not np.array_equal(memory, self._known)
        parts = [bytes([is_new])]
        if is_new:
            self._known[:] = memory
            parts.append(self._known.tobytes())
        for view, layout in zip(views, self._layout, strict=True):
            for name, code in layout:
                value = getattr(view, name)
                if code == "q":
                    parts.append(struct.pack("<q", value))
                elif code == "d":
                    parts.append(struct.pack("<d", value))
                else:
                    content = np.asarray(value, np.int64 if code == "Q" else np.float64).tobytes()
                    parts += (struct.pack("<I", len(content) // 8), content)
        if vector is not None:
            parts.append(bytes(8 * len(vector)) if self._fills_code == "d" else vector.tobytes())
        return b"".join(parts)

    def _answer(self, reply: bytes, memory: np.ndarray, vector: np.ndarray | None) -> Any:
        """What the reply says; whatever it is, nothing but the policy's own numbers changes."""
        try:
            code, raw = struct.unpack_from("<c8s", reply)
            (count,) = struct.unpack_from("<I", reply, 9)
            if count != (0 if vector is None else len(vector)):
                raise ValueError("a vector of another length")
            filled = np.frombuffer(reply, np.int64 if self._fills_code == "q" else np.float64, count, 13)
            (n_written,) = struct.unpack_from("<I", reply, 13 + 8 * count)
            places = np.frombuffer(reply, np.int64, n_written, 17 + 8 * count)
            values = np.frombuffer(reply, np.float64, n_written, 17 + 8 * (count + n_written))
            if n_written and not 0 <= places.min() <= places.max() < MEMORY_NUMBERS:
                raise ValueError("a place outside its memory")
        except (struct.error, ValueError) as error:
            raise ContractError(f"its process answered what is no answer ({error})") from error
        if vector is not None:
            vector[:] = filled
        memory[places] = values
        self._known[places] = values
        if code == b"n":
            return None
        return struct.unpack("<q" if code == b"q" else "<d", raw)[0]

    def _setup(self) -> dict[str, Any]:
        tree = metered(self.program)
        imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        body = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]
        return {
            "source": ast.unparse(ast.Module(body, [])),
            "verb": self.program.verb,
            "arguments": self._asked.arguments,
            "views": self._layout,
            "fills": self._asked.fills,
            "fills_code": self._fills_code,
            "answers": self._asked.answers,
            "memory": MEMORY_NUMBERS,
            "steps": MOST_STEPS,
            "builtins": sorted(BUILTINS),
            "math": sorted(IMPORTS["math"]),
            "imported": [(alias.asname or alias.name, alias.name) for node in imports for alias in node.names],
            "spend": SPEND,
            "range": COUNTED_RANGE,
        }


def _layout(view: type, program: Program) -> list[tuple[str, str]]:
    """The fields of a view that the policy reads, each with the code of its type: capitals for vectors."""
    return [(name, _code(view, name)) for name in fields_of(view) if name in program.reads]


def _code(view: type, name: str) -> str:
    kind = view.__annotations__[name]
    return {int: "q", float: "d"}.get(kind) or ("D" if "float64" in str(kind) else "Q")


class _Process:
    """One process that decides."""

    def __init__(self, setup: dict[str, Any]) -> None:
        script = Path(__file__).with_name("child.py")
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            close_fds=True,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is the simulator's, which ends it
        )
        try:
            self._send(json.dumps({"memory_bytes": MEMORY_BYTES, "cpu_s": CPU_S}).encode())
            self._send(json.dumps(setup).encode())
            self.is_filtered = self._receive(START_S, _READY) == b"\x01"
        except BaseException:
            self.end()
            raise

    def ask(self, content: bytes) -> bytes:
        """The reply to a question."""
        self._send(content)
        return self._receive(DECISION_S, _ANSWER)

    def end(self) -> None:
        """Stop it, whatever it does."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        with suppress(PermissionError):  # where the simulator is confined itself, the process ends with it
            self._process.kill()
            self._process.wait()

    def _send(self, content: bytes) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        frame = memoryview(struct.pack("<I", len(content)) + content)
        try:
            while frame:
                frame = frame[os.write(pipe.fileno(), frame) :]
        except BrokenPipeError as error:
            raise ContractError(self._how_it_ended()) from error

    def _receive(self, seconds: float, wanted: int) -> bytes:
        deadline_s = time.monotonic() + seconds
        (length,) = struct.unpack("<I", self._read(4, deadline_s, seconds))
        if not 1 <= length <= _MOST_BYTES:
            raise ContractError("its process answered what is no answer (its length)")
        content = self._read(length, deadline_s, seconds)
        kind, content = content[0], content[1:]
        if kind == _FAILURE:
            raise ContractError(content.decode("utf-8", "replace"))
        if kind != wanted:
            raise ContractError("its process answered what is no answer (its kind)")
        return content

    def _read(self, count: int, deadline_s: float, seconds: float) -> bytes:
        pipe = self._process.stdout
        assert pipe is not None
        found = b""
        while len(found) < count:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0.0 or not select.select([pipe], [], [], left_s)[0]:
                raise ContractError(f"one decision took more than {seconds:g} s")
            part = os.read(pipe.fileno(), count - len(found))
            if not part:
                raise ContractError(self._how_it_ended())
            found += part
        return found

    def _how_it_ended(self) -> str:
        status = self._process.wait()
        how = _ENDINGS.get(status, f"ended with status {status}")
        return f"its process {how}"
