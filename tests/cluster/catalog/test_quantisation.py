import pytest

from blis.cluster.catalog import read_model
from blis.foundation.errors import ConfigError
from tests.cluster.catalog.small_model import write


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"bits": 4}, 0.5),
        ({"bits": "8", "quant_method": "gptq"}, 1.0),
        ({"quant_method": "Fp8"}, 1.0),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"b": {"weights": {"num_bits": 4}}, "a": {}},
            },
            0.5,
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {
                    "group_1": {"weights": {"num_bits": 4}},
                    "group_0": {"weights": {"num_bits": 8}},
                },
            },
            1.0,
        ),
        ({"quant_method": "awq"}, 2.0),
        ({}, 2.0),
        (None, 2.0),
    ],
)
def test_the_quantisation_section_gives_the_weight_bytes(tmp_path, section, expected):
    assert read_model(write(tmp_path / "tiny", quantization_config=section)).weight_bytes == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("redhatai/phi-4-quantized.w4a16", 0.5),
        ("redhatai/phi-4-quantized.W8A8", 1.0),
        ("redhatai/phi-4-fp8-dynamic", 1.0),
        ("w4a16", 0.5),
        ("me/tiny_w8a8_fp8", 1.0),
        ("me/tinyw4a16", 2.0),
        ("me/tiny-w4a16b", 2.0),
        ("me/tiny-fp8x", 2.0),
        ("me/xfp8", 2.0),
        ("me/tiny", 2.0),
    ],
)
def test_without_a_section_the_name_gives_the_weight_bytes(tmp_path, name, expected):
    folder = write(tmp_path / "tiny")

    assert read_model(name, model_config_folder=folder).weight_bytes == expected


def test_the_section_goes_before_the_name(tmp_path):
    folder = write(tmp_path / "tiny", quantization_config={"bits": 8})

    assert read_model("me/tiny-w4a16", model_config_folder=folder).weight_bytes == 1


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("fp8", "quantization_config must be an object; got 'fp8'."),
        ({"bits": "four"}, "quantization_config.bits must be a finite number > 0 [bits]; got 'four'."),
        ({"bits": 0}, "quantization_config.bits must be a finite number > 0 [bits]; got 0."),
        (
            {"quant_method": "compressed-tensors", "config_groups": {"g": {"weights": {"num_bits": -4}}}},
            "quantization_config.config_groups.g.weights.num_bits must be a finite number > 0 [bits]; got -4.",
        ),
    ],
)
def test_a_wrong_section_is_refused_with_file_and_key(tmp_path, section, message):
    folder = write(tmp_path / "tiny", quantization_config=section)

    with pytest.raises(ConfigError) as caught:
        read_model(folder)

    assert str(caught.value) == f"{folder / 'config.json'}: {message}"
