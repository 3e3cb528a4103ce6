"""Laws of taking running requests away for more urgent ones: nobody is lost, blocks come back, a copy goes on alike."""

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from blis.engine.codes import GATEWAY_EVICTED, N_EVICTIONS, N_GATEWAY_EVICTED, STATUS_NAMES
from blis.engine.laws import check_conservation, check_laws
from blis.simulate import Simulation
from tests.reference.engine_runner import simulation_of
from tests.reference.random_cases import (
    random_adapters,
    random_case,
    random_drafts,
    random_eviction,
    random_evictions,
    random_fleet,
    random_gateway,
    random_orders,
)


def random_simulation(seed: int, **options: Any) -> Simulation:
    """A small case with a gateway that evicts, and at times other parts of a fleet."""
    random = Random(seed)
    case, rows = random_case(random, "corrected", 40)
    for draw in (random_drafts, random_orders, random_fleet, random_eviction):
        if random.random() < 0.25:
            case |= draw(random, rows)
    case |= random_gateway(random, rows)
    case |= random_evictions(random, case, rows)
    if random.random() < 0.3:
        case |= random_adapters(random, rows, case["instances"])
    case["admission"], case["seed"] = {"policy": "always-admit"}, seed
    return simulation_of(case, rows, "corrected", **options)


SEEDS = st.integers(0, 2**32)


@settings(derandomize=True, deadline=None, max_examples=100, database=None)
@given(seed=SEEDS)
def test_nobody_is_lost_and_every_block_comes_back(seed: int) -> None:
    run = random_simulation(seed)
    for until_us in range(0, 10_000, 200):
        run.advance(until_us)
        check_conservation(run.state)
        check_laws(run.workload, run.prepared.limits, run.state)
    run.run()

    check_conservation(run.state)
    check_laws(run.workload, run.prepared.limits, run.state)
    status, places = run.state.requests.status, run.state.gateway.places
    assert (status == GATEWAY_EVICTED).sum() == places[N_GATEWAY_EVICTED] <= places[N_EVICTIONS]
    if run.prepared.horizon_us is None:
        assert not {"queued", "running"} & {STATUS_NAMES[one] for one in status}
        assert not run.state.instances.used_blocks.any()
        assert not run.state.gateway.in_flight_tokens.any()
        assert (run.state.gateway.bands.newest_running == -1).all()


@settings(derandomize=True, deadline=None, max_examples=50, database=None)
@given(seed=SEEDS, share=st.floats(0, 1))
def test_a_copy_goes_on_as_the_original_does(seed: int, share: float) -> None:
    whole = random_simulation(seed).run()
    original = random_simulation(seed)
    original.advance(int(share * int(whole.state.instances.clock_us.max())))

    copy = original.fork()
    copy.run()
    original.run()

    assert copy.state.requests.tobytes() == original.state.requests.tobytes() == whole.state.requests.tobytes()
    assert copy.state.gateway.requests.tobytes() == original.state.gateway.requests.tobytes()
    assert copy.state.instances.tobytes() == original.state.instances.tobytes()


def test_only_who_may_be_shed_and_is_less_urgent_goes() -> None:
    n_evictions = 0
    for seed in range(120):
        run = random_simulation(seed).run()
        evicted = run.state.requests.status == GATEWAY_EVICTED
        n_evictions += int(run.state.gateway.places[N_EVICTIONS])
        assert {run.requests.slo_classes[one] for one in run.requests.slo_class[evicted]} <= {"batch", "sheddable"}
    assert n_evictions > 20
