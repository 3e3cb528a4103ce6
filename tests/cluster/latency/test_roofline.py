from dataclasses import replace

import numba
import numpy as np
import pytest

from blis.cluster.catalog import Device, Model, read_device, read_model
from blis.cluster.latency import roofline
from blis.cluster.latency.roofline import Params, prepare, step_time
from blis.foundation.errors import ConfigError
from tests.cluster.latency.reference_models import read_as_reference
from tests.cluster.latency.traces import TRACES, batch_of, random_batches

SCOUT = "llama-4-scout-17b-16e-instruct-fp8-dynamic"


def prepared(model, device, tensor_parallel, **changes):
    return prepare(Params(), read_as_reference(model), replace(read_device(device), **changes), tensor_parallel)


# Step lengths that the reference simulator printed for these traces.
@pytest.mark.parametrize(
    ("model", "device", "tensor_parallel", "trace", "expected_us"),
    [
        ("qwen3-14b", "H100", 1, "A", [5776, 5764, 5764]),
        ("qwen3-14b", "H100", 1, "B", [92635, 100427, 46808, 6004]),
        ("qwen3-14b", "H100", 1, "C", [26332, 91681, 11975, 5901]),
        ("qwen3-14b", "H100", 1, "D", [53333, 5818, 9052, 5818]),
        ("llama-3.1-70b-instruct", "A100-80", 4, "C", [126663, 437925, 56526, 12294]),
        (SCOUT, "H100", 2, "C", [6204, 21715, 5963, 1983]),
        ("codellama-34b-instruct-hf", "L40S", 8, "B", [112139, 119326, 54957, 7249]),
        ("yi-34b", "L40S", 8, "C", [32268, 112099, 14785, 7239]),
        ("qwen3-14b", "H100", 1, "E", [71705, 5837, 1, 5837]),
        ("qwen3-14b", "H100", 1, "F", [92635, 100427, 46808, 6004, 92635, 103384, 27044, 5793, 5793]),
    ],
)
def test_steps_of_the_traces_equal_the_reference(model, device, tensor_parallel, trace, expected_us):
    coefficients = prepared(model, device, tensor_parallel).coefficients

    assert [step_time(batch, coefficients) for batch in TRACES[trace]] == expected_us


def test_work_and_traffic_per_token_of_qwen3_14b():
    values = prepared("qwen3-14b", "H100", 1).coefficients

    assert values[roofline.FLOPS_PER_TOKEN] == 19_294_208_000
    assert values[roofline.FLOPS_PER_PAIR] == 827_200
    weights = values[roofline.ATTENTION_WEIGHTS] + values[roofline.DENSE_WEIGHTS]
    assert values[roofline.WEIGHT_BYTES] * weights == 19_293_798_400
    assert values[roofline.KV_BYTES_PER_TOKEN] == 163_840
    assert values[roofline.ACTIVATION_BYTES_PER_TOKEN] == 409_600


def test_work_and_weights_of_an_interleaved_mixture():
    values = prepared(SCOUT, "H100", 2).coefficients

    assert values[roofline.FLOPS_PER_TOKEN] == 18_119_884_800
    assert values[roofline.FLOPS_PER_PAIR] == 992_640
    assert values[roofline.PREFILL_FLOPS_PER_S] == 1979e12 * 0.45
    dense = values[roofline.ATTENTION_WEIGHTS] + values[roofline.DENSE_WEIGHTS]
    assert dense + values[roofline.EXPERT_WEIGHTS] == 9_059_696_640
    assert dense + 16 * values[roofline.EXPERT_WEIGHTS] == 39_258_685_440


# The two sides of the maximum alone: the other side's rate is made a million times larger.
@pytest.mark.parametrize(
    ("model", "tensor_parallel", "trace", "step", "compute_us", "memory_us"),
    [
        ("qwen3-14b", 1, "A", 0, 4342, 5776),
        ("qwen3-14b", 1, "A", 1, 65, 5764),
        ("qwen3-14b", 1, "B", 1, 100427, 6210),
        ("qwen3-14b", 1, "C", 1, 91681, 6139),
        (SCOUT, 2, "C", 1, 21715, 6087),
    ],
)
def test_compute_and_memory_of_single_steps(model, tensor_parallel, trace, step, compute_us, memory_us):
    batch = TRACES[trace][step]
    compute = prepared(model, "H100", tensor_parallel, peak_bandwidth_tb_per_s=3.35e6)
    memory = prepared(model, "H100", tensor_parallel, peak_tflops_16bit=989.5e6, peak_tflops_8bit=1979e6)

    assert step_time(batch, compute.coefficients) == compute_us
    assert step_time(batch, memory.coefficients) == memory_us


def test_there_is_no_overhead_per_request():
    model = prepared("qwen3-14b", "H100", 1)

    overheads = (model.queueing_us, model.queueing_us_per_token, model.output_token_us, model.completion_us)
    assert overheads == (0, 0, 0, 0)


