"""Finds the best of a few without judging all of them to the end: sequential halving.

All are judged by a few runs, the better half of them by twice as many, and so on; runs are the same ones for all, so
that whoever stays keeps what is known. For a fixed number of runs that is close to the best chance of ending with the
best (Karnin, Koren and Somekh, "Almost optimal exploration in multi-armed bandits", ICML 2013).
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

_Contender = TypeVar("_Contender")
_Judged = TypeVar("_Judged")

#: Seeds of the first round: with one alone, luck on it would decide.
FEWEST_SEEDS = 2


class Place(NamedTuple):
    """Where a contender ended."""

    judged: Any  #: its last judgement
    n_seeds: int  #: by which it was made


def rounds(n_seeds: int) -> list[int]:
    """By how many seeds those who are left are judged in each round, the last one by all."""
    found = []
    count = FEWEST_SEEDS
    while count < n_seeds:
        found.append(count)
        count *= 2
    return [*found, n_seeds]


def race(
    contenders: Sequence[_Contender],
    judge: Callable[[Sequence[_Contender], int], Sequence[_Judged]],
    merit: Callable[[_Judged], Any],
    seeds: Sequence[int],
) -> list[Place]:
    """Judge the contenders, after each round the better half of them again.

    Parameters
    ----------
    contenders : sequence
        At least one.
    judge : callable
        (contenders, number of seeds) -> their judgements, in the same order.
    merit : callable
        What of two judgements the better one has more of; of equals the earlier contender is better.
    seeds : sequence of int
        Of each round how many, see `rounds`.

    Returns
    -------
    list of Place
        The best first; whoever left in an earlier round is behind all who left later.
    """
    left = list(contenders)
    behind: list[Place] = []
    for place, n_seeds in enumerate(seeds):
        judged = judge(left, n_seeds)
        order = sorted(range(len(left)), key=lambda one: merit(judged[one]), reverse=True)
        is_last = place == len(seeds) - 1
        kept = len(left) if is_last else -(-len(left) // 2)
        behind = [*(Place(judged[one], n_seeds) for one in order[kept:]), *behind]
        if is_last:
            return [*(Place(judged[one], n_seeds) for one in order), *behind]
        left = [left[one] for one in sorted(order[:kept])]
    raise ValueError("seeds must name at least one round.")
