"""What an order promises holds for every workload: deadlines, fair shares, and predictions that know no truth."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.cluster.instances import Cluster, Instance
from blis.cluster.latency import affine
from blis.foundation.semantics import semantics
from blis.foundation.slo_targets import SloTargets
from blis.prepare import bind_run
from blis.simulate import Simulation
from blis.workload.labels import Labels
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import Requests
from blis.workload.table import requests_of

BLOCK, BLOCKS = 4, 200
LATENCY = affine.prepare(affine.Params(alpha_us=(50.0, 1.5, 7.0), beta_us=(100.0, 10.0, 5.0)), None, None, 1)
CLASSES = ("critical", "standard", "batch")
TARGETS = SloTargets.from_mapping(
    "slo", {"critical": {"ttft_ms": 1}, "standard": {"ttft_ms": 5}, "batch": {"e2e_ms": 40}}
)
DUE_US = np.array([1_000, 5_000, 40_000])


def one_instance(**changes: Any) -> Cluster:
    limits = {"kv_blocks": BLOCKS, "max_running_requests": 3, "step_token_budget": 64} | changes
    return Cluster((Instance(latency=LATENCY, **limits),), "affine", BLOCK)


def some_requests(seed: int, count: int, span_us: int = 4_000, **columns: Any) -> Requests:
    draw = np.random.default_rng(seed)
    prompt, output = draw.integers(1, 40, count), draw.integers(1, 30, count)
    output = columns.pop("output_tokens", output)
    return requests_of(
        arrival_us=np.sort(draw.integers(0, span_us, count)),
        input_tokens=prompt,
        output_tokens=output,
        keys=keys_of_groups(prompt, output, np.full(count, -1), np.zeros(count, int), BLOCK),
        block_size_tokens=BLOCK,
        slo_class=Labels(draw.integers(0, 3, count).astype(np.int32), CLASSES),
        tenant=columns.pop("tenant", Labels(draw.integers(0, 2, count).astype(np.int32), ("north", "south"))),
    )


def of_order(scheduling: Any, priority: Any = "constant", rules: str = "corrected") -> dict[str, Any]:
    return {
        "policies": {"scheduling": scheduling, "priority": priority}, "semantics": semantics(rules), "slo": TARGETS,
    }  # fmt: skip


@pytest.mark.parametrize("rules", ["corrected", "vllm-0.32"])
@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000))
def test_nobody_is_taken_before_one_who_waits_and_is_due_earlier(rules: str, seed: int) -> None:
    requests = some_requests(seed, 60)
    run = Simulation(requests, bind_run(one_instance(), **of_order("priority-fcfs", "edf", rules))).run()

    state = run.state.requests
    due_us = requests.arrival_us + DUE_US[requests.slo_class]
    taken_us, queued_us = state.scheduled_us, state.queued_us
    waits = (queued_us[:, None] <= taken_us[None, :]) & (taken_us[:, None] > taken_us[None, :])
    assert run.state.instances.preemptions.sum() == 0
    assert not (waits & (due_us[:, None] < due_us[None, :])).any()


def service(run: Simulation) -> Any:
    """(tenants,) prompt tokens taken plus twice the tokens written so far, between two steps."""
    state, table = run.state, run.workload.table
    own = state.learned.tenants
    got = own.input_tokens + 2.0 * own.written_tokens
    number = int(state.instances.step_number[0]) + 1
    for request in state.batches.members[0, : state.instances.running_requests[0]].tolist():
        text = int(state.requests.text_tokens[request])
        if state.requests.stored_tokens[request] >= text:
            got[table.tenant[request]] += 2.0 * (number + int(state.requests.decode_base[request]) + 1 - text)
    return got


def backlogged(seed: int, scheduling: Any) -> tuple[float, float]:
    """The largest difference of service over any time in which two tenants both have requests waiting; its bound."""
    large = np.random.default_rng(seed).random(120) < 0.8
    requests = some_requests(seed, 120, 200, tenant=Labels((~large).astype(np.int32), ("large", "small")))
    run = Simulation(requests, bind_run(one_instance(), {"scheduling": scheduling}))
    leads = []
    for until_us in range(500, 200_000, 250):
        run.advance(until_us)
        if (run.state.learned.tenants.queued_requests == 0).any():
            break
        got = service(run)
        leads.append(got[0] - got[1])
    longest, memory = int(requests.input_tokens.max()), BLOCK * BLOCKS
    return max(leads) - min(leads), 2 * max(1.0 * longest, 2.0 * memory)


@pytest.mark.parametrize("seed", range(5))
def test_two_tenants_that_both_wait_differ_by_a_bounded_service(seed: int) -> None:
    apart, bound = backlogged(seed, "vtc")
    in_turn, _ = backlogged(seed, {"policy": "las", "input_weight": 0.0, "output_weight": 0.0})  # by age alone

    assert 0 < apart <= bound
    assert apart <= 2 * 3 * (40 + 2 * 30)  # three run at a time: the lead is of no more than they can have
    assert in_turn > 2 * apart


def test_what_tenants_got_is_what_their_requests_had() -> None:
    requests = some_requests(3, 80)
    run = Simulation(requests, bind_run(one_instance(kv_blocks=30), **of_order("vtc"))).run()

    own = run.state.learned.tenants
    for tenant in range(2):
        is_own = requests.tenant == tenant
        assert own.input_tokens[tenant] == requests.input_tokens[is_own].sum()
        assert own.written_tokens[tenant] == requests.output_tokens[is_own].sum()
    assert run.state.instances.preemptions.sum() > 0
    assert own.queued_requests.tolist() == [0, 0]


def test_a_tenant_that_comes_back_gets_no_more_than_those_who_stayed() -> None:
    count = 60
    # south sends alone; north, which has had one request, comes back while south's queue is long
    tenant = np.r_[0, np.ones(39, int), np.zeros(20, int)].astype(np.int32)
    arrival_us = np.r_[0, np.full(39, 10_000), np.full(20, 30_000)].astype(np.int64)
    size = np.full(count, 20)
    requests = requests_of(
        arrival_us=arrival_us, input_tokens=size, output_tokens=size.copy(), block_size_tokens=BLOCK,
        keys=keys_of_groups(size, size, np.full(count, -1), np.zeros(count, int), BLOCK),
        tenant=Labels(tenant, ("north", "south")),
    )  # fmt: skip
    taken: dict[str, list[str]] = {}
    for scheduling in ("vtc", "las"):
        policy = {"policy": scheduling} | ({"ageing_tokens_per_s": 0.0} if scheduling == "las" else {})
        run = Simulation(requests, bind_run(one_instance(max_running_requests=1), **of_order(policy))).run()
        order = np.argsort(run.state.requests.scheduled_us, kind="stable")
        later = [one for one in order.tolist() if run.state.requests.scheduled_us[one] >= 31_000]
        taken[scheduling] = [("north", "south")[tenant[one]] for one in later[:6]]

    assert taken["vtc"].count("north") == 3  # in turn from now on
    assert taken["las"] == ["north"] * 6  # until it has caught up


@pytest.mark.parametrize("scheduling", ["predicted-sjf", "vtc", "las", "mlfq"])
@pytest.mark.parametrize("rules", ["corrected", "vllm-0.32"])
@settings(max_examples=10, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000))
def test_no_decision_knows_how_long_an_answer_will_be_before_it_is(scheduling: str, rules: str, seed: int) -> None:
    draw = np.random.default_rng(seed)
    output = draw.integers(2, 30, 60)
    cluster = one_instance(max_running_requests=2)
    plain = Simulation(
        some_requests(seed, 60, output_tokens=output), bind_run(cluster, **of_order(scheduling, rules=rules))
    )
    plain_state = plain.run().state.requests
    changed = int(draw.integers(10, 60))

    longer = output.copy()
    longer[changed] += 25
    other = Simulation(
        some_requests(seed, 60, output_tokens=longer), bind_run(cluster, **of_order(scheduling, rules=rules))
    )
    other_state = other.run().state.requests

    # until its first token nothing that happens can tell the two apart
    until_us = plain_state.first_token_us[changed]
    before = plain_state.scheduled_us < until_us - 7
    assert other_state.first_token_us[changed] == until_us
    np.testing.assert_array_equal(plain_state.scheduled_us[before], other_state.scheduled_us[before])


def test_what_is_expected_of_an_answer_is_what_others_of_its_kind_have_written() -> None:
    lengths = {"north": 4, "south": 16}
    tenant = np.tile([0, 1], 40).astype(np.int32)
    output = np.array([lengths[("north", "south")[one]] for one in tenant])
    size = np.full(80, 8)
    requests = requests_of(
        arrival_us=np.arange(80) * 2_000, input_tokens=size, output_tokens=output, block_size_tokens=BLOCK,
        keys=keys_of_groups(size, output, np.full(80, -1), np.zeros(80, int), BLOCK),
        tenant=Labels(tenant, ("north", "south")),
    )  # fmt: skip
    seen = []

    def route(view: Any, request: Any, params: Any, memory: Any, scores: Any) -> int:
        seen.append(float(request.expected_output_tokens))
        return int(request.request // 2 % 2)

    cluster = Cluster(one_instance().instances * 2, "affine", BLOCK)
    Simulation(requests, bind_run(cluster, {"routing": route})).run()

    assert seen[0] == 0.0  # nobody has completed
    assert set(seen[20::2]) == {4.0}
    assert set(seen[21::2]) == {16.0}
