"""Five published runs of the reference, with the corrected figures that its defects' repair gives."""

import json
from pathlib import Path

import numpy as np
import pytest

from blis.cluster.catalog import find_coefficients
from blis.cluster.instances import Cluster, Instance
from blis.cluster.latency import affine
from blis.outcome import outcome
from blis.prepare import bind_run
from blis.simulate import Simulation
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import Requests
from blis.workload.table import requests_of

LENGTHS = json.loads((Path(__file__).parent.parent / "data" / "golden-lengths.json").read_text())
SHARED = "prefix284_prompt70_35_2_200_out215_80_1_512"
PLAIN = "prefix0_prompt2048_1974_2_3500_out28_60_6_200"
BLOCK_SIZE_TOKENS = 16

# model, TP, requests, workload, KV blocks; then E2E, TTFT and ITL means [ms], output tokens, cache hits and misses
# (None: without sharing every block of prompt and output is a miss; the reference's chunks took some too many)
RUNS = [
    ("meta-llama/llama-3.1-8b-instruct", 1, 300, SHARED, 7463,
     2013.2948066666665, 14.329006666666666, 9.263048192771084, 65040, (5083, 5766)),
    ("meta-llama/llama-3.1-8b-instruct", 1, 300, PLAIN, 7463,
     526.5262133333334, 49.444183333333335, 11.412535603221434, 12841, None),
    ("qwen/qwen2.5-7b-instruct", 4, 500, SHARED, 1281766,
     1351.413114, 16.859764, 6.241830754695802, 107404, (8483, 9578)),
    ("ibm-granite/granite-3.1-8b-instruct", 2, 300, PLAIN, 105497,
     408.50021, 45.45448, 8.684611992664061, 12841, None),
    ("codellama/codellama-34b-instruct-hf", 1, 500, SHARED, 2537,
     7070.746886, 66.844266, 32.75790718775724, 107404, (8483, 9578)),
]  # fmt: skip


def golden_requests(name: str, count: int) -> Requests:
    lengths = np.array(LENGTHS[name][:count])
    shares_prefix = name == SHARED
    group = np.full(count, 0 if shares_prefix else -1)
    prefix = np.full(count, 284 if shares_prefix else 0)
    keys = keys_of_groups(lengths[:, 0], lengths[:, 1], group, prefix, BLOCK_SIZE_TOKENS)
    return requests_of(
        arrival_us=np.arange(count) * 99_999,
        input_tokens=lengths[:, 0],
        output_tokens=lengths[:, 1],
        keys=keys,
        block_size_tokens=BLOCK_SIZE_TOKENS,
    )


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"{run[0].split('/')[1]}-{run[3][:9]}")
def test_published_runs_come_out_with_their_corrected_figures(run: tuple) -> None:
    model, tensor_parallel, count, workload, kv_blocks, e2e_ms, ttft_ms, itl_ms, tokens, lookups = run
    row = find_coefficients(model, "H100", tensor_parallel, "v0.8.4")
    latency = affine.prepare(affine.Params(alpha_us=row.alpha_us, beta_us=row.beta_us), None, None, tensor_parallel)
    instance = Instance(kv_blocks=kv_blocks, max_running_requests=256, step_token_budget=2048, latency=latency)

    result = outcome(Simulation(golden_requests(workload, count), bind_run(Cluster((instance,), "affine"))).run())

    intervals = (result.interval_us * result.interval_tokens).sum() / result.interval_tokens.sum() / 1000
    assert result.instances.completed_requests[0] == count
    assert result.requests.e2e_us.mean() / 1000 == pytest.approx(e2e_ms, rel=1e-9)
    assert result.requests.ttft_us.mean() / 1000 == pytest.approx(ttft_ms, rel=1e-9)
    assert intervals == pytest.approx(itl_ms, rel=1e-9)
    assert sum(length[1] for length in LENGTHS[workload][:count]) == tokens
    totals = [prompt + output for prompt, output in LENGTHS[workload][:count]]
    if lookups is None:
        lookups = (0, sum(-(-total // BLOCK_SIZE_TOKENS) for total in totals))
    hits, misses = lookups
    # The reference stores the last token, which may take a block of its own; here nobody stores it.
    misses -= sum((total - 1) % BLOCK_SIZE_TOKENS == 0 for total in totals)
    assert (result.instances.cache_hits[0], result.instances.cache_misses[0]) == (hits, misses)
