"""The one place that chooses numba's flags, and keeps its disk cache honest.

numba stamps a cached kernel with the content of the file that defines it, so a changed callee in another
file would leave stale machine code behind. The cache folder's name is therefore a hash of every engine
source, the contract of every folder of compiled answers, and the grid that tables of prices are read by: after any
change there, nothing stale can be found.

Kernels allocate nothing, so they run without numba's reference counts (`_nrt=False`), which cost ten times
the work itself.
"""

import hashlib
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, TypeVar, cast

import numba
from numba.core.registry import cpu_target

from blis.engine.known_settings import KernelCompiler
from blis.engine.parts import Helper
from blis.engine.plain_indices import plain_indices

_PACKAGE = Path(__file__).resolve().parent.parent
_Function = TypeVar("_Function", bound=Callable[..., Any])


def source_hash() -> str:
    """Content address of everything that machine code is made of."""
    digest = hashlib.sha256(f"{numba.__version__} {numba.config.BOUNDSCHECK}".encode())
    contracts = [*_PACKAGE.glob("policies/*/__init__.py"), _PACKAGE / "cluster" / "latency" / "__init__.py"]
    sources = [*_PACKAGE.glob("engine/*.py"), *contracts, _PACKAGE / "cluster" / "steps" / "grid.py"]
    for source in sorted(sources):
        digest.update(source.relative_to(_PACKAGE).as_posix().encode() + source.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder() -> Path | None:
    """Folder of the compiled kernels that belong to the present sources; None without a home to put it in.

    `BLIS_CACHE_DIR`, else `NUMBA_CACHE_DIR`, moves it; by default it lies in the user's cache folder.
    """
    base = os.environ.get("BLIS_CACHE_DIR") or os.environ.get("NUMBA_CACHE_DIR")
    if base:
        return Path(base).absolute() / source_hash()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    return cache / "blis" / source_hash() if cache.is_absolute() else None


@cache
def _has_disk_cache() -> bool:
    """Whether machine code can be kept; if not, one line says so.

    numba itself would go on to other places, the source tree among them, where a changed callee leaves stale code.
    """
    folder = cache_folder()
    try:
        if folder is None:
            raise OSError("no home folder is known")
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        got = "none" if folder is None else repr(str(folder.parent))
        print(
            "warning: compiled kernels are not kept, so every process spends a minute on them: their folder must "
            f"be writable; got {got} ({error.strerror or error}). Set BLIS_CACHE_DIR.",
            file=sys.stderr,
        )
        return False
    numba.config.CACHE_DIR = str(folder)
    return True


def kernel(function: _Function) -> _Function:
    """Compile a helper on first use; it becomes part of whatever kernel calls it."""
    return cast("_Function", Helper.of(numba.njit(nogil=True, error_model="numpy", _nrt=False)(function)))


def seldom_kernel(function: _Function) -> _Function:
    """Compile a helper that most runs never call: as `kernel`, but its callers do not grow by it."""
    jit = numba.njit(nogil=True, error_model="numpy", _nrt=False)
    return cast("_Function", Helper.of(jit(function), is_seldom_called=True))


def cached_kernel(function: _Function) -> _Function:
    """Compile a helper that Python itself calls: like `kernel`, and later processes load it from the disk cache."""
    jit = numba.njit(nogil=True, cache=_has_disk_cache(), error_model="numpy", _nrt=False)
    return cast("_Function", jit(function))


def plain(function: _Function) -> _Function:
    """The Python function behind a kernel: quicker than a compiled one for a single call from Python."""
    return cast("_Function", getattr(function, "py_func", function))


@cache
def _load_registries() -> None:
    """Load what numba knows of Python and numpy, which every kernel needs, and keep scipy out of it.

    numba imports `scipy.linalg`, if it is there, to know whether `np.convolve` and `np.correlate` may use its BLAS,
    which takes longer than loading all kernels of a run. No kernel here calls these two, and it matters to them alone:
    for `np.dot` and `np.linalg`, in whoever's kernels, numba imports scipy when it compiles them.
    """
    blas = "scipy.linalg.cython_blas"
    if blas in sys.modules:
        return
    sys.modules[blas] = None  # type: ignore[assignment]  # Python's way to say that there is no such module
    try:
        cpu_target.target_context.refresh()
    finally:
        sys.modules.pop(blas, None)


def compiled(signature: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` for exactly `signature`, now, or load it from the disk cache.

    An explicit signature is what makes function arguments exchangeable without recompiling.
    """
    _load_registries()
    jit = numba.njit(
        signature, nogil=True, cache=_has_disk_cache(), error_model="numpy", _nrt=False, pipeline_class=KernelCompiler
    )
    with plain_indices():
        return cast("Callable[..., Any]", jit(function))


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
