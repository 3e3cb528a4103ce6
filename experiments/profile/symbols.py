"""Names of the machine code that numba loads from its disk cache, in the form in which `perf` looks for them."""

import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from numba.core.codegen import JITCodeLibrary

_PART = re.compile(r"\d+")


def write_symbols() -> Path:
    """Load the loop, and write where each of its functions lies to the file where `perf` looks for it: its path.

    It must come before anything else is compiled or loaded: numba notes then how it asks for what the disk cache holds.
    """
    code, start = _loaded_loop()
    with tempfile.NamedTemporaryFile(suffix=".o") as file:
        file.write(code)
        file.flush()
        listing = subprocess.run(["nm", "-S", "--defined-only", file.name], check=True, capture_output=True, text=True)
    rows = [row.split() for row in listing.stdout.splitlines()]
    functions = [(int(row[0], 16), int(row[1], 16), row[3]) for row in rows if len(row) == 4 and row[2] in "TtWw"]
    lines = [f"{start + offset:x} {size:x} {readable(name)}" for offset, size, name in functions]
    path = Path(f"/tmp/perf-{os.getpid()}.map")
    path.write_text("\n".join(lines) + "\n")
    return path


def _loaded_loop() -> tuple[bytes, int]:
    """The object code of the loop as simulations use it, and the address of its first function, the entry point."""
    codes: list[bytes] = []
    kernels: list[Any] = []
    give = JITCodeLibrary._object_getbuffer_hook

    def give_and_keep(module: Any) -> Any:
        code = give(module)
        if code is not None:
            codes.append(bytes(code))
        return code

    def compiled_and_kept(*arguments: Any) -> Any:
        kernels.append(compiled(*arguments))
        return kernels[-1]

    JITCodeLibrary._object_getbuffer_hook = give_and_keep
    from blis.engine import loop

    compiled, loop.compiled = loop.compiled, compiled_and_kept
    loop.compile_loops()
    loop.compiled = compiled
    (overload,) = kernels[0].overloads.values()
    address = overload.library.codegen._engine._ee.get_function_address(overload.fndesc.llvm_func_name)
    return max(codes, key=len), address


def readable(mangled: str) -> str:
    """The function's name behind a mangled one: `_ZN4blis6engine4loop11_run_kernelB3v24...` is `_run_kernel`."""
    rest, name = mangled.partition("_ZN")[2], mangled
    while (length := _PART.match(rest)) is not None:
        start, end = length.end(), length.end() + int(length.group())
        name, rest = rest[start:end], rest[end:]
    return name
