"""Runs on one stage do not know of each other: what an earlier one has left in its arrays changes nothing."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from blis.cluster.instances import Cluster
from blis.cluster.speculative import Speculative
from blis.engine.reset import WRITTEN_FIRST
from blis.foundation.semantics import semantics
from blis.outcome import outcome
from blis.policies.prepared import prepare_policies
from blis.prepare import PreparedRun, prepare_cluster, prepared_run
from blis.simulate import Simulation
from blis.stage import Stage
from tests.laws.test_simulation_is_a_value import KEEPING, assert_same, cluster, random_requests

#: Policies with no, two and three scorers, with memory, with priorities that change, with refusals, and with what
#: instances learn.
TRIED: list[dict[str, Any]] = [
    {},
    {"routing": {"policy": "weighted", "scorers": {"prefix-affinity": 2, "queue-depth": 1}}},
    {"routing": "least-loaded", "scheduling": "sjf", "preemption": "lowest-priority", "priority": "slo-based"},
    {"routing": {"policy": "weighted", "scorers": {"precise-prefix-cache": 2, "queue-depth": 1, "no-hit-lru": 1}}},
    {"admission": {"policy": "token-bucket"}, "routing": "prefix-affinity"},
    {"scheduling": "vtc"},
    {"scheduling": "predicted-sjf", "routing": "least-loaded"},
    {"priority": "slack", "scheduling": "priority-fcfs", "preemption": "lowest-priority"},
    *({"routing": keeping} for keeping in KEEPING),
    *({"eviction": name, "routing": "least-loaded"} for name in ("arc", "tiny-lfu", "belady", "lfu")),
]

CLUSTERS = {
    "plain": {},
    "stale": {"snapshot_refresh_us": 900, "cache_signal_delay_us": 700},
    "drafting": {"drafts": True},
    "vllm": {"semantics": "vllm-0.32"},
    "cut": {"horizon_us": 2_000},
}


def stage_of(trace: str = "none", drafts: bool = False, **changes: Any) -> Stage:
    rules, horizon_us = semantics(changes.pop("semantics", "corrected")), changes.pop("horizon_us", None)
    served: Cluster = cluster(**changes)
    if drafts:
        one = replace(served.instances[0], speculative=Speculative(draft_tokens=2, accepted_tokens=1.0))
        served = replace(served, instances=(one,) * len(served.instances))
    return Stage(random_requests(7), prepare_cluster(served, rules, horizon_us), seed=3, trace=trace)


def run_on(stage: Stage, policies: dict[str, Any]) -> PreparedRun:
    return prepared_run(stage.cluster, prepare_policies(policies))


def spoil(simulation: Simulation) -> None:
    """Write nonsense wherever a later run must not look."""
    for name, fields in WRITTEN_FIRST.items():
        for field in fields - ({"slots"} if name == "seen" else set()):
            array = getattr(getattr(simulation.state, name), field)
            array.view(np.ndarray).reshape(-1).view(np.uint8).fill(0x55)


@pytest.mark.parametrize("trace", ["none", "summary"])
@pytest.mark.parametrize("changes", CLUSTERS.values(), ids=CLUSTERS)
def test_a_run_on_arrays_that_others_have_left_is_like_one_on_arrays_of_its_own(
    changes: dict[str, Any], trace: str
) -> None:
    stage = stage_of(trace, **changes)

    for policies in [*TRIED, *reversed(TRIED)]:
        prepared = run_on(stage, policies)
        simulation = Simulation.on(stage, prepared).run()
        plain = Simulation(stage.requests, prepared, seed=3, trace=trace).run()

        assert_same(outcome(simulation), outcome(plain))
        if trace != "none":
            assert simulation.state.trace.counters.tolist() == plain.state.trace.counters.tolist()
        spoil(simulation)
        simulation.leave()


def test_a_run_that_was_broken_off_leaves_nothing_behind() -> None:
    stage = stage_of()
    prepared = run_on(stage, TRIED[1])
    broken = Simulation.on(stage, prepared)
    broken.stop_at_routing(20)
    broken.advance(1_500)
    broken.leave()

    assert_same(
        outcome(Simulation.on(stage, prepared).run()), outcome(Simulation(stage.requests, prepared, seed=3).run())
    )


def test_runs_at_the_same_time_have_arrays_of_their_own() -> None:
    stage = stage_of()
    prepared = run_on(stage, TRIED[2])
    Simulation.on(stage, prepared).run().leave()
    one, other = Simulation.on(stage, prepared), Simulation.on(stage, prepared)
    one.advance(2_000)

    other.run()

    assert_same(outcome(one.run()), outcome(other))


def test_a_later_run_finds_the_room_to_which_an_earlier_one_has_grown() -> None:
    stage = stage_of()
    first = Simulation.on(stage, run_on(stage, {})).run()
    state = first.state
    first.leave()

    again = Simulation.on(stage, run_on(stage, {}))

    assert again.state is state
    assert again.clock_us == 0


def test_a_run_is_over_when_nothing_will_happen_any_more() -> None:
    stage = stage_of()
    simulation = Simulation.on(stage, run_on(stage, {}))
    assert not simulation.is_over

    simulation.advance(3_000)
    assert not simulation.is_over
    simulation.run()

    assert simulation.is_over
