from dataclasses import replace

import pytest

from blis.cluster.catalog import Device, device_from_mapping, read_device
from blis.foundation.errors import ConfigError, UnknownChoiceError

VALUES = {
    "name": "X1",
    "peak_tflops_16bit": 100,
    "peak_bandwidth_tb_per_s": 1.5,
    "mfu_prefill": 0.4,
    "mfu_decode": 0.2,
}


# peak 16 bit, peak 8 bit, bandwidth, MFU of prompts and decodes, memory
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("H100", (989.5, 1979.0, 3.35, 0.45, 0.30, 80)),
        ("A100-SXM", (312, 0, 2.039, 0.38, 0.18, 80)),
        ("A100-80", (312, 0, 2.039, 0.38, 0.18, 80)),
        ("L40S", (362.05, 1466.0, 0.864, 0.32, 0.08, 48)),
    ],
)
def test_shipped_devices_read_as_the_published_table(name, expected):
    device = read_device(name)

    assert device.name == name
    assert (
        device.peak_tflops_16bit,
        device.peak_tflops_8bit,
        device.peak_bandwidth_tb_per_s,
        device.mfu_prefill,
        device.mfu_decode,
        device.memory_gib,
    ) == expected


def test_both_names_of_the_a100_mean_the_same():
    assert replace(read_device("A100-SXM"), name="A100-80") == read_device("A100-80")


def test_a_name_is_exact_and_the_nearest_is_offered():
    with pytest.raises(UnknownChoiceError) as caught:
        read_device("h100")

    assert str(caught.value) == (
        "device: no choice named 'h100'; did you mean 'H100'? Choices: A100-80, A100-SXM, B200, "
        "B300, GB200, GB300, H100, H200, L40S, RTX-PRO-6000."
    )


def test_a_user_folder_is_read_instead(tmp_path):
    (tmp_path / "X1.yaml").write_text(
        "peak_tflops_16bit: 100\npeak_bandwidth_tb_per_s: 1.5\nmfu_prefill: 0.4\nmfu_decode: 0.2\n"
    )

    device = read_device("X1", hardware_folder=tmp_path)

    assert device == Device(
        name="X1",
        peak_tflops_16bit=100.0,
        peak_bandwidth_tb_per_s=1.5,
        mfu_prefill=0.4,
        mfu_decode=0.2,
        peak_tflops_8bit=0.0,
        memory_gib=0.0,
    )
    assert device == device_from_mapping("scenario.device", VALUES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("peak_tflops: 1", "hardware.X1: unknown key 'peak_tflops'; did you mean 'peak_tflops_8bit'?"),
        ("mfu_prefill: 1", "hardware.X1: key 'peak_tflops_16bit' is required. Given: mfu_prefill."),
        ("[1, 2]", "hardware.X1 must be a mapping of keys to values; got [1, 2]."),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, text, message):
    (tmp_path / "X1.yaml").write_text(text)

    with pytest.raises(ConfigError) as caught:
        read_device("X1", hardware_folder=tmp_path)

    assert str(caught.value).startswith(message)


def test_a_file_that_is_written_anew_is_read_anew(tmp_path):
    text = "peak_tflops_16bit: 100\npeak_bandwidth_tb_per_s: {}\nmfu_prefill: 0.5\nmfu_decode: 0.5\n"
    (tmp_path / "X1.yaml").write_text(text.format(2))
    before = read_device("X1", hardware_folder=tmp_path)

    (tmp_path / "X1.yaml").write_text(text.format(2.25))

    assert before.peak_bandwidth_tb_per_s == 2
    assert read_device("X1", hardware_folder=tmp_path).peak_bandwidth_tb_per_s == 2.25


def test_a_file_that_is_no_yaml_and_a_folder_that_is_none_are_refused(tmp_path):
    (tmp_path / "X1.yaml").write_text("a: [")

    with pytest.raises(ConfigError, match=r"X1\.yaml is not a valid YAML file: while parsing"):
        read_device("X1", hardware_folder=tmp_path)
    with pytest.raises(ConfigError, match=r"hardware_folder must be a folder of <device>\.yaml files; got '/absent'"):
        read_device("X1", hardware_folder="/absent")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"peak_tflops_16bit": 0}, "device.peak_tflops_16bit must be a finite number > 0 [TFLOP/s]; got 0."),
        ({"peak_tflops_8bit": -1}, "device.peak_tflops_8bit must be a finite number ≥ 0 [TFLOP/s]; got -1."),
        (
            {"peak_bandwidth_tb_per_s": "3"},
            "device.peak_bandwidth_tb_per_s must be a finite number > 0 [TB/s]; got '3'.",
        ),
        ({"mfu_prefill": 45}, "device.mfu_prefill must be a finite number > 0 and ≤ 1; got 45."),
        ({"mfu_decode": 0}, "device.mfu_decode must be a finite number > 0 and ≤ 1; got 0."),
        ({"memory_gib": float("inf")}, "device.memory_gib must be a finite number ≥ 0 [GiB]; got inf."),
        ({"name": ""}, "device.name must be a text of at least one character; got ''."),
    ],
)
def test_a_wrong_value_is_refused_in_words(change, message):
    with pytest.raises(ConfigError) as caught:
        device_from_mapping("device", {**VALUES, **change})

    assert str(caught.value) == message
