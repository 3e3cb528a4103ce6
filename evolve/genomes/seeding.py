"""Where a search's random draws come from.

DEAP draws from the global generators of Python and numpy: here they are seeded from one of ours, and then put back.
"""

import random as global_random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import numpy as np

#: Names -> the generator that belongs to them, see `blis.foundation.randomness.stream`.
Draws: TypeAlias = Callable[..., np.random.Generator]


@contextmanager
def deap_draws(random: np.random.Generator) -> Iterator[None]:
    """Let everything that draws from a global generator draw from `random` instead, for the time of a `with` block.

    The block's draws depend on the state of `random` alone, which moves on by one draw; the global generators are left
    as they were found.
    """
    seeds = random.integers(2**32, size=4, dtype=np.uint32)
    before = global_random.getstate()
    numpy_before = np.random.get_state()  # noqa: NPY002 - DEAP's CMA-ES uses it
    try:
        global_random.seed(int.from_bytes(seeds.tobytes(), "little"))
        np.random.seed(seeds)  # noqa: NPY002
        yield
    finally:
        global_random.setstate(before)
        np.random.set_state(numpy_before)  # noqa: NPY002
