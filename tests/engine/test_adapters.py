"""Adapters on an instance: who gets a slot, when it is loaded, who is passed over, and what steps cost."""

from typing import Any

import numpy as np
import pytest

from blis.engine.adapter_fields import NOWHERE, ON_GPU, ON_HOST
from blis.prepare import prepare
from blis.scenario import Scenario
from blis.simulate import Simulation
from blis.workload.labels import number_names
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import Requests
from blis.workload.table import requests_of

#: A step takes 100 ms, 10 ms more for a load from the host's memory, and 200 ms more for one from disk before that.
TENTH = {"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": [100_000, 0, 0]}
LORA = {"max_loras": 2, "host_load_ms": 10, "disk_load_ms": 200, "step_us": 0, "adapter_us": 0, "token_us": 0}


def requests(rows: list[tuple[float, str, int]]) -> Requests:
    """Requests by arrival [s], adapter and output tokens, each of a prompt of ten tokens."""
    arrival_s, adapters, outputs = zip(*rows, strict=True)
    prompt, output = np.full(len(rows), 10), np.array(outputs)
    return requests_of(
        arrival_us=np.array([round(at * 1e6) for at in arrival_s]),
        input_tokens=prompt,
        output_tokens=output,
        keys=keys_of_groups(prompt, output, np.full(len(rows), -1), np.zeros(len(rows), np.int64), 16),
        block_size_tokens=16,
        adapter=number_names(adapters, empty_is_none=True),
    )


def scenario(lora: dict[str, Any] | None = LORA, policies: dict[str, Any] | None = None, **cluster: Any) -> Scenario:
    own = {"latency": TENTH, "kv_blocks": 1000, "async_scheduling": False} | cluster
    return Scenario.from_mapping(
        {
            "cluster": own if lora is None else own | {"lora": lora},
            "workload": {"kind": "distribution"},
            "policies": policies or {},
        }
    )


def run(made: Scenario, rows: list[tuple[float, str, int]], **options: Any) -> Simulation:
    return Simulation(requests(rows), prepare(made), **options).run()


