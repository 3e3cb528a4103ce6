from dataclasses import replace

import pytest

from blis.cluster.catalog import Model, model_from_mapping, read_model
from blis.foundation.errors import ConfigError, UnknownChoiceError
from tests.cluster.catalog.small_model import write


# layers, hidden, heads, kv heads, intermediate, vocab, experts, per token, expert width, shared width,
# interleave, dense width, weight bytes, activation bytes, positions: the published table.
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("codellama-34b-instruct-hf", (48, 8192, 64, 8, 22016, 32000, 0, 0, 0, 0, 0, 0, 2, 2, 16384)),
        ("deepseek-v2-lite", (27, 2048, 16, 16, 10944, 102400, 64, 6, 1408, 2816, 0, 0, 2, 2, 163840)),
        ("glm-5.2-fp8", (78, 6144, 64, 64, 12288, 154880, 256, 8, 2048, 2048, 0, 0, 1, 2, 1048576)),
        ("llama-2-7b-hf", (32, 4096, 32, 32, 11008, 32000, 0, 0, 0, 0, 0, 0, 2, 2, 4096)),
        ("llama-3.1-70b-instruct", (80, 8192, 64, 8, 28672, 128256, 0, 0, 0, 0, 0, 0, 2, 2, 131072)),
        ("llama-3.1-8b-instruct", (32, 4096, 32, 8, 14336, 128256, 0, 0, 0, 0, 0, 0, 2, 2, 131072)),
        (
            "llama-4-scout-17b-16e-instruct-fp8-dynamic",
            (48, 5120, 40, 8, 8192, 202048, 16, 1, 0, 0, 1, 16384, 1, 2, 10485760),
        ),
        ("mistral-nemo-instruct-2407", (40, 5120, 32, 8, 14336, 131072, 0, 0, 0, 0, 0, 0, 2, 2, 131072)),
        ("mixtral-8x7b-v0.1", (32, 4096, 32, 8, 14336, 32000, 8, 2, 0, 0, 0, 0, 2, 2, 32768)),
        ("qwen2.5-1.5b-instruct", (28, 1536, 12, 2, 8960, 151936, 0, 0, 0, 0, 0, 0, 2, 2, 32768)),
        ("qwen2.5-3b-instruct", (36, 2048, 16, 2, 11008, 151936, 0, 0, 0, 0, 0, 0, 2, 2, 32768)),
        ("qwen2.5-7b-instruct", (28, 3584, 28, 4, 18944, 152064, 0, 0, 0, 0, 0, 0, 2, 2, 32768)),
        ("qwen3-14b", (40, 5120, 40, 8, 17408, 151936, 0, 0, 0, 0, 0, 0, 2, 2, 40960)),
        ("qwen3-30b-a3b", (48, 2048, 32, 4, 6144, 151936, 128, 8, 768, 0, 0, 0, 2, 2, 40960)),
        ("yi-34b", (60, 7168, 56, 8, 20480, 64000, 0, 0, 0, 0, 0, 0, 2, 2, 4096)),
    ],
)
def test_shipped_models_read_as_the_published_table(name, expected):
    model = read_model(name)

    assert (
        model.layers,
        model.hidden,
        model.heads,
        model.kv_heads,
        model.intermediate,
        model.vocab,
        model.experts,
        model.experts_per_token,
        model.expert_intermediate,
        model.shared_expert_intermediate,
        model.interleave_step,
        model.dense_intermediate,
        model.weight_bytes,
        model.activation_bytes,
        model.max_positions,
    ) == expected


# head width, compressed KV width, its positional part, leading dense layers
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("deepseek-v2-lite", (0, 512, 64, 1)),
        ("glm-5.2-fp8", (192, 512, 64, 3)),
        ("qwen3-14b", (128, 0, 0, 0)),
        ("yi-34b", (0, 0, 0, 0)),
    ],
)
def test_what_only_capacity_needs_is_read(name, expected):
    model = read_model(name)

    assert (model.head_dim, model.kv_lora_rank, model.qk_rope_head_dim, model.first_dense_layers) == expected


def test_a_name_is_lower_cased_and_its_vendor_does_not_name_the_folder():
    model = read_model("Qwen/Qwen3-14B")

    assert model.name == "qwen/qwen3-14b"
    assert model.layers == 40


