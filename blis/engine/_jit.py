"""The one place that chooses numba's flags, and keeps its disk cache honest.

numba stamps a cached kernel with the content of the file that defines it, so a changed callee in another
file would leave stale machine code behind. The cache folder's name is therefore a hash of every engine
source and the contract of every folder of compiled answers: after any change there, nothing stale can be found.

Kernels allocate nothing, so they run without numba's reference counts (`_nrt=False`), which cost ten times
the work itself.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

_PACKAGE = Path(__file__).resolve().parent.parent
_Function = TypeVar("_Function", bound=Callable[..., Any])


def _source_hash() -> str:
    digest = hashlib.sha256(f"{numba.__version__} {numba.config.BOUNDSCHECK}".encode())
    contracts = [*_PACKAGE.glob("policies/*/__init__.py"), _PACKAGE / "cluster" / "latency" / "__init__.py"]
    sources = [*_PACKAGE.glob("engine/*.py"), *contracts]
    for source in sorted(sources):
        digest.update(source.relative_to(_PACKAGE).as_posix().encode() + source.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """Folder of the compiled kernels that belong to the present sources.

    `BLIS_CACHE_DIR` moves it; by default it lies in the user's cache folder.
    """
    base = os.environ.get("BLIS_CACHE_DIR")
    root = Path(base) if base else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "blis"
    return root / _source_hash()


if not os.environ.get("NUMBA_CACHE_DIR"):
    numba.config.CACHE_DIR = str(cache_folder())


def kernel(function: _Function) -> _Function:
    """Compile a helper on first use; it becomes part of whatever kernel calls it."""
    return cast("_Function", numba.njit(nogil=True, error_model="numpy", _nrt=False)(function))


def cached_kernel(function: _Function) -> _Function:
    """Compile a helper that Python itself calls: like `kernel`, and later processes load it from the disk cache."""
    return cast("_Function", numba.njit(nogil=True, cache=True, error_model="numpy", _nrt=False)(function))


def plain(function: _Function) -> _Function:
    """The Python function behind a kernel: quicker than a compiled one for a single call from Python."""
    return cast("_Function", getattr(function, "py_func", function))


def compiled(signature: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` for exactly `signature`, now, or load it from the disk cache.

    An explicit signature is what makes function arguments exchangeable without recompiling.
    """
    return cast(
        "Callable[..., Any]",
        numba.njit(signature, nogil=True, cache=True, error_model="numpy", _nrt=False)(function),
    )


def entry_point(function: Callable[..., Any]) -> Callable[..., Any]:
    """The machine code behind a function compiled for one signature, without looking at its arguments' types again.

    numba takes a millisecond to recognise the types of a state; arguments of other types than the
    signature's are the caller's fault.
    """
    overloads = getattr(function, "overloads", None)
    if not overloads:
        return function
    (result,) = overloads.values()
    return cast("Callable[..., Any]", result.entry_point)
