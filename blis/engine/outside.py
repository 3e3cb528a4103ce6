"""What is done to a simulation from outside, between two runs of its loop."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np

from blis.engine._jit import compiled, entry_point
from blis.engine.aborting import abort
from blis.engine.loop import sample_arguments
from blis.engine.records import Records
from blis.engine.reference import by_reference
from blis.engine.state import State, Workload
from blis.engine.views import World


def _abort_kernel(
    workload: Workload,
    settings: Records,
    limits: Records,
    answers: Any,
    parameters: np.ndarray,
    memory: np.ndarray,
    coefficients: np.ndarray,
    state: State,
    request: int,
    now_us: int,
) -> int:
    """Entry point: see `blis.engine.aborting.abort`."""
    world = by_reference(World(workload, settings, limits, answers, parameters, memory, coefficients))
    return abort(world, by_reference(state), request, now_us)


@cache
def compiled_abort() -> Callable[..., int]:
    """`blis.engine.aborting.abort` as machine code, for any settings; its arguments are those of `_abort_kernel`."""
    arguments = (*sample_arguments(False), 0)
    return entry_point(compiled(numba.types.int64(*map(numba.typeof, arguments)), _abort_kernel))