def first_tokens_ms(simulation: Simulation) -> list[int]:
    return (simulation.state.requests.first_token_us // 1000).tolist()


def test_a_step_waits_for_the_adapters_that_it_needs_first() -> None:
    simulation = run(scenario(), [(0, "a", 2), (0, "b", 1), (0, "", 1), (0.9, "a", 1)])

    # Both are loaded one after the other, 2 · 210 ms, and the request without one waits with them; later "a" is there.
    assert first_tokens_ms(simulation) == [520, 520, 520, 1000]
    assert simulation.state.requests.finished_us[0] == 620_000
    holder = simulation.state.adapters.holders[0]
    assert (holder.loads, holder.disk_loads, holder.load_us) == (2, 2, 420_000)


def test_a_request_without_a_slot_is_passed_over_while_others_go_on() -> None:
    # Two slots: "c" waits until "b" has gone, and those behind it that need no other slot do not.
    simulation = run(scenario(), [(0, "a", 5), (0, "b", 3), (0, "c", 1), (0, "a", 1), (0, "", 1)])

    # 0.52: the first step with two loads. b ends with the third, at 0.72; then c is loaded in the place of b.
    assert first_tokens_ms(simulation) == [520, 520, 720 + 310, 520, 520]
    adapted = simulation.state.adapters.requests[2]
    assert (adapted.slot_wait_us, adapted.is_shut_out, adapted.load_us) == (720_000, 1, 210_000)
    assert simulation.state.adapters.residents.lies.tolist() == [ON_GPU, NOWHERE, ON_GPU]  # the host held two


def test_who_has_been_out_of_use_longest_leaves_its_slot_first_and_stays_in_the_hosts_memory() -> None:
    rows = [(0, "a", 1), (1, "b", 1), (2, "a", 1), (3, "c", 1), (4, "b", 1), (5, "d", 1)]
    simulation = run(scenario(LORA | {"max_cpu_loras": 3}), rows)

    # c takes b's slot, as a was used since; b comes back from the host's memory in a's place; then d finds the host's
    # memory full, from which a goes, and takes c's slot.
    load_us = simulation.state.adapters.requests.load_us
    assert load_us.tolist() == [210_000, 210_000, -1, 210_000, 10_000, 210_000]
    assert simulation.state.adapters.residents.lies.tolist() == [NOWHERE, ON_GPU, ON_HOST, ON_GPU]


def test_steps_are_longer_by_each_adapter_and_each_token_computed_with_one() -> None:
    costs = {"host_load_ms": 0, "disk_load_ms": 0, "step_us": 5000, "adapter_us": 1000, "token_us": 100}
    simulation = run(scenario(LORA | costs), [(0, "a", 3), (0, "b", 2), (0, "", 4)])

    # 20 tokens and two adapters: 9 ms; then two tokens: 7.2; then one of "a" alone: 6.1; then nothing.
    assert first_tokens_ms(simulation) == [109, 109, 109]
    ends_ms = simulation.state.requests.finished_us / 1000
    assert ends_ms.tolist() == pytest.approx([109 + 107.2 + 106.1, 109 + 107.2, 109 + 107.2 + 106.1 + 100])
    assert simulation.state.adapters.holders.overhead_us[0] == 9_000 + 7_200 + 6_100


@pytest.mark.parametrize("async_scheduling", [False, True])
def test_long_runs_of_decodes_cost_what_single_steps_do(async_scheduling: bool) -> None:
    costs = LORA | {"step_us": 700.5, "adapter_us": 33.3, "token_us": 7.7}
    rows = [(0, "a", 400), (0.05, "b", 300), (0.1, "", 350), (0.2, "c", 20)]
    made = scenario(costs, async_scheduling=async_scheduling)

    at_once, stopped = run(made, rows), Simulation(requests(rows), prepare(made))
    for until_us in range(0, 60_000_000, 150_000):
        stopped.advance(until_us)
    stopped.run()

    assert at_once.state.requests.tobytes() == stopped.state.requests.tobytes()
    assert at_once.state.adapters.holders.tobytes() == stopped.state.adapters.holders.tobytes()


def test_requests_go_only_where_there_are_slots() -> None:
    pools = [{"count": 1}, {"count": 1, "lora": LORA}]
    simulation = run(scenario(None, instances=pools), [(0, "a", 1), (0, "", 1), (0, "b", 1), (0, "", 1)])

    where = simulation.state.requests.instance
    assert where[[0, 2]].tolist() == [1, 1]
    assert simulation.state.requests.status.tolist() == [3] * 4


def test_without_slots_anywhere_adapters_only_tell_prompts_apart() -> None:
    rows = [(0, "a", 3), (0, "b", 3), (0, "c", 3)]

    plain, told_apart = run(scenario(None), [(at, "", n) for at, _, n in rows]), run(scenario(None), rows)

    assert plain.state.requests.tobytes() == told_apart.state.requests.tobytes()
    assert len(told_apart.state.adapters.holders) == 0


def test_slots_that_nobody_asks_for_change_nothing() -> None:
    rows = [(0.1 * place, "", 1 + place % 5) for place in range(20)]

    plain, idle = run(scenario(None), rows), run(scenario(), rows)

    assert plain.state.requests.tobytes() == idle.state.requests.tobytes()
    assert plain.state.instances.tobytes() == idle.state.instances.tobytes()


def test_a_trace_says_that_slots_were_lacking() -> None:
    from blis.engine.codes import STOP_NAMES
    from blis.engine.observation import SAMPLES

    simulation = run(scenario(), [(0, "a", 5), (0, "b", 3), (0, "c", 1)], trace="decisions")

    samples = simulation.state.trace.samples[: simulation.state.trace.counters[SAMPLES]]
    why = [STOP_NAMES[one] for one in samples.stopped_by]
    assert why[:3] == ["adapter slots lacking"] * 3
    assert why[-1] == "queue empty"
