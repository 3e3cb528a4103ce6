import json

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
        ({"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}, 0.5),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, 0.5),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, 1.0),
        ({"quant_algo": "FP8", "config_groups": {"group_0": {"weights": {"num_bits": 8}}}}, 1.0),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, 0.5),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, 1.0),
        (
            {
                "quant_method": "modelopt",
                "quant_algo": "MIXED_PRECISION",
                "quantized_layers": {
                    "model.layers.0.mlp": {"quant_algo": "NVFP4"},
                    "model.layers.0.self_attn": {"quant_algo": "FP8"},
                },
            },
            0.5,
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
        ("nvidia/tiny-NVFP4", 0.5),
        ("me/tiny-mxfp4", 0.5),
        ("me/tiny-bnb-4bit", 0.5),
        ("me/tiny-int8", 1.0),
        ("me/tiny-nvfp4x", 2.0),
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


def test_the_file_beside_the_configuration_says_what_it_leaves_out(tmp_path):
    folder = write(tmp_path / "tiny", vocab_size=100)
    beside = {"quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8", "exclude_modules": ["model.layers.0.self_attn*"]}
    (folder / "hf_quant_config.json").write_text(json.dumps({"quantization": beside}))

    model = read_model(folder)

    stored = {part.part: part.stored_bytes / part.n_weights for part in model.weights}
    assert (model.weight_bytes, model.kv_element_bytes) == (0.5, 1.0)
    assert stored["dense"] == 4.5 / 8
    assert stored["attention"] == (2 + 4.5 / 8) / 2  # one of two layers is left alone
    assert stored["embeddings"] == 2


@pytest.mark.parametrize(
    "ignored",
    [
        ["re:.*self_attn.*"],
        ["self_attn"],
        ["model.layers.*.self_attn"],
        ["*.self_attn.*"],
        ["re:(?P<x>lm_head)", "re:(?P<x>.*self_attn)", "re:(unclosed"],
        ["re:.*self_attn$"],
        ["model.layers.0.self_attn", "model.layers.1.self_attn"],
        ["language_model.model.layers.0.self_attn*", "model.language_model.layers.1.self_attn*"],
        [f"model.layers.{layer}.self_attn.{name}_proj" for layer in (0, 1) for name in "qkvo"],
    ],
)
@pytest.mark.parametrize("key", ["ignore", "modules_to_not_convert", "exclude_modules", "ignored_layers"])
def test_modules_are_left_alone_however_they_are_named(tmp_path, key, ignored):
    section = {"quant_method": "fp8", key: [*ignored, "lm_head", "model.layers.1.mlp.gate"]}
    model = read_model(write(tmp_path / "tiny", vocab_size=100, quantization_config=section))

    stored = {part.part: part.stored_bytes / part.n_weights for part in model.weights}
    assert stored == {"attention": 2, "dense": 1, "embeddings": 2}


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"bits": 4, "group_size": 128}, (4 + 16 / 128) / 8),
        ({"bits": 4, "group_size": -1}, 4 / 8),
        ({"quant_method": "mxfp4"}, (4 + 8 / 32) / 8),
        ({"quant_algo": "NVFP4"}, (4 + 8 / 16) / 8),
        ({"config_groups": {"g": {"weights": {"num_bits": 4, "type": "float", "group_size": 32}}}}, (4 + 8 / 32) / 8),
        ({"config_groups": {"g": {"weights": {"num_bits": 4, "type": "int", "group_size": 32}}}}, (4 + 16 / 32) / 8),
    ],
)
def test_scales_are_stored_too(tmp_path, section, expected):
    model = read_model(write(tmp_path / "tiny", vocab_size=100, quantization_config=section))

    assert {part.part: part.stored_bytes / part.n_weights for part in model.weights}["dense"] == expected


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"kv_cache_scheme": {"num_bits": 8}}, 1.0),
        ({"kv_cache_scheme": "FP8"}, 1.0),
        ({"kv_cache_quant_algo": "NVFP4"}, 4.5 / 8),
        ({"kv_cache_quant_algo": None, "kv_cache_scheme": None}, 0.0),
    ],
)
def test_the_width_of_kv_elements_is_that_of_the_calibration(tmp_path, section, expected):
    assert read_model(write(tmp_path / "tiny", quantization_config=section)).kv_element_bytes == expected


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("fp8", "quantization_config must be an object; got 'fp8'."),
        ({"bits": "four"}, "quantization_config.bits must be a finite number > 0 [bits]; got 'four'."),
        (
            {"quant_algo": "NVFP5"},
            "quantization_config.quant_algo: 'NVFP5' is unknown; did you mean 'NVFP4'? Choices: FP8, FP8_PB_WO, "
            "FP8_PB_REAL, FP8_PER_CHANNEL_PER_TOKEN, MXFP8, INT8_SQ, W8A16, W8A8_SQ_PER_CHANNEL, NVFP4, NVFP4_AWQ, "
            "W4A16_NVFP4, W4A8_NVFP4_FP8, MXFP4, W4A8_MXFP4_FP8, W4A16, W4A16_AWQ, W4A8_AWQ, INT4_AWQ.",
        ),
        (
            {"kv_cache_quant_algo": "FP9"},
            "quantization_config.kv_cache_quant_algo: 'FP9' is unknown; did you mean 'FP8'? Choices: FP8, NVFP4, INT8.",
        ),
        ({"ignore": "lm_head"}, "quantization_config.ignore must be a list of texts; got 'lm_head'."),
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
