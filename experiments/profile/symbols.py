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
    """Load the loops, and write where each of their functions lies to the file where `perf` looks for it: its path.

    It must come before anything else is compiled or loaded: numba notes then how it asks for what the disk cache holds.
    """
    path = Path(f"/tmp/perf-{os.getpid()}.map")
    path.write_text(
        "\n".join(line for code, entry, address in _loaded_loops() for line in _listed(code, entry, address))
    )
    return path


def _listed(code: bytes, entry: str, address: int) -> list[str]:
    """A line for each function of an object file, of which that of this name lies at this address."""
    with tempfile.NamedTemporaryFile(suffix=".o") as file:
        file.write(code)
        file.flush()
        listing = subprocess.run(["nm", "-S", "--defined-only", file.name], check=True, capture_output=True, text=True)
    rows = [row.split() for row in listing.stdout.splitlines()]
    functions = [(int(row[0], 16), int(row[1], 16), row[3]) for row in rows if len(row) == 4 and row[2] in "TtWw"]
    (offset,) = [start for start, _, name in functions if name == entry]
    return [f"{address - offset + start:x} {size:x} {readable(name)}" for start, size, name in functions]


def _loaded_loops() -> list[tuple[bytes, str, int]]:
    """Of each loop that simulations use: its object code, and the name and address of its entry point."""
    loops: list[tuple[bytes, str, int]] = []
    codes: list[bytes] = []
    give = JITCodeLibrary._object_getbuffer_hook

    def give_and_keep(module: Any) -> Any:
        code = give(module)
        if code is not None:
            codes.append(bytes(code))
        return code

    def compiled_and_kept(*arguments: Any) -> Any:
        codes.clear()
        kernel = compiled(*arguments)
        (overload,) = kernel.overloads.values()
        entry = overload.fndesc.llvm_func_name
        loops.append((max(codes, key=len), entry, overload.library.codegen._engine._ee.get_function_address(entry)))
        return kernel

    JITCodeLibrary._object_getbuffer_hook = give_and_keep
    from blis.engine import loop

    compiled, loop.compiled = loop.compiled, compiled_and_kept
    try:
        loop.compile_loops()
    finally:
        loop.compiled = compiled
        JITCodeLibrary._object_getbuffer_hook = give
    return loops


def readable(mangled: str) -> str:
    """The function's name behind a mangled one: `_ZN4blis6engine4loop11_run_kernelB3v24...` is `_run_kernel`."""
    rest, name = mangled.partition("_ZN")[2], mangled
    while (length := _PART.match(rest)) is not None:
        start, end = length.end(), length.end() + int(length.group())
        name, rest = rest[start:end], rest[end:]
    return name