def test_mixture_layers_follow_the_interleaving():
    assert read_model("qwen3-14b").mixture_layers == 0
    assert read_model("mixtral-8x7b-v0.1").mixture_layers == 32
    # The steps of Scout and Maverick: every layer, and every second one.
    scout = read_model("llama-4-scout-17b-16e-instruct-fp8-dynamic")
    assert scout.mixture_layers == 48
    assert replace(scout, interleave_step=2).mixture_layers == 24


def test_a_folder_is_read_by_path_and_named_by_its_last_part(tmp_path):
    folder = write(tmp_path / "Tiny-W4A16")

    assert read_model(folder) == read_model(str(folder))
    assert read_model(folder).name == "tiny-w4a16"
    assert read_model(folder).weight_bytes == 0.5


def test_a_user_folder_may_be_the_model_or_hold_models(tmp_path):
    write(tmp_path / "tiny")

    of_parent = read_model("me/Tiny", model_config_folder=tmp_path)
    of_model = read_model("me/other", model_config_folder=tmp_path / "tiny")

    assert (of_parent.name, of_parent.layers) == ("me/tiny", 2)
    assert (of_model.name, of_model.layers) == ("me/other", 2)


def test_nested_text_entries_lie_over_the_outer_ones(tmp_path):
    folder = write(
        tmp_path / "nested",
        hidden_size=None,
        quantization_config={"quant_method": "FP8"},
        text_config={"hidden_size": 32, "num_hidden_layers": 7, "quantization_config": None},
    )
    write(tmp_path / "outer", quantization_config={"quant_method": "FP8"}, text_config={"hidden_size": 32})

    assert (read_model(folder).hidden, read_model(folder).layers, read_model(folder).weight_bytes) == (
        32,
        7,
        2,
    )
    assert read_model(tmp_path / "outer").weight_bytes == 1


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({}, "kv_heads", 4),
        ({"num_key_value_heads": 0, "num_kv_heads": 2}, "kv_heads", 2),
        ({"multi_query_group_num": 2}, "kv_heads", 2),
        ({"intermediate_size": None, "ffn_hidden_size": 96}, "intermediate", 96),
        ({"num_experts": 1, "num_local_experts": 8, "n_routed_experts": 4}, "experts", 4),
        ({"num_local_experts": 1}, "experts", 0),
        ({"num_experts": 16, "n_routed_experts": 4}, "experts", 16),
        ({"n_shared_experts": 2, "moe_intermediate_size": 10}, "shared_expert_intermediate", 20),
        ({"n_shared_experts": 2}, "shared_expert_intermediate", 256),
        ({"n_shared_experts": 2, "shared_expert_intermediate_size": 9}, "shared_expert_intermediate", 9),
        ({"torch_dtype": "float32"}, "activation_bytes", 4),
        ({"torch_dtype": None, "dtype": "float16"}, "activation_bytes", 2),
        ({"torch_dtype": 7, "dtype": "nf4"}, "activation_bytes", 1),
        ({"intermediate_size": None, "moe_intermediate_size": 96, "num_experts": 4}, "intermediate", 96),
        ({"num_experts": 4, "top_k_experts": 3}, "experts_per_token", 3),
        ({"max_position_embeddings": None, "max_sequence_length": 2048}, "max_positions", 2048),
        ({"rope_parameters": {"rope_type": "yarn", "factor": 4.0}}, "rope_factor", 4),
        ({"rope_parameters": {"full_attention": {"rope_type": "yarn"}}}, "rope_type", "yarn"),
        ({"torch_dtype": None}, "activation_bytes", 2),  # as engines do for gpt-oss, whose file names no type
        ({"tie_word_embeddings": True}, "tied_embeddings", True),
        ({"head_dim": 32.0}, "head_dim", 32),
        ({"rope_scaling": {"type": "yarn", "rope_type": "other", "factor": 4}}, "rope_type", "yarn"),
    ],
)
def test_each_quantity_is_read_from_the_first_key_that_has_it(tmp_path, changes, field, expected):
    assert getattr(read_model(write(tmp_path / "tiny", **changes)), field) == expected


