"""Whatever ranks free blocks, chains go from their ends, nothing is lost, and who knows the future finds most."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.cluster.instances import Cluster, Instance
from blis.cluster.latency import affine
from blis.engine.block_runs import covering
from blis.engine.laws import check_laws
from blis.engine.state import MOST_QUEUES
from blis.foundation.answers import choices
from blis.foundation.semantics import semantics
from blis.outcome import outcome
from blis.policies.eviction import lru
from blis.prepare import bind_run
from blis.simulate import Simulation
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import Requests
from blis.workload.table import requests_of
from tests.laws.test_runs_of_blocks import BLOCK, LATENCY, block_by_block, conversations  # noqa: F401

QUICK = affine.prepare(affine.Params(alpha_us=(0.0, 0.0, 0.0), beta_us=(10.0, 1.0, 1.0)), None, None, 1)


def crowded(seed: int, eviction: Any, **limits: Any) -> Simulation:
    """Conversations on two instances that are short of memory."""
    requests = conversations(seed)
    longest = int((requests.input_tokens + requests.output_tokens).max())
    instance = Instance(
        kv_blocks=longest // BLOCK + 8, max_running_requests=6, step_token_budget=32, latency=LATENCY, **limits
    )
    routing = {"policy": "weighted", "scorers": "precise-prefix-cache:3,queue-depth:1"}
    cluster = Cluster((instance,) * 2, "affine", BLOCK, cache_signal_delay_us=300)
    return Simulation(requests, bind_run(cluster, {"routing": routing, "eviction": eviction}, semantics("corrected")))


def parents(run: Simulation) -> dict[int, int]:
    """The segment before each, -1 for the first of a prompt."""
    found = {}
    for request in range(len(run.requests)):
        first, end = run.workload.segment_offsets[request : request + 2]
        path = run.workload.segments[first:end].tolist()
        found.update(zip(path, [-1, *path], strict=False))
    return found


def assert_chains_are_whole(run: Simulation, before: dict[int, int]) -> None:
    """Every block that can be found lies behind one that can be found."""
    state, m = run.state, len(run.prepared.limits)
    runs = state.cache.runs
    for instance in range(m):
        one = int(runs.next[instance])
        while one != instance:
            segment, place = int(runs.identity[one]) // m, int(runs.first[one])
            one = int(runs.next[one])
            if segment not in before or place == 0:  # a block that one request alone can find
                continue
            if place == run.workload.segment_first[segment]:
                segment = before[segment]
            assert covering(state.cache, segment * m + instance, place - 1)[0] >= 0


@pytest.mark.parametrize("eviction", choices("eviction"))
@pytest.mark.parametrize("limits", [{}, {"async_scheduling": True}])
@pytest.mark.parametrize("seed", range(3))
def test_chains_go_from_their_ends_and_no_block_is_lost(eviction: str, limits: dict[str, Any], seed: int) -> None:
    run = crowded(seed, eviction, **limits)
    before, evicted = parents(run), 0
    for until_us in range(400, 40_000, 800):
        run.advance(until_us)
        check_laws(run.workload, run.prepared.limits, run.state)
        assert_chains_are_whole(run, before)
    evicted = int(outcome(run.run()).instances.evicted_blocks.sum())
    assert evicted > 300


@pytest.mark.parametrize("eviction", choices("eviction"))
def test_queues_count_the_blocks_that_are_free(eviction: str) -> None:
    run = crowded(1, eviction).run()
    state, m = run.state, len(run.prepared.limits)
    if not len(state.kept.runs):
        return
    runs, kept = state.cache.runs, state.kept
    for instance in range(m):
        counted = np.zeros(MOST_QUEUES, np.int64)
        one = int(runs.next[instance])
        while one != instance:
            counted[kept.runs.queue[one]] += runs.end[one] - runs.first[one]
            one = int(runs.next[one])
        queues = slice(instance * MOST_QUEUES, (instance + 1) * MOST_QUEUES)
        assert kept.queues.blocks[queues].tolist() == counted.tolist()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("limits", [{}, {"async_scheduling": True}, {"long_prefill_threshold_tokens": 9}])
def test_ranking_all_alike_is_the_order_of_giving_back(
    seed: int, limits: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = crowded(seed, "lru", **limits).run()
    monkeypatch.setattr(lru, "EVICTS_OLDEST", False)
    ranked = crowded(seed, "lru", **limits).run()

    assert not len(listed.state.kept.runs)
    assert len(ranked.state.kept.runs)
    for name in ("finished_us", "cached_blocks", "instance"):
        assert listed.state.requests[name].tolist() == ranked.state.requests[name].tolist()
    for name in ("cache_hits", "evicted_blocks", "preemptions"):
        assert listed.state.instances[name].tolist() == ranked.state.instances[name].tolist()


BY_THE_BLOCK = ("lfu", "priority", "ttl", "belady")


@pytest.fixture(scope="module")
def as_runs() -> dict[str, Any]:
    """What requests found and when they ended, with the segments that simulations use."""
    return {eviction: ends(eviction) for eviction in BY_THE_BLOCK}


def ends(eviction: str) -> list[list[int]]:
    """The same of one answer, over some seeds."""
    found = []
    for seed in range(4):
        run = crowded(seed, eviction).run()
        found += [run.state.requests[name].tolist() for name in ("cached_blocks", "finished_us", "preemptions")]
    return found


@pytest.mark.usefixtures("block_by_block")
@pytest.mark.parametrize("eviction", BY_THE_BLOCK)
def test_ranking_runs_is_ranking_their_blocks_one_by_one(eviction: str, as_runs: dict[str, Any]) -> None:
    assert ends(eviction) == as_runs[eviction]


def one_after_the_other(seed: int, count: int = 60) -> Requests:
    """Prompts that share beginnings of three texts, and go on where another ended; none begins before one has left.

    One token lies behind the whole blocks of each, so that a prompt found wholly computes no block again.
    """
    draw = np.random.default_rng(seed)
    group, prefix = draw.integers(0, 3, count), BLOCK * draw.integers(1, 7, count)
    own = BLOCK * draw.integers(0, 3, count) + 1
    source, context = np.full(count, -1), np.zeros(count, np.int64)
    tokens = prefix + own
    for row in range(1, count):
        if draw.random() < 0.4:
            source[row] = draw.integers(max(0, row - 10), row)
            context[row] = tokens[source[row]] - 1
            prefix[row], tokens[row] = 0, context[row] + own[row]
    outputs = np.ones(count, np.int64)
    return requests_of(
        arrival_us=100_000 * np.arange(count),
        input_tokens=tokens,
        output_tokens=outputs,
        keys=keys_of_groups(tokens, outputs, group, prefix, BLOCK, source, context),
        block_size_tokens=BLOCK,
    )


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 100_000), spare=st.integers(0, 20))
def test_who_knows_the_future_finds_most_where_requests_run_one_after_the_other(seed: int, spare: int) -> None:
    requests = one_after_the_other(seed)
    blocks = int(requests.input_tokens.max()) // BLOCK + 1 + spare
    instance = Instance(kv_blocks=blocks, max_running_requests=4, step_token_budget=4096, latency=QUICK)

    found = {}
    for eviction in choices("eviction"):
        run = bind_run(Cluster((instance,), "affine", BLOCK), {"eviction": eviction})
        found[eviction] = int(outcome(Simulation(requests, run).run()).requests.cached_blocks.sum())

    assert found["belady"] == max(found.values())
