"""What encoding takes, with the prompt and apart from it; times worked out by hand."""

import numpy as np
import pytest

from blis.cluster.disaggregation import Disaggregation
from blis.cluster.encoder import Encoder
from blis.engine.codes import AWAITING_EMBEDDINGS, COMPLETED, ENCODING
from blis.engine.laws import check_conservation, check_laws
from tests.disaggregation.small_pools import run, simulation
from tests.encoding.small_encoders import APART, cluster, computer, encoder, requests

STEP_US = 1000
#: 500 + 10 x 400.
PASS_US = 4500
#: 400 tokens x 8,192 bytes over 25,000 bytes/µs are 131.072 µs, and 50.
MOVE_US = 182


def test_a_prompts_pictures_are_encoded_in_the_step_that_computes_it() -> None:
    done = run(requests([0]), cluster(computer()), {})

    assert done.requests.ttft_us.tolist() == [PASS_US + STEP_US]
    assert done.requests.e2e_us.tolist() == [PASS_US + 5 * STEP_US]
    assert done.encoding is not None
    assert (done.encoding.passes.tolist(), done.encoding.tokens.tolist()) == ([1], [400])
    assert done.encoding.encoding_us.tolist() == [PASS_US]


def test_each_chunk_of_a_prompt_encodes_its_part() -> None:
    # Two chunks of 500 tokens, 200 of which are pictures.
    done = run(requests([0]), cluster(computer(step_token_budget=500)), {})

    assert done.requests.ttft_us.tolist() == [2 * (500 + 2000 + STEP_US)]
    assert done.encoding is not None
    assert (done.encoding.passes.tolist(), done.encoding.tokens.tolist()) == ([2], [400])


def test_a_step_that_encodes_keeps_decodes_waiting() -> None:
    done = run(requests([0, 1500], image_tokens=[0, 400]), cluster(computer()), {})

    assert done.requests.ttft_us.tolist()[0] == STEP_US
    assert done.requests.e2e_us.tolist()[0] == 5 * STEP_US + PASS_US


def test_what_the_cache_holds_is_not_encoded_again() -> None:
    # 480 of 1000 tokens are found: 192 of the 400 tokens of pictures lie in them.
    done = run(requests([0, 50_000], group=[0, 0], shared_tokens=480), cluster(computer()), {})

    assert done.requests.ttft_us.tolist() == [PASS_US + STEP_US, 500 + 10 * (400 - 192) + STEP_US]


def test_text_is_not_encoded() -> None:
    done = run(requests([0], image_tokens=0), cluster(computer(), encoder()), APART)

    assert done.requests.ttft_us.tolist() == [STEP_US]
    assert done.encoding is None


def test_a_lone_request_waits_for_the_pass_the_transfer_and_its_prompt() -> None:
    done = run(requests([0]), cluster(computer(), encoder()), APART)

    assert done.requests.ttft_us.tolist() == [PASS_US + MOVE_US + STEP_US]
    assert done.requests.e2e_us.tolist() == [PASS_US + MOVE_US + 5 * STEP_US]
    assert done.requests.instance.tolist() == [0]
    assert done.encoding is not None
    assert done.encoding.encode_instance.tolist() == [1]
    assert (done.encoding.sent_us.tolist(), done.encoding.started_us.tolist()) == ([0], [0])
    assert (done.encoding.encoded_us.tolist(), done.encoding.arrives_us.tolist()) == ([PASS_US], [PASS_US + MOVE_US])
    assert done.encoding.passes.tolist() == [0, 1]


def test_encode_prefill_and_decode_on_three_instances() -> None:
    # 63 blocks of KV take 5335 µs, see tests/disaggregation.
    three = cluster(computer("prefill"), computer("decode"), encoder(), divided=Disaggregation())

    done = run(requests([0]), three, APART | {"disaggregation": "always"})

    assert done.requests.ttft_us.tolist() == [PASS_US + MOVE_US + STEP_US + 5335 + STEP_US]
    assert done.transfers is not None
    assert done.transfers.prefill_instance.tolist() == [0]
    assert done.requests.instance.tolist() == [1]


def test_who_waits_is_encoded_together_as_far_as_the_budget_goes() -> None:
    # The second and third wait for the first; 800 tokens of pictures fit into a pass of 1000, 1200 do not.
    done = run(requests([0, 1, 2, 3]), cluster(computer(), encoder(step_token_budget=1000)), APART)

    assert done.encoding is not None
    both_us = 500 + 10 * 800
    assert done.encoding.started_us.tolist() == [0, PASS_US, PASS_US, PASS_US + both_us]
    assert done.encoding.encoded_us.tolist()[1:3] == [PASS_US + both_us] * 2
    assert done.encoding.passes.tolist() == [0, 3]


def test_a_request_larger_than_the_budget_is_encoded_alone() -> None:
    done = run(requests([0, 0]), cluster(computer(), encoder(step_token_budget=300)), APART)

    assert done.encoding is not None
    assert done.encoding.encoded_us.tolist() == [PASS_US, 2 * PASS_US]


@pytest.mark.parametrize(("contention", "second_us"), [("fair-share", 313), ("none", MOVE_US)])
def test_two_transfers_at_once_share_the_bandwidth(contention: str, second_us: int) -> None:
    # The first begins a pass at once, so the second and the third are encoded together.
    arriving = requests([0, 1, 1])
    done = run(arriving, cluster(computer(), encoder(), costs=Encoder(contention=contention)), APART)

    assert done.encoding is not None
    moved_us = (done.encoding.arrives_us - done.encoding.encoded_us).tolist()
    assert moved_us == [MOVE_US, MOVE_US, second_us]  # 50 + 2 x 131.072
    assert done.encoding.depth.tolist() == [1, 1, 2]
    assert (done.encoding.depth_sum, done.encoding.depth_peak) == (4, 2)


def test_several_encoders_share_what_comes() -> None:
    done = run(requests([0, 0]), cluster(computer(), encoder(), encoder()), APART)

    assert done.encoding is not None
    assert sorted(done.encoding.encode_instance.tolist()) == [1, 2]
    assert done.encoding.encoded_us.tolist() == [PASS_US, PASS_US]


def test_a_request_is_somewhere_at_all_times() -> None:
    started = simulation(requests([0, 100, 200]), cluster(computer(), encoder()), APART)
    seen = set()
    for until_us in range(0, 20_000, 90):
        started.advance(until_us)
        check_conservation(started.state)
        check_laws(started.workload, started.prepared.limits, started.state)
        seen |= set(started.state.requests.status.tolist())

    assert {ENCODING, AWAITING_EMBEDDINGS, COMPLETED} <= seen
    assert started.is_over


def test_text_beside_encoders_gives_what_it_gives_without() -> None:
    rng = np.random.default_rng(1)
    arrivals = np.sort(rng.integers(0, 60_000, 40)).tolist()
    text = requests(arrivals, image_tokens=0, input_tokens=rng.integers(1, 2000, 40).tolist())

    alone = run(text, cluster(computer(), computer()), {"routing": "least-loaded"})
    beside = run(text, cluster(computer(), computer(), encoder()), APART)

    assert np.array_equal(alone.requests.ttft_us, beside.requests.ttft_us)
    assert np.array_equal(alone.requests.e2e_us, beside.requests.e2e_us)
    assert np.array_equal(alone.requests.instance, beside.requests.instance)
