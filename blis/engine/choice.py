"""Which instance is the best: the one place where routers look for it, and where ties are broken."""

from blis.engine._jit import kernel
from blis.foundation.units import Float64Vector

#: A tie key that sends ties to the lowest index; every other key draws among equals.
LOWEST_INDEX = -1

_LOW_32_BITS = 0xFFFFFFFF


@kernel
def best_instance(scores: Float64Vector, tie_key: int, request: int) -> int:
    """Instance of the largest score, none of which may be NaN.

    Among equals the one that a hash of key, request and instance ranks highest: each is equally likely, and the
    choice depends on nothing that happened before.

    Parameters
    ----------
    scores : float64 (n_instances,)
    tie_key : int
        From the seed, 32 bits, or `LOWEST_INDEX`; routers find it in their view.
    request : int ≥ 0
        Position in the order of arrival.
    """
    best = 0
    for instance in range(1, scores.shape[0]):
        if scores[instance] > scores[best] or (
            scores[instance] == scores[best] and _is_drawn(tie_key, request, instance, best)
        ):
            best = instance
    return best


@kernel
def _is_drawn(tie_key: int, request: int, instance: int, best: int) -> bool:
    """Whether an instance is drawn before an equal one of lower index."""
    if tie_key == LOWEST_INDEX:
        return False
    drawn = _mix(tie_key ^ _mix(request & _LOW_32_BITS))
    return _mix(drawn ^ instance) > _mix(drawn ^ best)


@kernel
def _mix(word: int) -> int:
    """A one-to-one scrambling of 32 bits, in products that fit into 64.

    Source: T. Mueller's integer hash (H2 database, MVStore), found by search for full avalanche.
    """
    word = ((word >> 16) ^ word) * 0x45D9F3B & _LOW_32_BITS
    word = ((word >> 16) ^ word) * 0x45D9F3B & _LOW_32_BITS
    return (word >> 16) ^ word