def test_a_model_and_device_built_by_hand_price_like_the_files():
    mixtral = Model(
        name="by hand",
        layers=32,
        hidden=4096,
        heads=32,
        kv_heads=8,
        intermediate=14336,
        activation_bytes=2,
        weight_bytes=2,
        experts=8,
        experts_per_token=2,
    )
    h100 = Device(
        name="by hand",
        peak_tflops_16bit=989.5,
        peak_tflops_8bit=1979,
        peak_bandwidth_tb_per_s=3.35,
        mfu_prefill=0.45,
        mfu_decode=0.3,
    )

    values = prepare(Params(), mixtral, h100, 2).coefficients

    assert values.tolist() == prepared("mixtral-8x7b-v0.1", "H100", 2).coefficients.tolist()


def test_given_utilisations_replace_the_device_s():
    params = Params.from_mapping("latency", {"mfu_prefill": 0.5})

    values = prepare(params, read_model("qwen3-14b"), read_device("H100"), 1).coefficients

    assert values[roofline.PREFILL_FLOPS_PER_S] == 989.5e12 * 0.5
    assert values[roofline.DECODE_FLOPS_PER_S] == 989.5e12 * 0.3


def test_the_8_bit_peak_serves_weights_of_exactly_one_byte():
    qwen, h100 = read_model("qwen3-14b"), read_device("H100")

    def peak(weight_bytes, device):
        values = prepare(Params(), replace(qwen, weight_bytes=weight_bytes), device, 1).coefficients
        return values[roofline.DECODE_FLOPS_PER_S]

    assert peak(1.0, h100) == 1979e12 * 0.3
    assert peak(0.5, h100) == 989.5e12 * 0.3
    assert peak(1.0, read_device("A100-SXM")) == 312e12 * 0.18


def test_a_step_never_gets_shorter_with_context():
    coefficients = prepared("qwen3-14b", "H100", 1).coefficients

    decodes = [step_time(batch_of(decode=[stored] * 8), coefficients) for stored in range(1, 200_000, 997)]
    chunks = [step_time(batch_of(prefill=[(512, stored, 10**6)]), coefficients) for stored in range(0, 200_000, 997)]

    assert decodes == sorted(decodes)
    assert chunks == sorted(chunks)
    assert decodes[0] < decodes[-1]
    assert chunks[0] < chunks[-1]


@pytest.mark.parametrize(
    ("model", "device", "tensor_parallel"),
    [
        ("qwen3-14b", "H100", 1),
        (SCOUT, "H100", 2),
        ("qwen3-30b-a3b", "L40S", 3),
        ("mixtral-8x7b-v0.1", "A100-80", 8),
    ],
)
def test_compiled_and_plain_step_agree(model, device, tensor_parallel):
    compiled = numba.njit(step_time)
    coefficients = prepared(model, device, tensor_parallel).coefficients

    for batch in random_batches(np.random.default_rng(2), 200):
        expected_us = step_time(batch, coefficients)
        assert compiled(batch, coefficients) == expected_us
        assert expected_us >= 1


def test_a_time_beyond_the_clock_is_cut_to_its_end():
    slow = prepared("qwen3-14b", "H100", 1, peak_bandwidth_tb_per_s=1e-30)

    assert step_time(batch_of(decode=[9]), slow.coefficients) == 2**63 - 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": 0}, "model 'qwen3-14b': layers must be an int ≥ 1; got 0."),
        ({"heads": 2.5}, "model 'qwen3-14b': heads must be an int ≥ 1; got 2.5."),
        ({"weight_bytes": 0}, "model 'qwen3-14b': weight_bytes must be a finite number > 0 [bytes]; got 0."),
        (
            {"experts": 8, "experts_per_token": 9},
            "model 'qwen3-14b': experts_per_token must be an int in [1, 8]; got 9.",
        ),
        (
            {"experts_per_token": 2},
            "model 'qwen3-14b': experts_per_token of a model without experts must be an int in [0, 0]; got 2.",
        ),
    ],
)
def test_a_wrong_shape_is_refused_in_words(change, message):
    model = replace(read_model("qwen3-14b"), **change)

    with pytest.raises(ConfigError) as caught:
        prepare(Params(), model, read_device("H100"), 1)

    assert str(caught.value) == message


def test_a_wrong_device_or_degree_is_refused_in_words():
    model, device = read_model("qwen3-14b"), read_device("H100")

    with pytest.raises(ConfigError) as of_device:
        prepare(Params(), model, replace(device, mfu_decode=0.0), 1)
    with pytest.raises(ConfigError) as of_degree:
        prepare(Params(), model, device, 0)
    with pytest.raises(ConfigError) as of_absence:
        prepare(Params(), None, device, 1)

    assert str(of_device.value) == "device 'H100': mfu_decode must be a finite number > 0; got 0.0."
    assert str(of_degree.value) == "tensor_parallel must be an int ≥ 1; got 0."
    assert str(of_absence.value) == "latency roofline: needs a model and a device; give both."


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"mfu": 0.5}, "latency: unknown key 'mfu'. Keys: mfu_decode, mfu_prefill."),
        ({"mfu_decode": 1.5}, "latency.mfu_decode must be a finite number > 0 and ≤ 1; got 1.5."),
    ],
)
def test_wrong_parameters_are_refused_in_words(mapping, message):
    with pytest.raises(ConfigError) as caught:
        Params.from_mapping("latency", mapping)

    assert str(caught.value) == message
