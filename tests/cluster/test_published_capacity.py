from dataclasses import replace

import pytest

from blis.cluster.catalog import read_device, read_model
from blis.cluster.published_capacity import free_gib, kv_blocks, kv_bytes_per_token, weight_count
from blis.foundation.errors import ConfigError

QWEN = read_model("qwen3-14b")
H100 = read_device("H100")
SCOUT = "llama-4-scout-17b-16e-instruct-fp8-dynamic"


# Numbers that the reference simulator printed; for qwen3-30b-a3b those of one data-parallel rank.
@pytest.mark.parametrize(
    ("name", "gpu", "tensor_parallel", "token_bytes", "weights", "free_bytes", "blocks"),
    [
        ("qwen3-14b", "H100", 1, 163840, 14_768_296_960, 41_706_176_102, 15_909),
        ("llama-3.1-70b-instruct", "A100-80", 4, 81920, 70_553_706_496, 159_647_671_910, 121_801),
        (SCOUT, "H100", 2, 98304, 101_730_063_360, 43_010_334_515, 27_345),
        ("codellama-34b-instruct-hf", "L40S", 8, 24576, 33_743_970_304, 292_537_692_979, 743_961),
        ("mixtral-8x7b-v0.1", "H100", 2, 65536, 46_702_792_704, 51_334_812_467, 48_956),
        ("qwen3-30b-a3b", "H100", 2, 49152, 30_129_457_152, 84_481_483_571, 107_423),
        ("deepseek-v2-lite", "H100", 1, 31104, 15_787_866_112, 36_982_683_238, 74_312),
    ],
)
def test_blocks_equal_the_published_table(name, gpu, tensor_parallel, token_bytes, weights, free_bytes, blocks):
    model, device = read_model(name), read_device(gpu)

    assert kv_bytes_per_token(model, tensor_parallel) == token_bytes
    assert weight_count(model) == weights
    assert int(free_gib(model, device, tensor_parallel, 0.9) * 2**30) == free_bytes
    assert kv_blocks(model, device, tensor_parallel, 16, 0.9) == blocks


def test_fewer_kv_heads_than_gpus_are_still_divided():
    assert kv_bytes_per_token(QWEN, 16) == 163840 / 16


def test_tied_embeddings_are_stored_once():
    tied = replace(QWEN, tied_embeddings=True)

    assert weight_count(QWEN) - weight_count(tied) == 151936 * 5120


def test_leading_dense_layers_never_exceed_the_layers():
    model = read_model("deepseek-v2-lite")

    assert weight_count(replace(model, first_dense_layers=99)) == weight_count(replace(model, first_dense_layers=27))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocab": 0}, "model 'qwen3-14b': vocab must be an int ≥ 1; got 0."),
        ({"intermediate": 0}, "model 'qwen3-14b': intermediate must be an int ≥ 1; got 0."),
        (
            {"activation": "gelu"},
            "model 'qwen3-14b': activation must be gated for the weights to be counted; got 'gelu'. "
            "Choices: silu, swiglu, geglu, situ, or none. Otherwise give the number of KV blocks.",
        ),
        (
            {"experts_per_token": 2},
            "model 'qwen3-14b': experts must be an int ≥ 2 where shared_experts or experts_per_token is "
            "stated; got 0. Otherwise give the number of KV blocks.",
        ),
        (
            {"head_dim": 0, "heads": 48},
            "model 'qwen3-14b': hidden must be a multiple of heads, or head_dim given; got hidden 5120 and heads 48.",
        ),
    ],
)
def test_a_shape_that_says_too_little_is_refused(changes, message):
    with pytest.raises(ConfigError) as caught:
        kv_blocks(replace(QWEN, **changes), H100, 1, 16, 0.9)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("device", "tensor_parallel", "block_size", "utilisation", "message"),
    [
        (H100, 0, 16, 0.9, "tensor_parallel must be an int ≥ 1; got 0."),
        (H100, 1, 0, 0.9, "block_size_tokens must be an int ≥ 1; got 0."),
        (H100, 1, 16, 1.1, "memory_utilisation must be a finite number > 0 and ≤ 1; got 1.1."),
        (
            replace(H100, memory_gib=0.0),
            1,
            16,
            0.9,
            "device 'H100': memory_gib must be a finite number > 0 [GiB]; got 0.0.",
        ),
        (
            H100,
            3,
            16,
            0.9,
            "tensor_parallel must divide the 8 kv_heads of model 'qwen3-14b'; got 3. Choices: 1, 2, 4, 8.",
        ),
        (
            read_device("L40S"),
            1,
            16,
            0.5,
            "kv_blocks: model 'qwen3-14b' must take less than 24.0 GiB of 1 x L40S at memory_utilisation "
            "0.5; weights, activations and runtime take 33.2 GiB. Use at least 2 GPUs.",
        ),
        (
            replace(H100, memory_gib=0.5),
            1,
            16,
            0.5,
            "kv_blocks: model 'qwen3-14b' must take less than 0.2 GiB of 1 x H100 at memory_utilisation 0.5; "
            "weights, activations and runtime take 33.2 GiB. Use a device with more memory.",
        ),
        (
            H100,
            1,
            10**6,
            0.9,
            "kv_blocks must be an int ≥ 1 [blocks]; model 'qwen3-14b' leaves 41706176102 bytes on 1 x H100 "
            "for blocks of 163840000000 bytes. Use smaller blocks.",
        ),
    ],
)
def test_a_wrong_deployment_is_refused_with_what_to_do(device, tensor_parallel, block_size, utilisation, message):
    with pytest.raises(ConfigError) as caught:
        kv_blocks(QWEN, device, tensor_parallel, block_size, utilisation)

    assert str(caught.value) == message
