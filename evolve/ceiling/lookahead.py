"""Decides by looking ahead: tries every instance in copies of the run, and takes what is best in the mean.

A copy decides otherwise once and is continued by the base policy until a horizon. What is compared is the whole of what
happens there, to the request and to everybody else, in the same futures for every choice (common random numbers). That
is one step of policy improvement, by rollouts (Tesauro and Galperin, "On-line policy improvement using Monte-Carlo
search", NIPS 1996; Bertsekas and Castanon, "Rollout algorithms for stochastic scheduling problems", 1999): if the mean
over all futures were known, it would never be worse than the base policy. A few futures are a noisy mean. So the base
policy's own choice stands unless another is better by so many standard errors; and whoever comes later goes where the
base policy sent him in the same future after its own choice, because a router that reacts to one request elsewhere
makes two futures that differ by chance (`experiments/e006_ceiling` has both).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blis.engine.codes import COMPLETED, GATEWAY_QUEUED, NEVER_US
from blis.foundation.checks import check_int, check_number
from blis.foundation.errors import StalledError
from blis.foundation.units import US_PER_S, Float64Vector, Int64Vector
from blis.simulate import Simulation
from evolve.ceiling.copying import Copies
from evolve.ceiling.imagined import Future, Imagined
from evolve.ceiling.keeping import keep_places
from evolve.ceiling.valuing import Value, has_arrived

#: What a choice gains after which nothing gets on any more.
_STALLED = -1e6


@dataclass(frozen=True, slots=True)
class Looking:
    """How far, how often and how carefully."""

    horizon_s: float = 8.0  #: > 0 [s], how long a copy is run after the decision
    futures: int = 8  #: ≥ 1, for each decision
    caution: float = 1.0  #: ≥ 0 standard errors by which another choice must be better than the base policy's own
    keeps_others: bool = True  #: whoever comes later goes where the base policy sends him after its own choice
    passes: int = 3  #: ≥ 1, how often hindsight looks at each request, at most, see `evolve.ceiling.clairvoyance`

    def __post_init__(self) -> None:
        check_number("horizon_s", self.horizon_s, above=0, unit="s")
        check_int("futures", self.futures, 1, 10_000)
        check_number("caution", self.caution, 0)
        check_int("passes", self.passes, 1, 10_000)


def look_ahead(base: Simulation, looking: Looking, value: Value, futures: Imagined) -> Int64Vector:
    """Run to the end, with every routing decided by looking ahead.

    Parameters
    ----------
    base : Simulation
        At its beginning, with the base policy; it is run.
    looking : Looking
    value : Value
    futures : Imagined
        What copies meet; the base is laid out by it.

    Returns
    -------
    int64 (routings,)
        Where each request went, in the order of routing.
    """
    choices: list[int] = []
    copies = Copies()
    while True:
        base.stop_at_routing(len(choices))
        if base.advance(NEVER_US):
            return np.array(choices, np.int64)
        base.decision = _best(base, looking, value, futures, copies)
        choices.append(base.decision)


def _best(base: Simulation, looking: Looking, value: Value, futures: Imagined, copies: Copies) -> int:
    """The choice to be made at the present stop."""
    chosen = base.decision
    tried = [instance for instance in base.candidates.tolist() if instance != chosen]
    gained = np.zeros((0, len(tried)))
    for future in futures.at(base):
        one = _gained(future, chosen, tried, looking, value, copies)
        gained = np.concatenate([gained, one[None, :]])
        if 2 * len(gained) == looking.futures:  # half of them: nobody looks further at what is clearly worse
            hopeful = gained.mean(axis=0) > -_errors(gained)
            tried, gained = [one for one, is_kept in zip(tried, hopeful, strict=True) if is_kept], gained[:, hopeful]
        if not tried:
            return chosen
    surely = gained.mean(axis=0) - looking.caution * _errors(gained)
    place = int(np.where(surely > 0.0, gained.mean(axis=0), -np.inf).argmax())
    return tried[place] if surely[place] > 0.0 else chosen


def _errors(gained: np.ndarray) -> Float64Vector:
    """Standard errors of the columns' means; none of a single row."""
    if len(gained) < 2:
        return np.zeros(gained.shape[1])
    errors: Float64Vector = gained.std(axis=0, ddof=1) / math.sqrt(len(gained))
    return errors


def _gained(
    future: Future, chosen: int, tried: Sequence[int], looking: Looking, value: Value, copies: Copies
) -> Float64Vector:
    """(len(tried),) what each of these choices gains over the base policy's own in one future."""
    begun = future.simulation
    requests = begun.state.requests.view(np.ndarray)
    status = requests["status"]
    is_over = (status >= COMPLETED) & (status < GATEWAY_QUEUED) & (requests["finished_us"] <= begun.clock_us)
    now_us = begun.clock_us + round(looking.horizon_s * US_PER_S)
    values, counts = np.zeros((1 + len(tried), len(requests))), ~is_over
    stalled = np.zeros(len(tried), np.bool_)
    places = None
    for row, instance in enumerate((chosen, *tried)):
        copy = copies.of(begun)
        copy.decision = instance
        if places is not None:
            keep_places(copy, places)
        try:
            copy.advance(now_us)
        except StalledError:
            if row == 0:
                return np.zeros(len(tried))  # nothing to compare with
            stalled[row - 1] = True
            continue
        if row == 0 and looking.keeps_others:
            places = copy.state.requests["instance"].copy()
        counts &= has_arrived(copy)
        rows = np.flatnonzero(counts)
        values[row, rows] = value.of(copy, rows, future.slo_class, now_us)
    rows = np.flatnonzero(counts)
    gained: Float64Vector = (values[1:, rows] - values[0, rows]).sum(axis=1)
    gained[stalled] = _STALLED
    return gained
