"""Blocks that come together are handled together, which changes nothing: as runs, or one by one."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from blis.cluster.instances import Cluster, Instance
from blis.cluster.latency import affine
from blis.engine.laws import check_laws
from blis.foundation.semantics import semantics
from blis.prepare import bind_run
from blis.simulate import Simulation
from blis.workload import arrays
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import Requests
from blis.workload.segments import segments_of_keys
from blis.workload.table import requests_of

BLOCK = 4
SEEDS = range(12)
LATENCY = affine.prepare(affine.Params(alpha_us=(50.0, 1.5, 7.0), beta_us=(100.0, 10.0, 5.0)), None, None, 1)
PRECISE = {"policy": "weighted", "scorers": "precise-prefix-cache:3,queue-depth:1"}
AFFINE = {"policy": "weighted", "scorers": "prefix-affinity:3,queue-depth:1"}


def conversations(seed: int, count: int = 120) -> Requests:
    """Requests that share the text of three groups, or go on where one of the last twenty ended or was going to."""
    draw = np.random.default_rng(seed)
    columns = np.zeros((6, count), np.int64)
    for row in range(count):
        group, prefix, source, context = draw.integers(0, 3), draw.integers(1, 40), -1, 0
        if row and draw.random() < 0.6:
            source = draw.integers(max(0, row - 20), row)
            context = draw.integers(1, columns[0, source] + columns[1, source] + 1)
            prefix = 0
        columns[:, row] = (
            max(prefix, context) + draw.integers(1, 20),
            draw.integers(0, 30),
            group,
            prefix,
            source,
            context,
        )
    prompt, output, group, prefix, source, context = columns
    return requests_of(
        arrival_us=np.sort(draw.integers(0, 12_000, count)),
        input_tokens=prompt,
        output_tokens=output,
        keys=keys_of_groups(prompt, output, group, prefix, BLOCK, source, context),
        block_size_tokens=BLOCK,
        prefix_group=None,
    )


@pytest.fixture
def block_by_block(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Simulations whose segments are single blocks."""

    def cut(key_offsets: Any, keys: Any, *, one_block_each: bool = False) -> Any:
        return segments_of_keys(key_offsets, keys, one_block_each=True)

    arrays.workload_arrays.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(arrays, "segments_of_keys", cut)
        yield
    arrays.workload_arrays.cache_clear()


def outcomes(seed: int) -> list[dict[str, list[int]]]:
    """What happened to every request and instance in runs short of memory, under two routers and three engines."""
    limits: list[dict[str, Any]] = [{}, {"async_scheduling": True}, {"long_prefill_threshold_tokens": 9}]
    return [outcome(seed, routing, number, limits[number]) for routing in (PRECISE, AFFINE) for number in range(3)]


def outcome(seed: int, routing: dict[str, str], number: int, limits: dict[str, Any]) -> dict[str, list[int]]:
    """Run one of them, checking the laws on the way."""
    requests = conversations(seed)
    longest = int((requests.input_tokens + requests.output_tokens).max())
    instance = Instance(
        kv_blocks=longest // BLOCK + 8, max_running_requests=6, step_token_budget=32, latency=LATENCY, **limits
    )
    cluster = Cluster((instance,) * 2, "affine", BLOCK, cache_signal_delay_us=300 * number)
    run = bind_run(cluster, {"routing": routing}, semantics("vllm-0.32"))
    simulation = Simulation(requests, run)
    for until_us in range(400, 40_000, 400):
        simulation.advance(until_us)
        check_laws(simulation.workload, run.limits, simulation.state)
    state = simulation.run().state
    found = {name: state.requests[name].tolist() for name in ("instance", "first_token_us", "finished_us")}
    counted = ("cache_hits", "cache_misses", "preemptions", "peak_blocks")
    return found | {name: state.instances[name].tolist() for name in counted}


@pytest.fixture(scope="module")
def as_runs() -> list[list[dict[str, list[int]]]]:
    """Outcomes of all seeds with the segments that simulations use."""
    return [outcomes(seed) for seed in SEEDS]


def test_runs_of_blocks_and_single_blocks_give_the_same(as_runs: list[Any], block_by_block: None) -> None:
    for seed, expected in zip(SEEDS, as_runs, strict=True):
        assert outcomes(seed) == expected


def test_these_runs_find_blocks_evict_them_and_preempt(as_runs: list[list[dict[str, list[int]]]]) -> None:
    for counter in ("cache_hits", "preemptions"):
        assert sum(sum(run[counter]) for seed in as_runs for run in seed) > 1000
    assert all(sum(run["cache_misses"]) > 3 * sum(run["peak_blocks"]) for seed in as_runs for run in seed)
