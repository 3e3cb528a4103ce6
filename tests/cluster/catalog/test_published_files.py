"""Configurations as their vendors publish them, trimmed, against what the vendors say of the models."""

from pathlib import Path

import pytest

from blis.cluster.catalog import SequenceState, TokenCache, read_model

FILES = Path(__file__).parents[2] / "data" / "model_configs"


def read(name):
    return read_model(FILES / name) if (FILES / name).is_dir() else read_model(name)


# Billions of weights: model cards and technical reports, without layers that only drafts use.
@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("codellama-34b-instruct-hf", 33.7),
        ("deepseek-v2-lite", 15.7),
        ("deepseek-v3", 671),
        ("deepseek-v3.1-nvfp4", 671),
        ("deepseek-v4-flash", 284),
        ("gemma-2-9b", 9.24),
        ("gemma-4-26b-a4b-nvfp4", 26),
        ("glm-5.2", 744),
        ("gpt-oss-120b", 116.83),
        ("gpt-oss-20b", 20.91),
        ("kimi-k2.5", 1026),
        ("llama-2-7b-hf", 6.74),
        ("llama-3.1-70b-instruct", 70.6),
        ("llama-3.1-70b-instruct-fp8", 70.6),
        ("llama-3.1-8b-instruct", 8.03),
        ("llama-3_3-nemotron-super-49b-v1", 49.9),
        ("llama-4-maverick-17b-128e-instruct", 402),
        ("llama-4-scout-17b-16e-instruct-fp8-dynamic", 109),
        ("mimo-v2-flash", 309),
        ("minimax-m2.5", 229),
        ("minimax-m2.5-nvfp4", 229),
        ("mistral-nemo-instruct-2407", 12.2),
        ("mixtral-8x7b-v0.1", 46.7),
        ("nvidia-nemotron-3-super-120b-a12b-fp8", 120.6),
        ("qwen2.5-1.5b-instruct", 1.54),
        ("qwen2.5-3b-instruct", 3.09),
        ("qwen2.5-7b-instruct", 7.61),
        ("qwen3-14b", 14.8),
        ("qwen3-235b-a22b", 235),
        ("qwen3-235b-a22b-fp8", 235),
        ("qwen3-30b-a3b", 30.5),
        ("qwen3-32b", 32.8),
        ("qwen3-32b-fp8", 32.8),
        ("qwen3-next-80b-a3b-instruct", 80),
        ("qwen3.5-122b-a10b", 122),
        ("qwen3.6-27b-nvfp4", 27),
        ("step-3.7-flash-fp8", 196),
        ("yi-34b", 34.4),
    ],
)
def test_the_weights_are_as_many_as_the_vendor_says(name, billions):
    model = read(name)

    assert model.uncounted == ""
    assert sum(part.n_weights for part in model.weights) / 1e9 == pytest.approx(billions, rel=0.02)


# The sizes of published files; for gpt-oss, whose experts kernels pad from 2,880 to 3,072, logs of vLLM
# (llm-d-benchmark, config_explorer/empirical-vllm-memory-results.md).
@pytest.mark.parametrize(
    ("name", "stored_gib"),
    [
        ("gpt-oss-120b", 64.38),
        ("gpt-oss-20b", 13.47),
        ("kimi-k2.5", 595e9 / 2**30),
        ("deepseek-v3", 671.0e9 / 2**30),
        ("llama-3.1-8b-instruct", 14.96),
    ],
)
def test_weights_take_what_they_are_seen_to_take(name, stored_gib):
    assert sum(part.stored_bytes for part in read(name).weights) / 2**30 == pytest.approx(stored_gib, rel=0.01)


@pytest.mark.parametrize(
    ("name", "weight_bytes", "kv_element_bytes"),
    [
        ("deepseek-v3.1-nvfp4", 0.5, 1.0),
        ("gpt-oss-20b", 0.5, 0.0),
        ("kimi-k2.5", 0.5, 0.0),
        ("llama-3.1-70b-instruct-fp8", 1.0, 1.0),
        ("minimax-m2.5", 1.0, 0.0),
        ("minimax-m2.5-nvfp4", 0.5, 1.0),
        ("nvidia-nemotron-3-super-120b-a12b-fp8", 1.0, 1.0),
        ("qwen3-235b-a22b-fp8", 1.0, 0.0),
        ("qwen3.6-27b-nvfp4", 0.5, 1.0),
    ],
)
def test_widths_are_those_of_the_checkpoint(name, weight_bytes, kv_element_bytes):
    model = read(name)

    assert (model.weight_bytes, model.kv_element_bytes) == (weight_bytes, kv_element_bytes)


