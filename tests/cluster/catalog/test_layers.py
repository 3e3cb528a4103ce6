import pytest

from blis.cluster.catalog import read_model
from tests.cluster.catalog.small_model import write

FULL, WINDOW = "full_attention", "sliding_attention"


def cached_layers(folder, **changes):
    """Layers that store all tokens, and layers that store a window."""
    model = read_model(write(folder, num_hidden_layers=6, vocab_size=100, **changes))
    assert model.uncounted == ""
    if not model.token_caches:
        return model.layers, 0
    return (
        sum(cache.layers for cache in model.token_caches if not cache.window_tokens),
        sum(cache.layers for cache in model.token_caches if cache.window_tokens),
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (6, 0)),
        ({"sliding_window": 8}, (6, 0)),  # which layers have it is unknown: all store everything
        ({"sliding_window": 8, "model_type": "mistral"}, (0, 6)),
        ({"sliding_window": 8, "model_type": "gemma2"}, (3, 3)),
        ({"sliding_window": 8, "model_type": "gemma3_text"}, (1, 5)),
        ({"sliding_window": 8, "model_type": "gemma3_text", "sliding_window_pattern": 3}, (2, 4)),
        ({"sliding_window": 8, "model_type": "qwen2", "max_window_layers": 4}, (4, 2)),
        ({"sliding_window": 8, "model_type": "qwen2", "use_sliding_window": False}, (6, 0)),
        ({"sliding_window": 8, "layer_types": [FULL, WINDOW, WINDOW] * 2}, (2, 4)),
        ({"sliding_window": 8, "layer_types": [FULL, WINDOW, WINDOW] * 3}, (2, 4)),  # the last are for drafts
        ({"sliding_window": None, "layer_types": [FULL, WINDOW] * 3}, (6, 0)),
        ({"layer_types": ["chunked_attention", FULL] * 3, "attention_chunk_size": 8}, (6, 0)),
        ({"num_kv_shared_layers": 2, "layer_types": [FULL] * 6}, (4, 0)),
    ],
)
def test_windows_are_where_the_configuration_or_its_family_has_them(tmp_path, changes, expected):
    if changes.get("num_kv_shared_layers"):
        changes = {**changes, "sliding_window": 8, "layer_types": [FULL] * 4 + [WINDOW] * 2}

    assert cached_layers(tmp_path / "tiny", **changes) == expected


@pytest.mark.parametrize(
    ("changes", "mixtures"),
    [
        ({}, 6),
        ({"interleave_moe_layer_step": 2}, 3),
        ({"interleave_moe_layer_step": 1}, 6),
        ({"moe_layer_freq": [0, 1, 1, 1, 1, 1]}, 5),
        ({"mlp_layer_types": ["dense", "sparse"] * 3}, 3),
        ({"decoder_sparse_step": 2}, 3),
        ({"decoder_sparse_step": 1, "mlp_only_layers": [0, 1]}, 4),
        ({"moe_layers_enum": "3,4"}, 2),
        ({"hybrid_override_pattern": "*E*E-*"}, 2),
    ],
)
def test_mixtures_are_where_the_configuration_has_them(tmp_path, changes, mixtures):
    model = read_model(
        write(tmp_path / "tiny", num_hidden_layers=6, vocab_size=100, num_experts=4, num_experts_per_tok=1, **changes)
    )
    experts = sum(part.n_weights for part in model.weights if part.part == "experts")

    assert model.uncounted == ""
    assert model.mixture_layers == mixtures
    assert experts == mixtures * 4 * (3 * 64 * 128)


# What cannot be counted is no error for who gives the number of KV blocks, and one clear line for who does not.
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"layer_types": [FULL, "retention"]},
            "layer_types names the unknown kind of layer 'retention'. Choices: full_attention, attention, ",
        ),
        ({"layer_types": [FULL]}, "layer_types must have an entry for each of the 2 layers; got 1."),
        (
            {"hybrid_override_pattern": "MX"},
            "hybrid_override_pattern names the unknown kind of layer 'X'. Choices: M, *",
        ),
        ({"layer_types": [FULL, "mamba"]}, "ssm_state_size must be an int in [1, 1099511627776]; got None."),
        ({"intermediate_size": None}, "intermediate_size must be an int in [1, 1099511627776]; got None."),
        ({"vocab_size": None}, "vocab_size must be an int in [1, 1099511627776]; got None."),
        ({"hidden_act": "sine"}, "hidden_act must be an activation whose number of matrices is known; got 'sine'."),
        (
            {"num_attention_heads": 5, "num_key_value_heads": 5},
            "hidden_size must be a multiple of num_attention_heads, or",
        ),
        ({"linear_attn_config": {"kda_layers": [[1]]}}, "linear_attn_config.kda_layers[0] must be an int in [0, "),
        ({"block_configs": [5, {}]}, "block_configs[0] must be an object; got 5."),
        (
            {"block_configs": [{"attention": {"n_heads_in_group": 3}}, {}]},
            "block_configs[0].attention.n_heads_in_group must divide the 4 heads; got 3.",
        ),
        ({"compress_ratios": ["a", 4], "head_dim": 8}, "compress_ratios[0] must be an int in [0, "),
        ({"hybrid_override_pattern": "--"}, "no layer attends; give the number of KV blocks."),
        ({"linear_attn_config": {"kda_layers": [1]}}, "linear_attn_config.num_heads must be an int in [1, "),
    ],
)
def test_what_cannot_be_counted_is_said_with_file_and_field(tmp_path, changes, reason):
    folder = write(tmp_path / "tiny", **{"vocab_size": 100, **changes})

    assert read_model(folder).uncounted.startswith(f"{folder / 'config.json'}: {reason}")


@pytest.mark.parametrize(("activation", "matrices"), [("silu", 3), ("relu2", 2), ("gelu_new", 2)])
def test_gated_parts_have_three_matrices_and_others_two(tmp_path, activation, matrices):
    model = read_model(write(tmp_path / "tiny", vocab_size=100, hidden_act=activation))
    dense = sum(part.n_weights for part in model.weights if part.part == "dense")

    assert dense == 2 * matrices * 64 * 128


def test_the_activation_of_gemma_is_gated_and_its_embeddings_tied(tmp_path):
    model = read_model(
        write(tmp_path / "tiny", vocab_size=100, model_type="gemma2", hidden_activation="gelu_pytorch_tanh")
    )

    assert sum(part.n_weights for part in model.weights if part.part == "dense") == 2 * 3 * 64 * 128
    assert sum(part.n_weights for part in model.weights if part.part == "embeddings") == 100 * 64
