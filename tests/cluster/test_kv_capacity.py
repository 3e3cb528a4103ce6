from dataclasses import replace
from pathlib import Path

import pytest

from blis.cluster.catalog import SequenceState, TokenCache, Weights, read_device, read_model
from blis.cluster.kv_capacity import (
    BYTES_PER_GIB,
    Load,
    activation_bytes,
    gpu_memory,
    kv_blocks,
    kv_bytes_per_token,
    weight_bytes,
)
from blis.foundation.errors import ConfigError

FILES = Path(__file__).parents[1] / "data" / "model_configs"
H100 = read_device("H100")
LLAMA, QWEN = read_model("llama-3.1-8b-instruct"), read_model("qwen3-14b")
LOAD = Load(step_tokens=2048, requests=256)
GIB = BYTES_PER_GIB

# A model of round numbers on a card of round memory: 1 GiB of weights, and 1 MiB of keys and values per token.
ROUND = replace(
    QWEN,
    layers=64,
    kv_heads=8,
    head_dim=512,
    heads=8,
    vocab=1,
    hidden=8,
    intermediate=8,
    weights=(Weights("all", GIB // 2, float(GIB), 0),),
)
CARD = replace(H100, visible_memory_gib=11.15)
TINY = Load(step_tokens=1, requests=1)
MIB_PER_TOKEN = 64 * 8 * (2 * 512) * 2


def read(name):
    return read_model(FILES / name) if (FILES / name).is_dir() else read_model(name)


def tokens(model, tensor_parallel=1, load=TINY, device=CARD, **options):
    return kv_blocks(model, device, tensor_parallel, 1, 1.0, load, **options)


# Start-up logs of vLLM on an H100 that reports 79.18 GiB, of which 0.9 may be used, with its 1,024 requests and 8,192
# tokens per step: llm-d-benchmark, config_explorer/empirical-vllm-memory-results.md. The last is a log of vLLM
# 0.6, whose number of requests was 256, on a card that reports 79.14 GiB.
@pytest.mark.parametrize(
    ("name", "tensor_parallel", "card_gib", "requests", "weights", "activations", "left"),
    [
        ("llama-3.1-8b-instruct", 1, 79.18, 1024, 14.99, 4.76, 51.38),
        ("llama-3.1-70b-instruct-fp8", 2, 79.18, 1024, 33.88, 4.84, 32.0),
        ("qwen3-0.6b", 1, 79.18, 1024, 1.12, 5.56, 64.45),
        ("qwen3-32b", 1, 79.18, 1024, 61.03, 5.64, 4.45),
        ("gpt-oss-20b", 1, 79.18, 1024, 13.47, 7.38, 50.28),
        ("llama-3.1-8b-instruct", 1, 79.14, 256, 14.99, 1.19, 54.93),
    ],
)
def test_memory_is_divided_as_in_published_logs(name, tensor_parallel, card_gib, requests, weights, activations, left):
    card = replace(H100, visible_memory_gib=card_gib)

    memory = gpu_memory(read(name), card, tensor_parallel, 0.9, Load(8192, requests))

    assert memory.weight_bytes / GIB == pytest.approx(weights, abs=0.05)
    assert memory.activation_bytes / GIB == pytest.approx(activations, rel=0.03)
    assert memory.free_bytes / GIB == pytest.approx(left, abs=0.15)


def test_a_published_log_of_a_model_of_experts_at_a_higher_utilisation():
    memory = gpu_memory(read_model("gpt-oss-120b"), replace(H100, visible_memory_gib=79.18), 1, 0.95, Load(8192, 1024))

    assert memory.free_bytes / GIB == pytest.approx(3.33, abs=0.2)


def test_tokens_are_memory_by_what_a_token_takes():
    # 11.15 GiB less 1 of weights and 0.15 of runtime, by 1 MiB; sampling takes some bytes.
    assert kv_bytes_per_token(ROUND, 1) == MIB_PER_TOKEN == 2**20
    assert tokens(ROUND) == 10 * 1024 - 1


def test_every_gpu_of_a_group_stores_its_share_of_each_token():
    # On each of two: 11.15 GiB less 0.5 of weights and 0.6 of runtime, by half a MiB.
    assert tokens(ROUND, 2) == int((11.15 - 0.5 - 0.6) * 2048)
    assert kv_bytes_per_token(ROUND, 2) == 2**19


def test_blocks_take_no_more_memory_than_the_group_has():
    for degree in (1, 2, 4, 8):
        for name in ("qwen3-14b", "llama-3.1-8b-instruct", "qwen3-30b-a3b"):
            model = read_model(name)
            stored = kv_blocks(model, H100, degree, 16, 0.9, LOAD) * 16 * kv_bytes_per_token(model, degree)
            assert stored + weight_bytes(model, degree) < 0.9 * 79.15 * GIB


@pytest.mark.parametrize(
    ("tensor_parallel", "share"), [(1, 1), (2, 1 / 2), (4, 1 / 4), (8, 1 / 8), (16, 1 / 8), (32, 1 / 8)]
)
def test_more_gpus_than_heads_hold_copies(tensor_parallel, share):
    assert kv_bytes_per_token(ROUND, tensor_parallel) == share * 2**20


def test_latent_attention_is_copied_to_every_gpu():
    deepseek = read_model("deepseek-v3")

    assert kv_bytes_per_token(deepseek, 1) == kv_bytes_per_token(deepseek, 8) == 61 * 576 * 2


@pytest.mark.parametrize(("kv_cache_dtype", "times"), [("auto", 1), ("bfloat16", 1), ("fp8", 2), ("fp8_e5m2", 2)])
def test_elements_of_half_the_width_hold_twice_the_tokens(kv_cache_dtype, times):
    assert tokens(ROUND, kv_cache_dtype=kv_cache_dtype) == pytest.approx(times * tokens(ROUND), rel=1e-3)


def test_elements_are_as_the_checkpoint_says_unless_told_otherwise():
    calibrated = replace(ROUND, kv_element_bytes=1.0)

    assert tokens(calibrated) == tokens(ROUND, kv_cache_dtype="fp8")
    assert tokens(calibrated, kv_cache_dtype="bfloat16") == tokens(ROUND)


def test_weights_of_the_width_of_their_storage_leave_the_rest():
    eight_bit, sixteen_bit = read_model("qwen3-32b-fp8"), read_model("qwen3-32b")
    saved = weight_bytes(sixteen_bit, 1) - weight_bytes(eight_bit, 1)

    # Everything but embeddings: 31.2 billion, as the model card says.
    assert saved == pytest.approx(31.2e9, rel=0.005)


def test_what_does_not_divide_has_copies():
    parts = (Weights("attention", 8, 16.0, 0), Weights("attention", 4, 8.0, 2), Weights("router", 2, 4.0, 1))

    assert weight_bytes(replace(ROUND, weights=parts), 4) == 16 / 4 + 8 / 2 + 4


def test_a_model_made_by_hand_is_counted_from_its_fields():
    by_hand = replace(QWEN, weights=())

    assert weight_bytes(by_hand, 2) == pytest.approx(weight_bytes(QWEN, 2), rel=0.01)


# Half of the layers store a window of 100 tokens; one request, a step of one token, blocks of one token.
def test_windows_store_no_more_than_their_tokens():
    half = (TokenCache(32, 8, 1024), TokenCache(32, 8, 1024, 100))
    windowed, full = replace(ROUND, token_caches=half), tokens(ROUND)

    fitting = tokens(windowed)

    most_of_a_window = 100 + 1 + 1
    assert fitting * 2**19 + most_of_a_window * 2**19 <= full * 2**20 + 2**20
    assert fitting == pytest.approx(2 * full - most_of_a_window, abs=2)


@pytest.mark.parametrize("requests", [1, 10, 100, 1000])
def test_windows_hold_every_token_when_requests_may_all_be_shorter(requests):
    half = (TokenCache(32, 8, 1024), TokenCache(32, 8, 1024, 100))
    full = tokens(ROUND)

    fitting = tokens(replace(ROUND, token_caches=half), load=Load(1, requests))

    longest_windows = requests * (100 + 1) + 1
    assert fitting == pytest.approx(max(full, 2 * full - longest_windows), abs=2)


def test_a_model_of_windows_alone_counts_them_as_all_tokens():
    assert tokens(replace(ROUND, token_caches=(TokenCache(64, 8, 1024, 100),))) == tokens(ROUND)


def test_states_are_set_aside_for_every_request_that_may_run():
    # A quarter of the layers attend; 1 GiB of states for each of four requests.
    hybrid = replace(ROUND, token_caches=(TokenCache(16, 8, 1024),), states=(SequenceState(48, GIB / 48, 64),))

    assert tokens(hybrid, load=Load(1, 4)) == pytest.approx((10 - 4) * 4096, abs=2)
    assert tokens(hybrid, load=Load(1, 8)) == pytest.approx((10 - 8) * 4096, abs=2)


def test_activations_are_the_larger_of_sampling_and_of_a_full_step():
    assert activation_bytes(LLAMA, 1, Load(1, 1000)) == pytest.approx(38.8 * 1000 * 128256)
    assert activation_bytes(LLAMA, 1, Load(10**6, 1)) == 10**6 * (4 * 4096 + 3 * 14336) * 2
    assert activation_bytes(LLAMA, 2, Load(10**6, 1)) == 10**6 * (4 * 4096 + 3 * 7168) * 2


def test_fewer_requests_and_smaller_steps_leave_more_blocks():
    few = kv_blocks(LLAMA, H100, 1, 16, 0.9, Load(2048, 64))
    usual = kv_blocks(LLAMA, H100, 1, 16, 0.9, LOAD)
    long_steps = kv_blocks(LLAMA, H100, 1, 16, 0.9, Load(65536, 256))

    assert few > usual > long_steps


def test_the_memory_that_programs_see_is_what_counts():
    assert kv_blocks(LLAMA, replace(H100, visible_memory_gib=0.0), 1, 16, 0.9, LOAD) > kv_blocks(
        LLAMA, H100, 1, 16, 0.9, LOAD
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tensor_parallel": 0}, "tensor_parallel must be an int ≥ 1; got 0."),
        ({"block_size_tokens": 0}, "block_size_tokens must be an int ≥ 1; got 0."),
        ({"memory_utilisation": 1.1}, "memory_utilisation must be a finite number > 0 and ≤ 1; got 1.1."),
        (
            {"device": replace(H100, memory_gib=0.0, visible_memory_gib=0.0)},
            "device 'H100': memory_gib must be a finite number > 0 [GiB]; got 0.0.",
        ),
        ({"model": replace(QWEN, vocab=0)}, "model 'qwen3-14b': vocab must be an int ≥ 1; got 0."),
        ({"model": replace(QWEN, uncounted="config.json: layer_types")}, "config.json: layer_types"),
        (
            {"tensor_parallel": 3},
            "tensor_parallel must divide the 8 kv_heads of model 'qwen3-14b', or be a multiple of them; got 3. "
            "Choices: 1, 2, 4, 8, 16, ...",
        ),
        (
            {"device": read_device("L40S"), "memory_utilisation": 0.5},
            "kv_blocks: model 'qwen3-14b' must take less than 22.2 GiB of each of 1 x L40S at memory_utilisation 0.5; "
            "weights take 27.5 GiB, activations 1.4, runtime 0.1, states of requests 0.0. Use at least 2 GPUs.",
        ),
        (
            {"device": replace(H100, visible_memory_gib=0.5)},
            "kv_blocks: model 'qwen3-14b' must take less than 0.5 GiB of each of 1 x H100 at memory_utilisation 0.9; "
            "weights take 27.5 GiB, activations 1.4, runtime 0.1, states of requests 0.0. Use a device with more "
            "memory.",
        ),
        (
            {"model": replace(QWEN, states=(SequenceState(1, float(GIB), 1),))},
            "kv_blocks: model 'qwen3-14b' must take less than 71.2 GiB of each of 1 x H100 at memory_utilisation 0.9; "
            "weights take 27.5 GiB, activations 1.4, runtime 0.1, states of requests 256.0. Use fewer "
            "max_running_requests. Use a device with more memory.",
        ),
        (
            {"kv_cache_dtype": "fp4"},
            "kv_cache_dtype: no choice named 'fp4'; did you mean 'fp8'? Choices: auto, bfloat16, float16, fp8, "
            "fp8_e4m3, fp8_e5m2.",
        ),
    ],
)
def test_a_wrong_deployment_is_refused_with_what_to_do(changes, message):
    given = {"model": QWEN, "device": H100, "tensor_parallel": 1, "block_size_tokens": 16, "memory_utilisation": 0.9}

    with pytest.raises(ConfigError) as caught:
        kv_blocks(**{**given, "load": LOAD, **changes})

    assert str(caught.value) == message


def test_a_block_that_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match=r"too few for a block of 1000000 tokens\. Use smaller blocks\."):
        kv_blocks(QWEN, H100, 1, 10**6, 0.9, LOAD)
