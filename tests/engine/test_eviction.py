"""Which free blocks go first: small caches, worked out by hand."""

from typing import Any

import numpy as np
import pytest

from blis.cluster.instances import Cluster, Instance
from blis.cluster.latency import affine
from blis.foundation.errors import ConfigError
from blis.foundation.semantics import semantics
from blis.foundation.slo import CLASSES
from blis.outcome import outcome
from blis.policies.eviction import arc
from blis.prepare import bind_run
from blis.simulate import Simulation
from blis.workload.labels import Labels
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import Requests
from blis.workload.table import requests_of
from tests.contracts.test_answers import blocks_view

BLOCK = 4
LATENCY = affine.prepare(affine.Params(alpha_us=(0.0, 0.0, 0.0), beta_us=(100.0, 1.0, 1.0)), None, None, 1)
SCAN = "."


def one_by_one(prompts: str, classes: dict[str, str] | None = None, sessions: str = "") -> Requests:
    """Requests that never meet, one for each letter.

    Each prompt has the four blocks that all of its letter share, or four of its own for a dot, and one token more: so
    it takes five blocks, and gives back four with content. The one token of output is not stored.
    """
    n = len(prompts)
    letters = sorted(set(prompts) - {SCAN})
    group = np.array([letters.index(letter) if letter != SCAN else -1 for letter in prompts])
    classes = classes or {}
    names = [classes.get(letter, "") for letter in prompts]
    tokens = np.full(n, 4 * BLOCK + 1)
    prefix = np.where(group >= 0, 4 * BLOCK, 0)
    return requests_of(
        arrival_us=1_000 * np.arange(n),
        input_tokens=tokens,
        output_tokens=np.ones(n, np.int64),
        keys=keys_of_groups(tokens, np.ones(n, np.int64), group, prefix, BLOCK),
        block_size_tokens=BLOCK,
        slo_class=Labels(np.array([CLASSES.index(name) for name in names], np.int32), tuple(CLASSES)),
        session=Labels(np.array([0 if letter in sessions else -1 for letter in prompts], np.int32), ("one",)),
    )


def found(prompts: str, eviction: Any, kv_blocks: int = 10, **changes: Any) -> list[int]:
    """Blocks that each of the requests finds."""
    instance = Instance(kv_blocks=kv_blocks, max_running_requests=4, step_token_budget=64, latency=LATENCY)
    run = bind_run(Cluster((instance,), "affine", BLOCK), {"eviction": eviction})
    return outcome(Simulation(one_by_one(prompts, **changes), run).run()).requests.cached_blocks.tolist()


@pytest.mark.parametrize(
    ("eviction", "expected"),
    [
        # Ten blocks hold the four of A and four of a scan. The second scan needs three more: those of A are the oldest.
        ("lru", [0, 4, 0, 0, 1, 0, 0, 1]),
        ("fifo", [0, 4, 0, 0, 1, 0, 0, 1]),
        # What was used twice outlives what was used once.
        ("arc", [0, 4, 0, 0, 4, 0, 0, 4]),
        ("slru", [0, 4, 0, 0, 4, 0, 0, 4]),
        ("lfu", [0, 4, 0, 0, 4, 0, 0, 4]),
        ("tiny-lfu", [0, 4, 0, 0, 4, 0, 0, 4]),
        # The first time A goes like a scan; it comes back, and three of its blocks are proven.
        ("two-queue", [0, 4, 0, 0, 1, 0, 0, 4]),
        ("belady", [0, 4, 0, 0, 4, 0, 0, 4]),
    ],
)
def test_a_scan_against_a_hot_prefix(eviction: str, expected: list[int]) -> None:
    assert found("AA..A..A", eviction) == expected


@pytest.mark.parametrize(("eviction", "expected"), [("lru", 1), ("fifo", 1), ("lfu", 4), ("belady", 4)])
def test_a_prefix_used_often_against_one_used_later(eviction: str, expected: int) -> None:
    # B is younger than A, which three have used. The scan takes three blocks: of A by age, of B by use.
    assert found("AAAB.A", eviction)[-1] == expected


