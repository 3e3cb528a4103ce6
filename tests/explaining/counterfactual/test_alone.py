import numpy as np
import pytest

from blis.engine.codes import COMPLETED, NEVER_US
from blis.explaining.counterfactual.alone import RoutingDecision, other_futures
from blis.explaining.counterfactual.replay import replaying
from blis.prepare import bind_run
from blis.simulate import Simulation
from tests.genomes.simulated import scenarios

PLENTY = 10**9


def finished_run(place: int, policy: str = "least-loaded") -> Simulation:
    requests, cluster = scenarios()[place]
    return Simulation(requests, bind_run(cluster, {"routing": policy}), seed=3, record_steps=False).run()


def decisions_of(finished: Simulation, ranks: list[int]) -> list[RoutingDecision]:
    again = Simulation(finished.requests, finished.prepared, seed=finished.seed, record_steps=False)
    found = []
    for rank in ranks:
        again.stop_at_routing(rank)
        again.advance(NEVER_US)
        request = int(np.flatnonzero(finished.state.requests.routing_rank == rank)[0])
        found.append(RoutingDecision(rank, request, again.decision, again.clock_us))
    return found


@pytest.mark.parametrize("place", range(len(scenarios())))
@pytest.mark.parametrize("policy", ["least-loaded", "round-robin", "lmetric"])
def test_a_repeated_run_is_the_same_run(place: int, policy: str) -> None:
    finished = finished_run(place, policy)

    again = replaying(finished).run()

    for column in ("instance", "arrival_us", "first_token_us", "finished_us", "status"):
        assert np.array_equal(again.state.requests[column], finished.state.requests[column]), column


def test_the_chosen_instance_gives_the_same_future() -> None:
    finished = finished_run(0)
    (decision,) = decisions_of(finished, [40])
    elsewhere = decision._replace(chosen=(decision.chosen + 1) % 4)  # so that what was chosen counts as an alternative

    (same,) = [one for one in other_futures(finished, [elsewhere], 1.0, PLENTY) if one.alternative == decision.chosen]

    for column in ("first_token_us", "finished_us"):
        here, there = same.future.state.requests[column], finished.state.requests[column]
        assert np.array_equal(here[same.concerned], there[same.concerned])


def test_only_the_two_instances_are_concerned() -> None:
    finished = finished_run(0)
    decisions = decisions_of(finished, [20, 60])

    for other in other_futures(finished, decisions, 0.01, PLENTY):
        decision, here, there = decisions[other.decision], other.future.state.requests, finished.state.requests
        assert decision.request in other.concerned
        assert here.instance[decision.request] == other.alternative
        assert set(there.instance[other.concerned].tolist()) <= {decision.chosen, other.alternative}
        assert (here.status[other.concerned] == COMPLETED).all()
        others = (there.instance != decision.chosen) & (there.instance != other.alternative) & (here.finished_us >= 0)
        assert np.array_equal(here.finished_us[others], there.finished_us[others])


def test_every_alternative_of_every_decision_is_tried_while_it_can_be_afforded() -> None:
    finished = finished_run(0)
    decisions = decisions_of(finished, [20, 60])

    every = list(other_futures(finished, decisions, 0.01, PLENTY))
    few = list(other_futures(finished, decisions, 0.01, len(finished.requests)))

    assert len(every) == 2 * 3
    assert all(0 < one.simulated_requests <= len(finished.requests) for one in every)
    assert len(few) == 1
