"""By how much is one record better than another of the same requests? A logarithm: gains and losses weigh alike."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from blis.fitness.objectives import Objective as Judged
from blis.fitness.ratio import MOST, ratio
from blis.foundation.units import Float64Vector
from evolve.comparing import Objective
from evolve.records import Record

_LIMIT = math.log(MOST)


class Gain(NamedTuple):
    """The comparison of two records."""

    log_ratio: float  #: > 0: ours is better
    n_undefined: int  #: objectives for which the largest ratio, `blis.fitness.ratio.MOST`, had to stand in


def gain(ours: Record, theirs: Record, objectives: Sequence[Objective]) -> Gain:
    """The weighted mean of the logarithms of the objectives' ratios, see `blis.fitness.ratio`: as a search's fitness.

    Where neither side has a value they are equal; a side that has none loses by the largest ratio.
    """
    total, n_undefined = 0.0, 0
    weights = sum(objective.weight for objective in objectives)
    for objective in objectives:
        log_ratio, is_defined = _log_ratio(_value(ours, objective), _value(theirs, objective), objective.judged)
        total += objective.weight * log_ratio
        n_undefined += not is_defined
    return Gain(total / weights, n_undefined)


def gains(
    ours: Sequence[Record], theirs: Sequence[Record], objectives: Sequence[Objective]
) -> tuple[Float64Vector, int]:
    """The gains of pairs of records, and how many of their objectives were undefined."""
    pairs = [gain(one, other, objectives) for one, other in zip(ours, theirs, strict=True)]
    return np.array([pair.log_ratio for pair in pairs]), sum(pair.n_undefined for pair in pairs)


def _value(record: Record, objective: Objective) -> float | None:
    if record.error is not None:
        return None
    value = objective.value(record)
    return value if value is not None and math.isfinite(value) and value >= 0.0 else None


def _log_ratio(ours: float | None, theirs: float | None, judged: Judged) -> tuple[float, bool]:
    if ours is None or theirs is None:
        return _LIMIT * ((ours is not None) - (theirs is not None)), False
    found = ratio(judged, ours, theirs)
    return math.log(found), 1.0 / MOST < found < MOST
