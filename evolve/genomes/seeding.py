"""Makes DEAP reproducible: it draws from the global generators of Python and numpy, seeded here and then put back."""

import random as global_random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


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