def test_uses_of_long_ago_lose_their_weight_with_ageing_alone() -> None:
    # Three uses of A, then B and C in turn: each finds the other's blocks gone, and with ageing A's go in the end.
    prompts = "AAA" + "BC" * 6

    aged, unaged = (found(prompts, {"policy": "lfu", "ageing": ageing}) for ageing in (1.0, 0.0))

    assert unaged[3:] == [0, 0] + [1] * 10
    assert aged[-1] == 4


def test_first_in_first_out_heeds_no_hit() -> None:
    # A came first and was used last: by age B goes, by coming A does.
    assert found("ABA.A", "lru")[-1] == 4
    assert found("ABA.A", "fifo")[-1] == 1


@pytest.mark.parametrize(("s_per_urgency", "expected"), [(0.0, 1), (0.0001, 1), (0.001, 4)])
def test_urgency_is_worth_so_much_age(s_per_urgency: float, expected: int) -> None:
    # A is critical (4), B and the scan are batch (-1): five units. A is 1 ms older than B.
    classes = {"A": "critical", "B": "batch", ".": "batch"}
    eviction = {"policy": "priority", "s_per_urgency": s_per_urgency}

    assert found("AB.A", eviction, classes=classes)[-1] == expected


@pytest.mark.parametrize(("session_ttl_s", "expected"), [(0.001, 1), (0.0035, 4)])
def test_blocks_of_sessions_live_longer(session_ttl_s: float, expected: int) -> None:
    # A's time ends 1 or 3.5 ms after it leaves, B's 1 ms after it leaves, which is 1 ms later.
    eviction = {"policy": "ttl", "ttl_s": 0.001, "session_ttl_s": session_ttl_s}

    assert found("AB.A", eviction, sessions="A")[-1] == expected


def test_the_target_moves_as_the_paper_says() -> None:
    """Blocks remembered: 8 of those used once (2 more came back), 20 of the others: each that came back counts 2."""
    memory, parameters = np.zeros(4), np.zeros(1)
    ghosts = np.array([8, 20, 0])

    queue = arc.queue(blocks_view(ghost_queue=0, ghost_blocks_found=2, ghost_blocks=ghosts), parameters, memory)
    assert (queue, memory[0]) == (1, 4.0)

    queue = arc.queue(blocks_view(ghost_queue=1, ghost_blocks_found=2, ghost_blocks=ghosts), parameters, memory)
    assert (queue, memory[0]) == (1, 2.0)


def test_evicted_blocks_are_counted_if_others_could_have_found_them() -> None:
    # Of the two scans the second evicts three of A; A evicts three of a scan, which nobody could have found.
    instance = Instance(kv_blocks=10, max_running_requests=4, step_token_budget=64, latency=LATENCY)
    evicted = []
    for eviction in ("lru", "arc"):
        run = bind_run(Cluster((instance,), "affine", BLOCK), {"eviction": eviction})
        evicted.append(outcome(Simulation(one_by_one("AA..A"), run).run()).instances.evicted_blocks.tolist())

    assert evicted == [[3], [0]]


@pytest.mark.parametrize("name", ["reference-2026-04", "reference-2026-02"])
def test_the_recorded_reference_evicts_in_one_order(name: str) -> None:
    instance = Instance(kv_blocks=10, max_running_requests=4, step_token_budget=64, latency=LATENCY)

    with pytest.raises(ConfigError, match=r"eviction must be lru where the recorded reference .*; got 'arc'"):
        bind_run(Cluster((instance,), "affine", BLOCK), {"eviction": "arc"}, semantics(name))


def test_python_cannot_be_asked_in_the_middle_of_a_step() -> None:
    def mine(view: Any, params: Any, memory: Any) -> float:
        return 0.0

    with pytest.raises(ConfigError, match=r"eviction: .*mine' must be compiled, with numba\.njit"):
        bind_run(
            Cluster(
                (Instance(kv_blocks=10, max_running_requests=4, step_token_budget=64, latency=LATENCY),),
                "affine",
                BLOCK,
            ),
            {"eviction": mine},
        )
