"""Which decisions are tried otherwise: a stratified sample, so that every part of the run is represented."""

import numpy as np

from blis.randomness import stream
from blis.units import Int64Vector


def stratified(n_decisions: int, wanted: int, seed: int, name: str) -> Int64Vector:
    """Ranks of at most `wanted` decisions of `n_decisions`, ascending: one at random from each of as many equal strata.

    Parameters
    ----------
    n_decisions, wanted : int ≥ 0
    seed : int ≥ 0
    name : str
        Kind of decision; kinds are drawn independently.
    """
    if wanted >= n_decisions:
        return np.arange(n_decisions, dtype=np.int64)
    edges = np.linspace(0, n_decisions, wanted + 1)
    place = edges[:-1] + stream(seed, "counterfactual", name).random(wanted) * np.diff(edges)
    return np.minimum(place.astype(np.int64), n_decisions - 1)
