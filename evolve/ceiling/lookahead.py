"""Decides by looking ahead: tries every instance in copies of the run, and takes what is best in the mean.

A copy decides otherwise once and is continued by the base policy until a horizon. What is compared is the whole of what
happens there, to the request and to everybody else, in the same futures for every choice (common random numbers). That
is one step of policy improvement, by rollouts (Tesauro and Galperin, "On-line policy improvement using Monte-Carlo
search", NIPS 1996; Bertsekas and Castanon, "Rollout algorithms for stochastic scheduling problems", 1999): with every
future known in the mean it is never worse than the base policy. A few futures are a noisy mean, so the base policy's
own choice stands unless another is better by so many standard errors.
"""

import math
from dataclasses import dataclass

import numpy as np

from blis.engine.codes import COMPLETED, NEVER_US, ROUTING_HEAD
from blis.foundation.checks import check_int, check_number
from blis.foundation.units import US_PER_S, Float64Vector, Int64Vector
from blis.simulate import Simulation
from evolve.ceiling.copying import Copies
from evolve.ceiling.imagined import Future, Imagined
from evolve.ceiling.keeping import keep_places
from evolve.ceiling.valuing import Value, has_arrived


@dataclass(frozen=True, slots=True)
class Looking:
    """How far, how often and how carefully."""

    horizon_s: float = 8.0  #: > 0 [s], how long a copy is run after the decision
    futures: int = 8  #: ≥ 1, for each decision
    caution: float = 1.0  #: ≥ 0 standard errors by which another choice must be better than the base policy's own
    keeps_others: bool = False  #: requests that come later go where they would have gone after the base policy's choice
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
    gained = np.array([_gained(one, chosen, looking, value, copies) for one in futures.at(base)])
    mean = gained.mean(axis=0)
    if looking.caution > 0.0 and len(gained) > 1:
        error = gained.std(axis=0, ddof=1) / math.sqrt(len(gained))
        mean = np.where(mean > looking.caution * error, mean, 0.0)
    best = int(mean.argmax())
    return best if mean[best] > 0.0 else chosen


def _gained(future: Future, chosen: int, looking: Looking, value: Value, copies: Copies) -> Float64Vector:
    """(instances,) what each choice gains over the base policy's own in one future."""
    begun = future.simulation
    n_instances = len(begun.prepared.limits)
    request = int(begun.state.scratch.routing_queue[begun.state.scratch.cluster[ROUTING_HEAD]])
    requests = begun.state.requests.view(np.ndarray)
    is_over = (requests["status"] >= COMPLETED) & (requests["finished_us"] <= begun.clock_us)
    now_us = begun.clock_us + round(looking.horizon_s * US_PER_S)
    values = np.zeros((n_instances, len(requests)))
    counts = ~is_over
    places = None
    for instance in (chosen, *(one for one in range(n_instances) if one != chosen)):
        copy = copies.of(begun)
        copy.decision = instance
        if places is not None:
            keep_places(copy, places)
        copy.advance(now_us)
        if places is None and looking.keeps_others:
            places = copy.state.requests["instance"].copy()
        counts &= has_arrived(copy)
        rows = np.flatnonzero(counts)
        values[instance, rows] = value.of(copy, rows, future.slo_class, now_us)
    counts[request] = True
    rows = np.flatnonzero(counts)
    gained: Float64Vector = (values[:, rows] - values[chosen, rows]).sum(axis=1)
    return gained
