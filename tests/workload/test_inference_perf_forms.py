"""The forms of inference-perf's configurations besides constant lengths of shared prefixes."""

import numpy as np
import pytest
import yaml

from blis.foundation.errors import ConfigError
from blis.workload.inference_perf.lengths import spread_from
from blis.workload.kinds.inference_perf import Params, generate

STAGES = [{"rate": 10, "duration": 10}]
NAMES = {"num_unique_system_prompts": 2, "num_users_per_system_prompt": 3}


@pytest.fixture
def load(file):
    def read(data, load=(), document=(), **options):
        load = {"type": "constant", "stages": STAGES, **dict(load)}
        path = file("c.yml", yaml.safe_dump({"data": data, "load": load, **dict(document)}))
        return generate(Params.from_mapping("workload", {"path": path, **options}), 1, 16)

    return read


def test_both_names_of_groups_and_prompts_are_understood_but_not_together(load):
    lengths = {"system_prompt_len": 64, "question_len": 20, "output_len": 8}
    older = {"num_groups": 2, "num_prompts_per_group": 3}
    new = load({"type": "shared_prefix", "shared_prefix": {**NAMES, **lengths}})

    old = load({"type": "shared_prefix", "shared_prefix": {**older, **lengths}})
    assert new.keys.tolist() == old.keys.tolist()
    with pytest.raises(ConfigError, match="must have at most one of num_groups and num_unique_system_prompts"):
        load({"type": "shared_prefix", "shared_prefix": {**NAMES, "num_groups": 2}})


@pytest.mark.parametrize("kind", ["random", "synthetic"])
def test_lengths_are_drawn_within_their_bounds(load, kind, assert_lawful):
    lengths = {"min": 10, "max": 60, "mean": 50, "std": 10, "total_count": 100}
    outputs = {"min": 5, "max": 8, "mean": 7, "std_dev": 1}
    requests = load(
        {"type": kind, "input_distribution": lengths, "output_distribution": outputs}, document={"api": "chat"}
    )

    assert_lawful(requests)
    assert len(requests) == 100
    assert (requests.input_tokens.min() >= 10, requests.input_tokens.max()) == (True, 60)
    assert set(requests.output_tokens.tolist()) <= {5, 6, 7, 8}
    assert len(requests.keys) == 0


@pytest.mark.parametrize(
    ("form", "mean", "deviation"),
    [
        ({"type": "normal", "mean": 500, "std_dev": 50}, 500, 50),
        ({"type": "normal", "mean": 500, "variance": 2500}, 500, 50),
        ({"distribution": "skew_normal", "mean": 500, "std_dev": 50, "skew": 4}, 500, 50),
        ({"type": "lognormal", "mean": 500, "std_dev": 50}, 500, 50),
        ({"type": "uniform", "min": 400, "max": 600}, 500, 200 / 12**0.5),
        ({"type": "poisson", "mean": 500}, 500, 500**0.5),
        ({"type": "fixed", "mean": 500}, 500, 0),
        (500, 500, 0),
    ],
)
def test_distributions_have_their_mean_and_deviation(form, mean, deviation):
    lengths = spread_from("where", form).draw(np.random.default_rng(3), 20_000)

    assert lengths.mean() == pytest.approx(mean, rel=0.01)
    assert lengths.std() == pytest.approx(deviation, rel=0.05, abs=0.4)


def test_a_skewed_distribution_leans_to_the_right():
    lengths = spread_from("where", {"type": "skew_normal", "mean": 500, "std_dev": 50, "skew": 8})

    drawn = lengths.draw(np.random.default_rng(3), 20_000)
    assert ((drawn - drawn.mean()) ** 3).mean() / drawn.std() ** 3 > 0.7


def test_a_chat_goes_on_with_the_conversation_of_its_user(load, assert_lawful):
    prefix = {**NAMES, "system_prompt_len": 64, "question_len": 16, "output_len": 16, "enable_multi_turn_chat": True}
    requests = load({"type": "shared_prefix", "shared_prefix": prefix}, {"stages": [{"rate": 12, "duration": 1}]})

    assert_lawful(requests)
    assert requests.input_tokens.tolist() == [80] * 6 + [112] * 6
    assert requests.round.tolist() == [0] * 6 + [1] * 6
    assert requests.session.tolist() == [*range(6)] * 2
    assert np.diff(requests.key_offsets).tolist() == [6] * 12  # the first prompt of a user with its answer


def test_users_send_their_next_request_when_the_answer_is_there(load, assert_lawful):
    stages = [{"num_requests": 5, "concurrency_level": 2}, {"num_requests": 3, "concurrency_level": 1}]
    requests = load({"type": "random"}, {"type": "concurrent", "stages": stages, "interval": 3})

    assert_lawful(requests)
    assert requests.after.tolist() == [-1, -1, 0, 1, 2, 4, 5, 6]
    assert requests.think_us.tolist() == [0, 0, 0, 0, 0, 3_000_000, 0, 0]
    with pytest.raises(ConfigError, match=r"workload.rate has no meaning, since the load is a number of users"):
        load({"type": "random"}, {"type": "concurrent", "stages": stages}, rate=3)


def test_a_sweep_needs_a_rate_and_is_then_one_stage(load):
    sweep = {"stages": None, "sweep": {"type": "geometric", "num_stages": 10, "stage_duration": 60}}

    assert len(load({"type": "random"}, sweep, rate=2)) == 120
    with pytest.raises(ConfigError, match=r"load.sweep looks for rates on a server"):
        load({"type": "random"}, sweep)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"type": "shareGPT"}, "data.type 'shareGPT' needs texts that are not in the file: use workload=sharegpt"),
        ({"type": "mock"}, "data.type: no choice named 'mock'. Choices: random, shared_prefix, synthetic."),
        ({}, "data: key 'type' is required."),
        ({"type": "random", "input_distribution": {"mean": -1}}, "input_distribution.mean must be a finite number in"),
        ({"type": "random", "input_distribution": {"std": 1, "variance": 1}}, "one of std_dev, std and variance"),
        (
            {"type": "random", "input_distribution": {"min": 5, "max": 4}},
            "input_distribution.max must be an int in [5,",
        ),
        (
            {"type": "random", "input_distribution": {"type": "gamma"}},
            "input_distribution.type: no choice named 'gamma'",
        ),
    ],
)
def test_wrong_data_is_refused(load, data, message):
    with pytest.raises(ConfigError) as error:
        load(data)
    assert message in str(error.value)