def test_parts_that_a_checkpoint_leaves_alone_keep_their_width():
    parts = {part.part: part.stored_bytes / part.n_weights for part in read("minimax-m2.5-nvfp4").weights}
    mixed = {part.part: part.stored_bytes / part.n_weights for part in read("kimi-k2.5").weights}

    assert parts["experts"] == 4.5 / 8  # blocks of 16 share an 8-bit scale
    assert parts["embeddings"] == parts["router"] == 2
    assert mixed["experts"] == 4.5 / 8  # groups of 32 share a 16-bit scale
    assert mixed["attention"] == mixed["shared experts"] == mixed["dense"] == 2


# Layers, heads, elements per head, window; from the lists of layers in the files.
@pytest.mark.parametrize(
    ("name", "caches"),
    [
        ("deepseek-v3", [(61, 1, 512 + 64)]),
        # Keys of the indexer: 128 bytes and a 32-bit scale, in the layers that choose for themselves.
        ("glm-5.2", [(78, 1, 512 + 64), (21, 1, 128 + 4, 0, 1.0)]),
        ("gemma-2-9b", [(21, 8, 512), (21, 8, 512, 4096)]),
        ("gemma-4-26b-a4b-nvfp4", [(5, 2, 1024), (25, 8, 512, 1024)]),
        ("gpt-oss-120b", [(18, 8, 128), (18, 8, 128, 128)]),
        ("kimi-k3", [(24, 1, 512 + 64)]),
        ("llama-3_3-nemotron-super-49b-v1", [(49, 8, 256)]),
        ("mimo-v2-flash", [(9, 4, 192 + 128), (39, 8, 192 + 128, 128)]),
        ("nvidia-nemotron-3-super-120b-a12b-fp8", [(8, 2, 256)]),
        ("qwen3-next-80b-a3b-instruct", [(12, 2, 512)]),
        ("qwen3.5-122b-a10b", [(12, 2, 512)]),
        ("step-3.7-flash-fp8", [(12, 8, 256), (33, 8, 256, 512)]),
        # 43 windows of shared keys and values; an entry for 4 tokens in 21 layers, for 128 in 20.
        (
            "deepseek-v4-flash",
            [(43, 1, 512, 128), (21, 1, 512 / 4), (21, 1, 132 / 4, 0, 1.0), (20, 1, 512 / 128)],
        ),
    ],
)
def test_only_layers_that_attend_store_tokens_and_windows_only_the_last(name, caches):
    assert read(name).token_caches == tuple(TokenCache(*cache) for cache in caches)


# A 32-bit state and the last three inputs of a convolution, 16 bits each.
@pytest.mark.parametrize(
    ("name", "layers", "state_bytes", "ways"),
    [
        ("qwen3.5-122b-a10b", 36, 64 * 128 * 128 * 4 + (2 * 16 * 128 + 64 * 128) * 3 * 2, 16),
        ("nvidia-nemotron-3-super-120b-a12b-fp8", 40, 128 * 64 * 128 * 4 + (128 * 64 + 2 * 8 * 128) * 3 * 2, 128),
        ("kimi-k3", 69, (96 * 128 * 128 + 3 * 96 * 128 * 3) * 2, 96),
    ],
)
def test_layers_without_attention_store_a_state_per_sequence(name, layers, state_bytes, ways):
    assert read(name).states == (SequenceState(layers, state_bytes, ways),)


@pytest.mark.parametrize(
    ("name", "mixtures"),
    [
        ("llama-4-maverick-17b-128e-instruct", 24),
        ("glm-5.2", 75),
        ("mimo-v2-flash", 47),
        ("nvidia-nemotron-3-super-120b-a12b-fp8", 40),
        ("gpt-oss-20b", 24),
        ("gemma-2-9b", 0),
    ],
)
def test_mixtures_are_the_layers_that_the_file_says(name, mixtures):
    assert read(name).mixture_layers == mixtures


@pytest.mark.parametrize(
    ("name", "experts", "per_token"),
    [("gemma-4-26b-a4b-nvfp4", 128, 8), ("kimi-k3", 896, 16), ("gpt-oss-120b", 128, 4), ("deepseek-v3", 256, 8)],
)
def test_experts_per_token_are_read_by_any_vendors_name(name, experts, per_token):
    model = read(name)

    assert (model.experts, model.experts_per_token) == (experts, per_token)
