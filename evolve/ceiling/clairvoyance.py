"""Improves the places of a run's requests in hindsight: all that comes is known, and one place is changed at a time.

Each request in turn is sent to every other instance with all others kept where they are, the run goes on to its end,
and what is best stays. Nothing is lost by that: with the future known exactly, each change that stays is an improvement
of the whole. Where no single change improves anything more, it ends; there may be something better yet.
"""

from blis.engine.codes import NEVER_US, NEXT_ROUTING
from blis.foundation.errors import StalledError
from blis.foundation.units import Int32Vector, Int64Vector
from blis.simulate import Simulation
from evolve.ceiling.copying import Copies
from evolve.ceiling.keeping import keep_places
from evolve.ceiling.valuing import Value


def improved(
    beginning: Simulation, places: Int64Vector, value: Value, slo_class: Int32Vector, most_passes: int
) -> tuple[Int64Vector, float]:
    """Better places, and what the run is then worth.

    Parameters
    ----------
    beginning : Simulation
        The run at its beginning; it is left as it is.
    places : int64 (n,)
        Instance of each request to begin with, -1 for who is not routed.
    value : Value
    slo_class : int32 (n,)
        Of every request, index into the names that `value` has.
    most_passes : int ≥ 1
        How often each request is looked at, at most.
    """
    best = _worth(beginning, places, value, slo_class)
    for _ in range(most_passes):
        before = best
        places, best = _pass(beginning, places, best, value, slo_class)
        if best == before:
            break
    return places, best


def _worth(beginning: Simulation, places: Int64Vector, value: Value, slo_class: Int32Vector) -> float:
    run = beginning.fork()
    keep_places(run, places)
    return value.whole(run.run(), slo_class)


def _pass(
    beginning: Simulation, places: Int64Vector, best: float, value: Value, slo_class: Int32Vector
) -> tuple[Int64Vector, float]:
    """Look at every request once, in the order of routing."""
    places = places.copy()
    run, copies, rank = beginning.fork(), Copies(), 0
    keep_places(run, places)
    while True:
        run.stop_at_routing(rank)
        if run.advance(NEVER_US):
            return places, best
        request = int(run.state.scratch.cluster[NEXT_ROUTING])
        kept = run.decision
        for instance in run.candidates.tolist():
            if instance == kept:
                continue
            copy = copies.of(run)
            copy.decision = instance
            try:
                worth = value.whole(copy.run(), slo_class)
            except StalledError:
                continue
            if worth > best:
                best, run.decision, places[request] = worth, instance, instance
        rank += 1
