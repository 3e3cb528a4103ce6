"""What did a routing decision do by itself? The other choice is made, all others are kept, and both futures compared.

Beside `rollout`, where the policy reacts to the other choice, this leaves out what the reaction does, and with it most
of the chance: on the scenario `agentic` the standard deviation of what happens in eight seconds is a third of what it
is there (`experiments/e005_policy_iteration`).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from blis.engine.codes import COMPLETED, GATEWAY_QUEUED, NEVER_US
from blis.explaining.counterfactual.replay import replaying
from blis.foundation.units import US_PER_S, Int64Vector
from blis.simulate import Simulation

#: How much further a future is looked at than planned, at most, until all whom the decision concerns have left [s]; and
#: how far it goes between two looks.
MOST_FURTHER_S, STRETCH_S = 30.0, 0.5


class RoutingDecision(NamedTuple):
    """A decision that was made."""

    rank: int  #: place among the routings of its run
    request: int
    chosen: int
    clock_us: int


class OtherFuture(NamedTuple):
    """What came of one other choice."""

    decision: int  #: place among the decisions that were asked for
    alternative: int  #: instance
    concerned: (
        Int64Vector  #: the request itself, and whoever was, or came while it was watched, on one of the two instances
    )
    future: Simulation  #: as far as it was run, usually until all of them have left
    simulated_requests: int  #: all that were in the cluster, or came, while it was run


def other_futures(
    finished: Simulation, decisions: Sequence[RoutingDecision], watched_s: float, most_requests: int
) -> Iterator[OtherFuture]:
    """Make each decision otherwise, in every way there is, with all other decisions as they were.

    Parameters
    ----------
    finished : Simulation
        The run that really happened, to its end.
    decisions : sequence of RoutingDecision
        Of that run, in the order of time.
    watched_s : float ≥ 0
        For how long after a decision requests count that come to one of the two instances [s].
    most_requests : int
        Simulated requests that may be spent; no future is begun that might take more than what is left.
    """
    base, facts = replaying(finished), finished.state.requests
    finished_us = np.where(facts.finished_us < 0, NEVER_US, facts.finished_us)
    left = most_requests
    for place, decision in enumerate(decisions):
        base.stop_at_routing(decision.rank)
        base.advance(NEVER_US)
        until_us = decision.clock_us + round(watched_s * US_PER_S)
        is_there = finished_us > decision.clock_us
        for alternative in base.candidates.tolist():
            if alternative == decision.chosen:
                continue
            if left < len(finished.requests):
                return
            concerned = np.flatnonzero(
                is_there
                & (facts.arrival_us <= until_us)
                & ((facts.instance == decision.chosen) | (facts.instance == alternative))
            )
            future = base.fork()
            future.decision = alternative
            end_us = _run_until_left(future, concerned, until_us)
            simulated = int(np.count_nonzero(is_there & (facts.arrival_us <= end_us)))
            left -= simulated
            yield OtherFuture(place, alternative, concerned, future, simulated)


def _run_until_left(future: Simulation, requests: Int64Vector, until_us: int) -> int:
    """Run until a time, and on until these requests have left, but not for ever; the time that was reached [µs]."""
    stretch_us = round(STRETCH_S * US_PER_S)
    latest_us = until_us + round(MOST_FURTHER_S * US_PER_S)
    future.advance(until_us)
    while until_us < latest_us and not _have_ended(future.state.requests.status[requests]):
        until_us += stretch_us
        future.advance(until_us)
    return until_us


def _have_ended(status: Int64Vector) -> bool:
    return bool(((status >= COMPLETED) & (status < GATEWAY_QUEUED)).all())