def test_an_unknown_model_is_answered_with_the_nearest():
    with pytest.raises(UnknownChoiceError) as caught:
        read_model("qwen/qwen3-14")

    assert str(caught.value).startswith("model: no folder for 'qwen/qwen3-14' in '")
    assert "; did you mean 'qwen3-14b'? Folders: codellama-34b-instruct-hf, " in str(caught.value)
    assert str(caught.value).endswith("yi-34b. For another model give model_config_folder.")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_hidden_layers": None}, "num_hidden_layers must be an int in [1, 1099511627776]; got None."),
        ({"hidden_size": "64"}, "hidden_size must be an int in [1, 1099511627776]; got '64'."),
        ({"num_attention_heads": 2.5}, "num_attention_heads must be an int in [1, 1099511627776]; got 2.5."),
        ({"first_k_dense_replace": -1}, "first_k_dense_replace must be an int in [0, 1099511627776]; got -1."),
        (
            {"num_hidden_layers": 10**400},
            "num_hidden_layers must be an int in [1, 1099511627776]; got a whole number of about 401 digits.",
        ),
        ({"num_key_value_heads": 1000}, "key and value heads must divide the 4 attention heads; got 1000."),
        ({"num_key_value_heads": 3}, "key and value heads must divide the 4 attention heads; got 3."),
        ({"hidden_act": 3}, "hidden_act must be a text; got 3."),
        ({"tie_word_embeddings": "no"}, "tie_word_embeddings must be true or false; got 'no'."),
        (
            {"rope_scaling": {"factor": "two"}},
            "rope_scaling.factor must be a finite number ≥ 0; got 'two'.",
        ),
        (
            {"torch_dtype": None, "dtype": ["bfloat16"]},
            "torch_dtype or dtype must name an element type; got ['bfloat16']; did you mean 'bfloat16'? "
            "Types: bfloat16, float16, float32, fp8, int4, int8, nf4, uint8.",
        ),
        (
            {"torch_dtype": "bfloat61"},
            "torch_dtype or dtype must name an element type; got 'bfloat61'; did you mean 'bfloat16'? "
            "Types: bfloat16, float16, float32, fp8, int4, int8, nf4, uint8.",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_file_and_key(tmp_path, changes, message):
    folder = write(tmp_path / "tiny", **changes)

    with pytest.raises(ConfigError) as caught:
        read_model(folder)

    assert str(caught.value) == f"{folder / 'config.json'}: {message}"


def test_an_absent_or_broken_file_is_refused(tmp_path):
    broken = write(tmp_path / "broken")
    (broken / "config.json").write_text("{")
    listed = write(tmp_path / "listed")
    (listed / "config.json").write_text("[]")

    with pytest.raises(ConfigError, match="must be a model's configuration file; there is none"):
        read_model(tmp_path / "absent")
    with pytest.raises(ConfigError, match="must be JSON; got an error: Expecting property name"):
        read_model(broken)
    with pytest.raises(ConfigError, match="must be a JSON object; got list"):
        read_model(listed)
    with pytest.raises(ConfigError, match="model must be a name or a folder; got None"):
        read_model(None)


def test_a_mapping_of_fields_makes_a_model_with_defaults():
    mapping = {
        "name": "Me",
        "layers": 2,
        "hidden": 64,
        "heads": 4,
        "intermediate": 128,
        "activation_bytes": 2,
    }

    assert model_from_mapping("scenario.model", mapping) == Model(
        name="me",
        layers=2,
        hidden=64,
        heads=4,
        kv_heads=4,
        intermediate=128,
        activation_bytes=2.0,
        weight_bytes=2.0,
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer": 2}, "scenario.model: unknown key 'layer'; did you mean 'layers'? Keys: "),
        ({"heads": 0}, "scenario.model.heads must be an int in [1, 1099511627776]; got 0."),
        ({"weight_bytes": 0}, "scenario.model.weight_bytes must be a finite number > 0; got 0."),
        ({"activation": 1}, "scenario.model.activation must be a text; got 1."),
        ({"tied_embeddings": 1}, "scenario.model.tied_embeddings must be true or false; got 1."),
    ],
)
def test_a_wrong_field_of_a_mapping_is_refused(change, message):
    mapping = {
        "name": "me",
        "layers": 2,
        "hidden": 64,
        "heads": 4,
        "intermediate": 128,
        "activation_bytes": 2,
    }

    with pytest.raises(ConfigError) as caught:
        model_from_mapping("scenario.model", {**mapping, **change})

    assert str(caught.value).startswith(message)


def test_a_configuration_that_is_written_anew_is_read_anew(tmp_path):
    before = read_model(write(tmp_path, num_hidden_layers=2))

    after = read_model(write(tmp_path, num_hidden_layers=12))

    assert (before.layers, after.layers) == (2, 12)
