"""From scores to one instance: the largest, or one drawn by scores.

What is drawn hangs on the seed and the request's number alone, so that a run, its repetition and its copies draw alike.

Sources: llm-d-router 0.9, max-score-picker, weighted-random-picker (whose keys, by Efraimidis and Spirakis 2006, make
one pick a draw in proportion to the scores) and random-picker; NVIDIA Dynamo's router_temperature for softmax.
"""

import math

from blis.engine._jit import kernel
from blis.engine.choice import best_instance, precedes
from blis.foundation.units import Float64Vector, Int64Vector

#: How an instance may be picked; the place is the number that kernels know.
PICKERS = ("largest", "weighted-random", "random-of-best", "softmax")
_LARGEST, _WEIGHTED_RANDOM, _RANDOM_OF_BEST, _SOFTMAX = range(4)
_DRAWS = float(2**32)


@kernel
def picked_instance(
    scores: Float64Vector,
    candidates: Int64Vector,
    picker: int,
    best: int,
    temperature: float,
    tie_draw: int,
    draw: int,
) -> int:
    """The candidate that a picker takes.

    Parameters
    ----------
    scores : float64 (n_instances,)
    candidates : int64 (≥ 1,)
        Instances, increasing.
    picker : int
        Place in `PICKERS`: the largest score, ties as everywhere; in proportion to scores, those below 0 counting as 0,
        all alike where none is above; any of so many best ones alike; or in proportion to
        exp((score - largest) / ((largest - smallest) · temperature)).
    best : int
        Of how many best ones; 0: of all.
    temperature : float
        Of softmax; 0: the largest.
    tie_draw, draw : int
        The request's own, of 32 bits; routers find both in their view.
    """
    if picker == _RANDOM_OF_BEST:
        n = candidates.shape[0]
        among = n if best <= 0 else min(best, n)
        return _of_rank(scores, candidates, draw * among >> 32, tie_draw)
    if picker == _LARGEST or (picker == _SOFTMAX and temperature <= 0.0):
        return best_instance(scores, candidates, tie_draw)
    low = high = scores[candidates[0]]
    for instance in candidates:
        low, high = min(low, scores[instance]), max(high, scores[instance])
    spread = (high - low) * temperature if picker == _SOFTMAX else 0.0
    total = 0.0
    for instance in candidates:
        total += _share(scores[instance], picker, high, spread)
    if total <= 0.0:
        return candidates[draw * candidates.shape[0] >> 32]
    left, last = draw / _DRAWS * total, candidates[0]
    for instance in candidates:
        share = _share(scores[instance], picker, high, spread)
        if share > 0.0:
            last = instance
            if left < share:
                break
        left -= share
    return last


@kernel
def _share(score: float, picker: int, high: float, spread: float) -> float:
    """What an instance's probability is in proportion to."""
    if picker == _WEIGHTED_RANDOM:
        return max(0.0, score)
    return math.exp((score - high) / spread) if spread > 0.0 else 1.0


@kernel
def _of_rank(scores: Float64Vector, candidates: Int64Vector, rank: int, tie_draw: int) -> int:
    """The candidate that exactly so many precede, by score and then as ties are broken."""
    for instance in candidates:
        before = 0
        for other in candidates:
            if other != instance and precedes(scores, tie_draw, other, instance):
                before += 1
        if before == rank:
            return instance
    return candidates[0]
