"""What a transfer takes, and what a divided request feels of it; numbers from inference-sim's worked example."""

from dataclasses import replace

import numpy as np
import pytest

from blis.cluster.disaggregation import Disaggregation
from blis.engine.codes import AWAITING_KV, AWAITING_TRANSFER, COMPLETED, DROPPED, RUNNING
from blis.foundation.semantics import semantics
from tests.disaggregation.small_pools import ALWAYS, BLOCK, cluster, instance, requests, run, simulation

#: 1000 tokens are 63 blocks: 63 x 16 x 131,072 bytes over 25,000 bytes/µs, and 50 µs.
TRANSFER_US = 5335
STEP_US = 1000
TWO = (instance("prefill"), instance("decode"))


def test_a_lone_request_waits_for_its_prompt_the_transfer_and_one_step() -> None:
    done = run(requests([0]), cluster(*TWO, divided=Disaggregation()))

    assert done.requests.ttft_us.tolist() == [STEP_US + TRANSFER_US + STEP_US]
    assert done.requests.e2e_us.tolist() == [STEP_US + TRANSFER_US + 5 * STEP_US]
    assert done.requests.instance.tolist() == [1]
    assert done.transfers is not None
    assert done.transfers.prefilled_us.tolist() == [STEP_US]
    assert (done.transfers.arrives_us - done.transfers.started_us).tolist() == [TRANSFER_US]
    assert done.transfers.sent_blocks.tolist() == [63]


@pytest.mark.parametrize(("contention", "second_us"), [("fair-share", 10_620), ("none", TRANSFER_US)])
def test_two_transfers_at_once_share_the_bandwidth(contention: str, second_us: int) -> None:
    # Both prompts fit into one step, so both transfers start at its end; the first has begun when the second starts.
    done = run(requests([0, 0]), cluster(*TWO, divided=Disaggregation(contention=contention)))

    assert done.transfers is not None
    assert (done.transfers.arrives_us - done.transfers.started_us).tolist() == [TRANSFER_US, second_us]
    assert done.transfers.depth.tolist() == [1, 2]
    assert (done.transfers.depth_peak, done.transfers.depth_sum) == (2, 3)


def test_a_transfer_takes_a_microsecond_at_least() -> None:
    fast = Disaggregation(bandwidth_gb_per_s=1e6, base_latency_us=0)

    done = run(requests([0], input_tokens=16), cluster(*TWO, divided=fast))

    assert done.transfers is not None
    assert (done.transfers.arrives_us - done.transfers.started_us).tolist() == [1]  # 2,097,152 bytes at 10^9 bytes/µs


def test_layers_are_sent_while_the_next_are_computed() -> None:
    # 5284.8 µs of moving; the prompt took one step of 1000 µs, so 4284.8 are left, and 50.
    done = run(requests([0]), cluster(*TWO, divided=Disaggregation(overlap="layer-wise")))

    assert done.transfers is not None
    assert (done.transfers.arrives_us - done.transfers.started_us).tolist() == [4335]


def test_one_layer_is_left_however_long_the_prompt_took() -> None:
    # 63 steps of 16 tokens hide all but the last layer: 5284.8 / 32 + 50.
    slow = instance("prefill", step_token_budget=16)

    done = run(requests([0]), cluster(slow, TWO[1], divided=Disaggregation(overlap="layer-wise")))

    assert done.transfers is not None
    assert (done.transfers.arrives_us - done.transfers.started_us).tolist() == [216]


def test_what_the_decode_instance_has_is_not_sent() -> None:
    # The first leaves 62 full blocks of its prompt where it was decoded; 48 tokens of both prompts are the same.
    arriving = requests([0, 50_000], group=[0, 0], shared_tokens=480)

    done = run(arriving, cluster(*TWO, divided=Disaggregation()))

    assert done.transfers is not None
    assert done.transfers.sent_blocks.tolist() == [63, 63 - 30]


def test_kv_stays_where_it_was_computed_until_it_has_arrived() -> None:
    started = simulation(requests([0]), cluster(*TWO, divided=Disaggregation()))

    used, states = [], []
    for until_us in (STEP_US, STEP_US + 2, STEP_US + TRANSFER_US, STEP_US + TRANSFER_US + 1):
        started.advance(until_us)
        used.append(started.state.instances.used_blocks.tolist())
        states.append(int(started.state.requests.status[0]))

    assert used == [[63, 0], [63, 63], [63, 63], [0, 63]]
    assert states == [AWAITING_TRANSFER, AWAITING_KV, AWAITING_KV, RUNNING]


