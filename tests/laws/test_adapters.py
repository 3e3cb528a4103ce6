"""Laws of adapters on random cases: slots, counts, and a simulation that stays a value."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.engine.codes import QUEUED, RUNNING
from blis.engine.laws import check_conservation, check_laws
from blis.simulate import Simulation
from tests.reference.engine_runner import simulation_of
from tests.reference.random_cases import (
    random_adapter_routing,
    random_adapters,
    random_case,
    random_fleet,
    random_gateway,
    random_orders,
)


def random_simulation(seed: int, **options: Any) -> Simulation:
    """A small case full of coincidences, with adapters, and at times other parts of a fleet."""
    random = Random(seed)
    case, rows = random_case(random, "corrected", 40)
    for draw in (random_orders, random_fleet, random_gateway):
        if random.random() < 0.3:
            case |= draw(random, rows)
    if random.random() < 0.5:
        case |= random_adapter_routing(random)
    case |= random_adapters(random, rows, case["instances"])
    case["seed"] = seed
    return simulation_of(case, rows, "corrected", **options)


SEEDS = st.integers(0, 2**32)


@settings(derandomize=True, deadline=None, max_examples=60, database=None)
@given(seed=SEEDS)
def test_slots_are_kept_to_and_nobody_is_lost(seed: int) -> None:
    run = random_simulation(seed)
    for until_us in range(0, 20_000, 400):
        run.advance(until_us)
        check_conservation(run.state)
        check_laws(run.workload, run.prepared.limits, run.state)
    run.run()

    check_laws(run.workload, run.prepared.limits, run.state)
    if run.prepared.horizon_us is None:
        assert not {QUEUED, RUNNING} & {*run.state.requests.status.tolist()}


@settings(derandomize=True, deadline=None, max_examples=40, database=None)
@given(seed=SEEDS, share=st.floats(0, 1))
def test_a_copy_goes_on_as_the_original_does(seed: int, share: float) -> None:
    whole = random_simulation(seed).run()
    end_us = int(whole.state.instances.clock_us.max())
    original = random_simulation(seed)
    original.advance(int(share * end_us))

    copy = original.fork()
    copy.run()
    untouched = original.state.adapters.residents.copy()
    original.run()

    assert copy.state.requests.tobytes() == original.state.requests.tobytes() == whole.state.requests.tobytes()
    assert copy.state.adapters.holders.tobytes() == original.state.adapters.holders.tobytes()
    assert len(untouched) == len(original.state.adapters.residents)


@settings(derandomize=True, deadline=None, max_examples=40, database=None)
@given(seed=SEEDS)
def test_a_trace_changes_nothing(seed: int) -> None:
    plain, traced = random_simulation(seed).run(), random_simulation(seed, trace="decisions", record_routing=True).run()

    assert plain.state.requests.status.tobytes() == traced.state.requests.status.tobytes()
    assert plain.state.requests.finished_us.tobytes() == traced.state.requests.finished_us.tobytes()
    assert plain.state.adapters.requests.tobytes() == traced.state.adapters.requests.tobytes()


@pytest.mark.parametrize("seed", range(3))
def test_the_same_seed_gives_the_same_bytes(seed: int) -> None:
    one, other = random_simulation(seed).run(), random_simulation(seed).run()

    for name in ("holders", "residents", "requests"):
        assert getattr(one.state.adapters, name).tobytes() == getattr(other.state.adapters, name).tobytes()
    assert one.state.requests.tobytes() == other.state.requests.tobytes()
