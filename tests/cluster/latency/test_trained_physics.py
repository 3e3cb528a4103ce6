from dataclasses import replace

import numba
import numpy as np
import pytest

from blis.cluster.catalog import read_device, read_model
from blis.cluster.latency import trained_physics
from blis.cluster.latency.trained_physics import BETA, Params, prepare, step_time
from blis.foundation.errors import ConfigError
from tests.cluster.latency.reference_models import read_as_reference
from tests.cluster.latency.traces import TRACES, batch_of, random_batches

SCOUT = "llama-4-scout-17b-16e-instruct-fp8-dynamic"


def prepared(model, device, tensor_parallel, params=None):
    return prepare(params or Params(), read_as_reference(model), read_device(device), tensor_parallel)


def exact_time_us(model, device, tensor_parallel, batch):
    """The time before truncation: weights scaled by 2^39 scale every sum exactly and leave no fraction."""
    params = Params(beta=tuple(value * 2.0**39 for value in BETA))
    return step_time(batch, prepared(model, device, tensor_parallel, params).coefficients) / 2**39


# Step lengths that the reference simulator printed for these traces.
@pytest.mark.parametrize(
    ("model", "device", "tensor_parallel", "trace", "expected_us"),
    [
        ("qwen3-14b", "H100", 1, "A", [12569, 12171, 12171]),
        ("qwen3-14b", "H100", 1, "B", [22035, 22035, 16454, 12637]),
        ("qwen3-14b", "H100", 1, "C", [14667, 21192, 13352, 12447]),
        ("qwen3-14b", "H100", 1, "D", [17308, 12275, 13040, 12275]),
        ("llama-3.1-70b-instruct", "A100-80", 4, "C", [36624, 64402, 30412, 25809]),
        (SCOUT, "H100", 2, "C", [25614, 27494, 25276, 25079]),
        ("mixtral-8x7b-v0.1", "H100", 2, "C", [21301, 24496, 20631, 20165]),
        ("qwen3-30b-a3b", "H100", 1, "C", [26072, 27385, 25865, 25714]),
        ("deepseek-v2-lite", "H100", 1, "C", [14352, 15627, 14229, 14287]),
        ("qwen3-14b", "H100", 1, "E", [19145, 12314, 1, 12314]),
        ("qwen3-14b", "H100", 1, "F", [22035, 22035, 16454, 12637, 22035, 21970, 15206, 12228, 12228]),
    ],
)
def test_steps_of_the_traces_equal_the_reference(model, device, tensor_parallel, trace, expected_us):
    coefficients = prepared(model, device, tensor_parallel).coefficients

    assert [step_time(batch, coefficients) for batch in TRACES[trace]] == expected_us


# Doubles that the reference computed, all digits.
@pytest.mark.parametrize(
    ("model", "device", "tensor_parallel", "trace", "step", "expected_us"),
    [
        ("qwen3-14b", "H100", 1, "A", 0, 12569.751360397142),
        ("qwen3-14b", "H100", 1, "A", 1, 12171.22980394326),
        ("qwen3-14b", "H100", 1, "B", 0, 22035.431230757913),
        ("qwen3-14b", "H100", 1, "C", 1, 21192.873998951298),
        ("llama-3.1-70b-instruct", "A100-80", 4, "C", 1, 64402.39467716257),
        ("mixtral-8x7b-v0.1", "H100", 2, "C", 1, 24496.60396614948),
        (SCOUT, "H100", 2, "C", 1, 27494.941490391044),
    ],
)
def test_times_before_truncation_equal_the_reference_to_the_bit(
    model, device, tensor_parallel, trace, step, expected_us
):
    assert exact_time_us(model, device, tensor_parallel, TRACES[trace][step]) == expected_us


@pytest.mark.parametrize(
    ("model", "device", "tensor_parallel", "reading_us"),
    [
        ("qwen3-14b", "H100", 1, 7887.795582089552),
        ("llama-3.1-70b-instruct", "A100-80", 4, 16785.44415890142),
        ("mixtral-8x7b-v0.1", "H100", 2, 13862.487727761194),
    ],
)
def test_the_weights_are_read_once_a_step(model, device, tensor_parallel, reading_us):
    values = prepared(model, device, tensor_parallel).coefficients

    assert values[trained_physics.WEIGHTS_US] == 1.36252915 * reading_us


def only(place, batch, model, device, tensor_parallel):
    """The time, to 2^-45 µs, when one fitted weight is 1 and the others are 0; a free step gives 2^-45."""
    beta = [0.0] * 11
    beta[place] = 2.0**45
    coefficients = prepared(model, device, tensor_parallel, Params(beta=tuple(beta))).coefficients
    return step_time(batch, coefficients) / 2**45


def test_single_terms_equal_the_reference():
    a, b, c = TRACES["A"], TRACES["B"], TRACES["C"]

    assert only(0, a[0], "qwen3-14b", "H100", 1) == 2682.86965133906
    assert only(8, a[0], "qwen3-14b", "H100", 1) == pytest.approx(4.89, abs=0.005)
    assert only(9, a[1], "qwen3-14b", "H100", 1) == pytest.approx(4.939653731343284, rel=1e-12)
    assert only(0, b[0], "qwen3-14b", "H100", 1) == 64904.6820090955
    assert only(0, c[1], "qwen3-14b", "H100", 1) == 58931.92875270339
    assert only(9, c[1], "qwen3-14b", "H100", 1) == pytest.approx(29.393385074626867, rel=1e-12)
    assert only(0, c[1], "llama-3.1-70b-instruct", "A100-80", 4) == 235378.28365128205
    assert only(3, c[1], "llama-3.1-70b-instruct", "A100-80", 4) == pytest.approx(3949.516272682687, rel=1e-12)
    assert only(3, c[1], "mixtral-8x7b-v0.1", "H100", 2) == pytest.approx(320.51994746268656, rel=1e-12)
    assert only(7, c[1], SCOUT, "H100", 2) == 24
    assert only(7, c[1], "mixtral-8x7b-v0.1", "H100", 2) == 2.0**-45  # not interleaved


