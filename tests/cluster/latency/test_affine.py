import numba
import numpy as np
import pytest

from blis.cluster.catalog import Device, Model, read_device, read_model
from blis.cluster.latency.affine import Params, prepare, step_time
from blis.foundation.errors import ConfigError, UnknownChoiceError
from tests.cluster.latency.traces import TRACES, batch_of, random_batches


def looked_up():
    """The coefficients of qwen3-14b on one H100, vLLM v0.11.0."""
    return prepare(Params(), read_model("qwen/qwen3-14b"), read_device("H100"), 1)


# Step lengths that the reference simulator printed for these traces.
@pytest.mark.parametrize(
    ("trace", "expected_us"),
    [
        ("A", [17522, 13605, 13605]),
        ("B", [94360, 94360, 49236, 13605]),
        ("C", [37244, 94348, 23612, 13660]),
        ("D", [60911, 13605, 21782, 13605]),
        ("E", [76689, 13605, 13578, 13605]),
        ("F, shorter first", [94360, 94360, 49236, 13605, 41189, 94348, 90956, 13605]),
    ],
)
def test_steps_of_the_traces_equal_the_reference(trace, expected_us):
    model = looked_up()

    steps_us = [step_time(batch, model.coefficients) for batch in TRACES[trace]]

    assert steps_us == expected_us


@pytest.mark.parametrize(
    ("prompt", "step_us", "ttft_us"), [(100, 17522, 26428), (1200, 60911, 70020), (600, 37244, 46243)]
)
def test_time_to_first_token_is_queueing_by_whole_prompt_and_step(prompt, step_us, ttft_us):
    model = looked_up()

    queueing_us = int(model.queueing_us + model.queueing_us_per_token * prompt)

    assert queueing_us + step_us + int(model.output_token_us) == ttft_us
    assert model.completion_us == 0


def test_an_empty_step_still_takes_the_constant():
    model = prepare(Params((0.0, 0.0, 0.0), (5000.9, 10.0, 5.0)), None, None, 1)

    assert step_time(batch_of(), model.coefficients) == 5000


def test_a_free_step_takes_one_microsecond():
    model = prepare(Params((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)), None, None, 1)

    assert step_time(batch_of(decode=[7]), model.coefficients) == 1


def test_a_time_beyond_the_clock_is_cut_to_its_end():
    coefficients = np.array([1e300, 0.0, 0.0])

    assert step_time(batch_of(), coefficients) == 2**63 - 1
    assert numba.njit(step_time)(batch_of(), coefficients) == 2**63 - 1


def test_given_coefficients_need_neither_model_nor_device():
    params = Params.from_mapping("latency", {"alpha_us": [1000, 1, 500], "beta_us": [5000, 10, 5]})

    model = prepare(params, None, None, 1)

    assert (model.queueing_us, model.queueing_us_per_token, model.output_token_us) == (1000, 1, 500)
    assert model.coefficients.tolist() == [5000, 10, 5]
    assert model.coefficients.dtype == np.float64


def test_a_version_chooses_the_row():
    model, device = read_model("meta-llama/llama-3.1-8b-instruct"), read_device("H100")

    first = prepare(Params(), model, device, 1)
    newer = prepare(Params.from_mapping("latency", {"vllm_version": "v0.11.0"}), model, device, 1)

    assert first.coefficients[0] == 5752.705191348184
    assert newer.coefficients[0] == 6472.007648778123


def test_compiled_and_plain_step_agree():
    compiled = numba.njit(step_time)
    coefficients = looked_up().coefficients

    for batch in random_batches(np.random.default_rng(1), 200):
        expected_us = step_time(batch, coefficients)
        assert compiled(batch, coefficients) == expected_us
        assert expected_us >= 1


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (
            {"alpha_us": [1, 2, 3]},
            "latency: alpha_us and beta_us must be given together or not at all; got alpha_us without beta_us.",
        ),
        (
            {"beta_us": [1, 2, 3]},
            "latency: alpha_us and beta_us must be given together or not at all; got beta_us without alpha_us.",
        ),
        (
            {"alpha_us": [1, 2], "beta_us": [1, 2, 3]},
            "latency.alpha_us must be a list of 3 numbers [µs]; got [1, 2].",
        ),
        ({"alpha_us": [1, 2, 3], "beta_us": 4}, "latency.beta_us must be a list of 3 numbers [µs]; got 4."),
        (
            {"alpha_us": [1, 2, 3], "beta_us": [1, -2, 3]},
            "latency.beta_us[1] must be a finite number ≥ 0 [µs]; got -2.",
        ),
        (
            {"alpha_us": [1, 2, float("nan")], "beta_us": [1, 2, 3]},
            "latency.alpha_us[2] must be a finite number ≥ 0 [µs]; got nan.",
        ),
        (
            {"beta": [1, 2, 3]},
            "latency: unknown key 'beta'; did you mean 'beta_us'? Keys: alpha_us, beta_us, vllm_version.",
        ),
        (
            {"vllm_version": 11},
            "latency.vllm_version must be a text, and only where alpha_us and beta_us are looked up; got 11.",
        ),
    ],
)
def test_wrong_parameters_are_refused_in_words(mapping, message):
    with pytest.raises(ConfigError) as caught:
        Params.from_mapping("latency", mapping)

    assert str(caught.value) == message


def test_without_coefficients_a_model_and_a_device_are_asked_for():
    with pytest.raises(ConfigError) as caught:
        prepare(Params(), None, None, 1)

    assert str(caught.value) == "latency affine: give alpha_us and beta_us, or a model and a device to look them up."


def test_an_unlisted_deployment_lists_those_of_the_model():
    model = Model(
        name="qwen/qwen3-14b",
        layers=1,
        hidden=1,
        heads=1,
        kv_heads=1,
        intermediate=1,
        activation_bytes=2,
        weight_bytes=2,
    )
    device = Device(name="L40S", peak_tflops_16bit=1, peak_bandwidth_tb_per_s=1, mfu_prefill=1, mfu_decode=1)

    with pytest.raises(UnknownChoiceError) as caught:
        prepare(Params(), model, device, 2)

    assert str(caught.value) == (
        "coefficients: no row of model 'qwen/qwen3-14b' for gpu 'L40S' with tensor_parallel 2. "
        "Rows: H100 with tensor_parallel 1."
    )