def test_a_horizon_finds_a_request_in_the_middle_of_its_transfer() -> None:
    done = run(requests([0]), cluster(*TWO, divided=Disaggregation()), horizon_us=3000)

    assert done.requests.status.tolist() == [AWAITING_KV]
    assert done.instances.completed_requests.tolist() == [0, 0]


def test_who_finds_no_room_waits_for_it() -> None:
    # 70 blocks hold one prompt and its five tokens: the second is reserved when the first has completed.
    small = replace(TWO[1], kv_blocks=70)

    done = run(requests([0, 0]), cluster(TWO[0], small, divided=Disaggregation(contention="none")))

    assert done.transfers is not None
    assert done.requests.status.tolist() == [COMPLETED, COMPLETED]
    # The last of the first one's five steps is composed at 1000 + 5335 + 4 x 1000; its blocks are free from then on.
    assert done.transfers.started_us.tolist() == [STEP_US, STEP_US + TRANSFER_US + 4 * STEP_US + 1]
    assert done.transfers.n_returns == 0


def test_whom_the_decode_instance_can_never_hold_is_dropped_and_counted() -> None:
    small = replace(TWO[1], kv_blocks=40)

    done = run(requests([0, 0], input_tokens=[1000, 100]), cluster(TWO[0], small, divided=Disaggregation()))

    assert done.requests.status.tolist() == [DROPPED, COMPLETED]
    assert done.instances.dropped_requests.tolist() == [0, 1]


def test_whom_the_prefill_instance_can_never_hold_is_dropped_and_counted() -> None:
    small = replace(TWO[0], kv_blocks=40)

    started = simulation(requests([0, 0], input_tokens=[1000, 100]), cluster(small, TWO[1], divided=Disaggregation()))

    assert started.run().state.requests.status.tolist() == [DROPPED, COMPLETED]
    assert started.state.instances.promised_requests.tolist() == [0, 0]


def test_instances_that_wait_for_each_others_room_do_not_wait_for_ever() -> None:
    # Each holds the prompt that the other is to decode, and has no room for it: one goes back, undivided.
    pair = (instance(kv_blocks=70), instance(kv_blocks=70))

    policies = ALWAYS | {"routing": "round-robin"}

    done = run(requests([0, 0]), cluster(*pair, divided=Disaggregation()), policies)

    assert done.transfers is not None
    assert done.requests.status.tolist() == [COMPLETED, COMPLETED]
    assert done.transfers.n_returns == 1
    assert done.n_rerouted == 1


def test_the_decode_instance_may_be_chosen_when_the_prompt_is_done() -> None:
    # At 0 the first decode instance is as good as the second. When the prompt is done it has two requests of its own.
    pools = (instance("prefill", latency=TWO[0].latency), instance("decode"), instance("decode"))
    arriving = requests([0, 100, 100], input_tokens=[1000, 16, 16], output_tokens=[5, 50, 50])
    policies = ALWAYS | {"disaggregation": {"policy": "prefix-threshold", "tokens": 500}, "routing": "round-robin"}

    early = run(arriving, cluster(*pools, divided=Disaggregation()), policies)
    late = run(arriving, cluster(*pools, divided=Disaggregation(decode_first=False)), policies)

    # Turns: 1 for the first, 2 and 1 for the others; chosen again it is the next one's.
    assert early.requests.instance.tolist() == [1, 2, 1]
    assert late.requests.instance.tolist() == [2, 2, 1]


@pytest.mark.parametrize("preset", ["corrected", "vllm-0.32"])
def test_a_decode_costs_no_prompt_on_the_decode_instance(preset: str) -> None:
    arriving = requests(list(range(0, 40_000, 4000)), output_tokens=20)

    done = run(arriving, cluster(*TWO, divided=Disaggregation()), semantics=semantics(preset), record_steps=True)

    assert (done.requests.status == COMPLETED).all()
    assert done.instances.input_tokens.tolist() == [10 * 1000, 0]
    assert done.instances.received_requests.tolist() == [0, 10]
    assert done.instances.handed_over_requests.tolist() == [10, 0]
    assert done.interval_us.max() == STEP_US  # no decode ever waits for a prompt


def test_same_seed_same_bytes() -> None:
    arriving = requests(list(range(0, 30_000, 700)), output_tokens=20, input_tokens=300)
    made = cluster(*TWO, instance("decode"), divided=Disaggregation())

    one, other = (run(arriving, made) for _ in range(2))

    for name in one.requests.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(one.requests, name), getattr(other.requests, name))
    assert BLOCK == 16
