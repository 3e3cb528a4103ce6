"""Random streams by name: adding a consumer never moves another's draws."""

import hashlib

import numpy as np


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """A generator that belongs to `names` under `seed`.

    Parameters
    ----------
    seed : int ≥ 0
        The one seed of a run.
    names : str or int
        Path of the consumer, such as ("workload", "client", 3, "arrivals").

    Returns
    -------
    numpy.random.Generator
        Independent of the generators of all other names.
    """
    digest = hashlib.sha256("\x1f".join(map(str, names)).encode()).digest()
    spawn_key = tuple(int.from_bytes(digest[at : at + 4], "little") for at in range(0, 16, 4))
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=spawn_key)))
