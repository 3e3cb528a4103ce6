"""Multimodal prompts, flags and networks of a specification, as columns of its requests."""

import numpy as np
import pytest

from blis.workload.kinds.spec import Params, generate
from blis.workload.network import Network

CLIENT = {
    "id": "c",
    "rate_fraction": 1,
    "arrival": {"process": "poisson"},
    "output_distribution": {"type": "constant", "params": {"value": 3}},
}
PHOTOS = {
    "text_distribution": {"type": "exponential", "params": {"mean": 50}},
    "image_count_distribution": {"type": "empirical", "params": {0: 0.5, 2: 0.5}},
    "image_distribution": {"type": "gaussian", "params": {"mean": 1000, "std_dev": 100}},
}
TEXT = {"input_distribution": {"type": "constant", "params": {"value": 10}}}


def requests_of(*clients, seed=1, n=2000):
    document = {"aggregate_rate": 10.0, "num_requests": n, "clients": [{**CLIENT, **client} for client in clients]}
    return generate(Params.from_mapping("workload", {"spec": document}), seed, 16)


def test_modalities_add_up_to_the_prompt(assert_lawful):
    video = {"video_count_distribution": {"type": "constant", "params": {"value": 1}}, "video_distribution": 70}
    requests = requests_of({"multimodal": {**PHOTOS, **video}, "prefix_groups": [{"name": "p", "tokens": 32}]})

    assert_lawful(requests)
    assert set(requests.video_tokens.tolist()) == {70}
    assert requests.audio_tokens.sum() == 0
    assert (requests.text_tokens >= 33).all()  # the prefix, and at least one token
    total = requests.text_tokens + requests.image_tokens + requests.audio_tokens + requests.video_tokens
    assert total.tolist() == requests.input_tokens.tolist()


def test_images_are_as_many_as_drawn_and_each_of_its_own_length():
    image_tokens = requests_of({"multimodal": PHOTOS}, n=20_000).image_tokens

    with_images = image_tokens[image_tokens > 0]
    assert len(with_images) / 20_000 == pytest.approx(0.5, abs=0.015)
    assert with_images.mean() == pytest.approx(2000, rel=0.005)
    assert with_images.std() == pytest.approx(100 * 2**0.5, rel=0.03)  # a sum of two


def test_an_empty_prompt_has_one_token():
    nothing = {"image_count_distribution": 0, "image_distribution": 100}
    requests = requests_of({"multimodal": nothing})

    assert set(requests.input_tokens.tolist()) == {1}


def test_more_requests_do_not_change_the_first_prompts():
    small, large = requests_of({"multimodal": PHOTOS}, n=20), requests_of({"multimodal": PHOTOS}, n=2000)

    assert small.input_tokens.tolist() == large.input_tokens[:20].tolist()
    assert small.image_tokens.tolist() == large.image_tokens[:20].tolist()


def test_images_of_earlier_turns_are_part_of_the_context():
    one_image = {"text_distribution": 5, "image_count_distribution": 1, "image_distribution": 100}
    requests = requests_of({"multimodal": one_image, "sessions": {"rounds": 3, "think_time_ms": 10}})

    rows = requests.session == 0
    assert requests.image_tokens[rows].tolist() == [100, 100, 100]
    assert requests.input_tokens[rows].tolist() == [105, 213, 321]


def test_an_unused_input_distribution_is_said():
    requests = requests_of({"multimodal": PHOTOS, **TEXT})

    assert requests.notes == ("input_distribution has no effect on multimodal clients: c",)


def test_streaming_clients_and_networks_are_kept():
    slow = {"id": "slow", "network": {"rtt_ms": 2.5, "bandwidth_mbps": 100}, "streaming": True, **TEXT}
    requests = requests_of(slow, {**TEXT})

    assert requests.clients == ("slow", "c")
    assert requests.networks == (Network(2500.0, 100.0), Network(0.0, 0.0))
    assert requests.streaming.tolist() == (requests.client == 0).tolist()
    assert 900 < np.count_nonzero(requests.streaming) < 1100


def test_without_a_network_there_is_no_table_of_them():
    assert requests_of(TEXT).networks == ()
