"""What is published of KV tiers, and what arithmetic says of them."""

from typing import Any

import numpy as np
import pytest

from blis.cluster.deployment import build_cluster
from blis.cluster.plan import cluster_plan
from blis.outcome import Outcome, outcome
from blis.prepare import bind_run
from blis.simulate import Simulation
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import Requests
from blis.workload.table import requests_of
from tests.laws.test_kv_tiers import run_of

BLOCK = 16
LLAMA_8B = {"model": "meta-llama/llama-3.1-8b-instruct", "tensor_parallel": 1}
LLAMA_70B = {"model": "meta-llama/llama-3.1-70b-instruct", "tensor_parallel": 4}


def twice(prompt_tokens: int) -> Requests:
    """A prompt, another as long that nobody repeats, and the first again, far apart."""
    tokens, ones = np.full(3, prompt_tokens + 1), np.ones(3, np.int64)
    keys = keys_of_groups(tokens, ones, np.array([0, -1, 0]), np.array([1, 0, 1]) * prompt_tokens, BLOCK)
    return requests_of(
        arrival_us=np.array([0, 30_000_000, 60_000_000]),
        input_tokens=tokens,
        output_tokens=ones,
        keys=keys,
        block_size_tokens=BLOCK,
    )


def served(prompt_tokens: int, device: dict[str, Any], place: dict[str, Any], tiering: str = "always") -> Outcome:
    """One instance whose GPUs hold one of the prompts, and a tier that holds both."""
    cluster = place | {
        "hardware": "H100",
        "latency": {"kind": "silicon"},
        "kv_blocks": prompt_tokens // BLOCK + 2,
        "max_model_len_tokens": 0,
        "step_token_budget": 8192,
        "kv_tiers": {"tiers": [device | {"capacity_gb": 100}]},
    }
    run = bind_run(build_cluster(cluster_plan(cluster)), {"tiering": tiering})
    return outcome(Simulation(twice(prompt_tokens), run).run())


@pytest.mark.parametrize("place", [LLAMA_8B, LLAMA_70B])
def test_hits_in_host_memory_lower_ttft_by_more_for_longer_prompts(place: dict[str, Any]) -> None:
    # vLLM's offloading connector: 2 to 22 times (blog.vllm.ai, January 2026).
    ratios = []
    for prompt_tokens in (2048, 8192):
        ttft_us = served(prompt_tokens, {"device": "cpu-pcie5"}, place).requests.ttft_us
        ratios.append(ttft_us[0] / ttft_us[2])

    assert 1.5 < ratios[0] < ratios[1] < 22


def test_a_load_ends_when_the_bytes_have_come() -> None:
    result = served(8192, {"device": "nvme-gen4"}, LLAMA_8B)

    assert result.tiers is not None
    # All but one of its 512 blocks, of 16 tokens of 131,072 bytes, at 7 GB/s, and 80 µs.
    assert result.tiers.devices.loaded_blocks[0] == 511
    assert result.tiers.devices.load_us[0] == round(80 + 511 * 16 * 131_072 / 7e3)


def test_loading_pays_from_the_bandwidth_on_at_which_it_is_as_quick_as_computing() -> None:
    quick = served(8192, {"device": "cpu-pcie5"}, LLAMA_8B, "break-even")
    assert quick.requests.cached_blocks[2] == 512
    prompt_us = quick.requests.ttft_us[0] - quick.requests.ttft_us[2]
    break_even = 512 * 16 * 131_072 / prompt_us / 1e3

    for factor, is_loaded in ((0.6, False), (1.5, True)):
        rate = {"read_gb_per_s": factor * break_even, "write_gb_per_s": 10}
        assert (served(8192, rate, LLAMA_8B, "break-even").requests.cached_blocks[2] == 512) == is_loaded


def test_a_small_tier_takes_most_of_what_preemptions_lose_and_of_the_wait() -> None:
    # V-TIER: with a CPU tier fewer tokens are computed again, and TTFT falls; how much differs from seed to seed.
    def sums(chain: str | None) -> tuple[int, int]:
        runs = [outcome(run_of(seed, chain, "back").run()).requests for seed in range(6)]
        return sum(int(one.computed_tokens.sum()) for one in runs), sum(int(one.ttft_us.sum()) for one in runs)

    computed, ttft_us = sums(None)
    fewer, sooner = sums("one")

    assert fewer < 0.95 * computed
    assert sooner < ttft_us