def test_time_to_first_token_and_end_to_end_of_a_lone_request():
    model = prepared("qwen3-14b", "H100", 1)
    first_us, *later_us = (step_time(batch, model.coefficients) for batch in TRACES["A"])

    ttft_us = int(model.queueing_us) + first_us + int(model.output_token_us)
    e2e_us = ttft_us + sum(step_us + int(model.output_token_us) for step_us in later_us) + int(model.completion_us)

    assert model.queueing_us_per_token == 0
    assert (ttft_us, e2e_us) == (28177, 53386)


def test_short_lists_take_the_larger_of_compute_and_traffic():
    seven = Params(beta=(1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    nine = Params(beta=(*seven.beta, 0.0, 1.0))
    ten = Params(beta=(*nine.beta, 1.0))
    prompt, decode = TRACES["B"][0], TRACES["B"][3]

    def time_us(params, batch):
        return step_time(batch, prepared("qwen3-14b", "H100", 1, params).coefficients)

    # Prompt: compute 64904.68, KV 100.16. Decode: compute 31.1, KV 244.6.
    assert time_us(seven, prompt) == 64904
    assert time_us(nine, prompt) == 65004
    assert time_us(seven, decode) == time_us(nine, decode) == 244
    assert time_us(ten, decode) == 275


@pytest.mark.parametrize(
    ("model", "device", "tensor_parallel"),
    [("qwen3-14b", "H100", 1), (SCOUT, "H100", 2), ("deepseek-v2-lite", "L40S", 4), ("yi-34b", "A100-80", 8)],
)
def test_compiled_and_plain_step_agree(model, device, tensor_parallel):
    compiled = numba.njit(step_time)
    coefficients = prepared(model, device, tensor_parallel).coefficients

    for batch in random_batches(np.random.default_rng(3), 200):
        expected_us = step_time(batch, coefficients)
        assert compiled(batch, coefficients) == expected_us
        assert expected_us >= 1


def test_a_step_without_members_takes_one_microsecond():
    assert step_time(batch_of(), prepared("qwen3-14b", "H100", 1).coefficients) == 1


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (
            {"alpha_us": [1, 2, 3]},
            "latency: alpha_us and beta must be given together or not at all; got alpha_us alone.",
        ),
        (
            {"beta": [1] * 7},
            "latency: alpha_us and beta must be given together or not at all; got beta alone.",
        ),
        (
            {"alpha_us": [1, 2, 3], "beta": [1, 2]},
            "latency.beta must be a list of 7 to 11 numbers; got [1, 2].",
        ),
        ({"alpha_us": [1], "beta": [1] * 7}, "latency.alpha_us must be a list of 3 numbers; got [1]."),
        (
            {"alpha_us": [1, 2, 3], "beta": [0] * 7},
            "latency.beta must have a value > 0, or every step is free; got [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0].",
        ),
        ({"alpha_us": [1, 2, 3], "beta": [-1] * 7}, "latency.beta[0] must be a finite number ≥ 0; got -1."),
        ({"beta_us": [1]}, "latency: unknown key 'beta_us'; did you mean 'beta'? Keys: alpha_us, beta."),
    ],
)
def test_wrong_parameters_are_refused_in_words(mapping, message):
    with pytest.raises(ConfigError) as caught:
        Params.from_mapping("latency", mapping)

    assert str(caught.value) == message


def test_given_lists_replace_the_fitted_ones():
    params = Params.from_mapping("latency", {"alpha_us": [1, 2, 3], "beta": [1] * 7})

    model = prepared("qwen3-14b", "H100", 1, params)

    assert Params.from_mapping("latency", {}) == Params()
    assert (model.queueing_us, model.completion_us, model.output_token_us) == (1, 2, 3)


def test_a_degree_that_does_not_divide_the_heads_is_refused_with_the_choices():
    with pytest.raises(ConfigError) as caught:
        prepared("qwen3-14b", "H100", 3)

    assert str(caught.value) == (
        "tensor_parallel must divide the 40 heads and 8 kv_heads of model 'qwen3-14b'; got 3. Choices: 1, 2, 4, 8."
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"intermediate": 0}, "model 'qwen3-14b': intermediate must be an int ≥ 1; got 0."),
        (
            {"activation_bytes": 0},
            "model 'qwen3-14b': activation_bytes must be a finite number > 0 [bytes]; got 0.",
        ),
        ({"experts": 8}, "model 'qwen3-14b': experts_per_token must be an int in [1, 8]; got 0."),
    ],
)
def test_a_wrong_shape_is_refused_in_words(change, message):
    with pytest.raises(ConfigError) as caught:
        prepare(Params(), replace(read_model("qwen3-14b"), **change), read_device("H100"), 1)

    assert str(caught.value) == message


def test_a_model_and_a_device_are_needed():
    with pytest.raises(ConfigError) as caught:
        prepare(Params(), None, None, 1)

    assert str(caught.value) == "latency trained-physics: needs a model and a device; give both."
