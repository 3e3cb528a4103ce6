"""Which instance is the best: the one place where routers look for it, and where ties are broken."""

from blis.engine._jit import kernel
from blis.foundation.units import Float64Vector, Int64Vector

#: The tie key, and every request's draw, where ties go to the lowest index.
LOWEST_INDEX = -1

_LOW_32_BITS = 0xFFFFFFFF


@kernel
def best_instance(scores: Float64Vector, candidates: Int64Vector, tie_draw: int) -> int:
    """Candidate of the largest score, none of which may be NaN; what others score has no say.

    Among equals the one that a hash of the draw and the instance ranks highest: each is equally likely, and the choice
    depends on nothing that happened before.

    Parameters
    ----------
    scores : float64 (n_instances,)
    candidates : int64 (≥ 1,)
        Instances, increasing; routers find them in their view.
    tie_draw : int
        The request's own, of 32 bits, or `LOWEST_INDEX`; routers find it in their view.
    """
    best = candidates[0]
    if candidates.shape[0] == scores.shape[0]:  # all of them: without looking each up
        for instance in range(1, scores.shape[0]):
            if _beats(scores, tie_draw, instance, best):
                best = instance
        return best
    for instance in candidates:
        if _beats(scores, tie_draw, instance, best):
            best = instance
    return best


@kernel
def is_among(candidates: Int64Vector, instance: int) -> bool:
    """Whether an instance is one of the candidates, which are increasing."""
    low, high = 0, candidates.shape[0]
    while low < high:
        middle = (low + high) // 2
        if candidates[middle] < instance:
            low = middle + 1
        else:
            high = middle
    return low < candidates.shape[0] and candidates[low] == instance


@kernel
def precedes(scores: Float64Vector, tie_draw: int, instance: int, other: int) -> bool:
    """Whether an instance is taken before another: it has the larger score, or is drawn before an equal one."""
    if scores[instance] != scores[other]:
        return scores[instance] > scores[other]
    if tie_draw == LOWEST_INDEX:
        return instance < other
    return mixed(tie_draw ^ instance) > mixed(tie_draw ^ other)


@kernel
def draw_of(tie_key: int, number: int) -> int:
    """The draw of the request of this number, by a key of 32 bits from the seed, or by `LOWEST_INDEX`."""
    if tie_key == LOWEST_INDEX:
        return LOWEST_INDEX
    return mixed(tie_key ^ mixed(number & _LOW_32_BITS))


@kernel
def _beats(scores: Float64Vector, tie_draw: int, instance: int, best: int) -> bool:
    """Whether an instance has a larger score than one of lower index, or is drawn before it where both are equal."""
    if scores[instance] != scores[best]:
        return scores[instance] > scores[best]
    return tie_draw != LOWEST_INDEX and mixed(tie_draw ^ instance) > mixed(tie_draw ^ best)


@kernel
def mixed(word: int) -> int:
    """A one-to-one scrambling of 32 bits, in products that fit into 64.

    Source: T. Mueller's integer hash (H2 database, MVStore), found by search for full avalanche.
    """
    word = ((word >> 16) ^ word) * 0x45D9F3B & _LOW_32_BITS
    word = ((word >> 16) ^ word) * 0x45D9F3B & _LOW_32_BITS
    return (word >> 16) ^ word
