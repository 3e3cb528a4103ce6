"""Victims that keep their KV in the host's memory: two requests on one instance, worked out by hand."""

from typing import Any

import numba
import numpy as np
import pytest

from blis.cluster.instances import Cluster, Instance
from blis.cluster.latency import affine
from blis.cluster.swap_space import SwapPlan, SwapSpace
from blis.foundation.errors import ConfigError
from blis.foundation.semantics import semantics
from blis.outcome import Outcome, outcome
from blis.prepare import bind_run
from blis.simulate import Simulation
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.table import requests_of

BLOCK = 4
#: A step takes 100 µs, 1 µs for each token of a prompt, 10 µs for each decode.
LATENCY = affine.prepare(affine.Params(alpha_us=(0, 0, 0), beta_us=(100, 1, 10)), None, None, 1)
#: A block of 4,000 bytes is copied in 25 µs, and a copy takes 10 µs more.
SLOW = {"read_gb_per_s": 0.16, "write_gb_per_s": 0.16, "base_latency_us": 10}


def run_of(swap: dict[str, Any] | None, n: int = 2, kv_blocks: int = 5, mode: Any = "swap", **limits: Any) -> Outcome:
    """Requests of eight tokens that come together, write six, and find nothing in the cache."""
    tokens, outputs = np.full(n, 8), np.full(n, 6)
    requests = requests_of(
        arrival_us=np.zeros(n, np.int64),
        input_tokens=tokens,
        output_tokens=outputs,
        keys=keys_of_groups(tokens, outputs, np.full(n, -1), np.zeros(n, np.int64), BLOCK),
        block_size_tokens=BLOCK,
    )
    limits = {"prefix_caching": False, "async_scheduling": False} | limits
    instance = Instance(kv_blocks=kv_blocks, max_running_requests=4, step_token_budget=64, latency=LATENCY, **limits)
    space = None if swap is None else SwapSpace(SwapPlan.from_mapping("swap", swap), (4000.0,), (1,))
    policies = {"preemption_mode": mode} if swap is not None else {}
    return outcome(Simulation(requests, bind_run(Cluster((instance,), "affine", BLOCK, swap=space), policies)).run())


def ends(run: Outcome) -> list[int]:
    return run.requests.e2e_us.tolist()


def figures(run: Outcome) -> dict[str, int]:
    """What happened in the host's memory."""
    assert run.swap is not None
    return {name: int(run.swap.spaces[name][0]) for name in run.swap.spaces.dtype.names}


#: Both prompts take 116 µs and four of the five blocks. Then each needs another: the second gives way, and can come
#: back when the first has had five steps of 110 µs.
FIRST_TOKEN_US, ALONE_US = 116, 5 * 110


def test_a_victim_without_host_memory_computes_its_nine_tokens_again() -> None:
    run = run_of(None)

    first_us = FIRST_TOKEN_US + ALONE_US
    assert ends(run) == [first_us, first_us + 109 + 4 * 110]
    assert run.swap is None


def test_steps_wait_for_copies_there_and_back() -> None:
    run = run_of(SLOW | {"capacity_blocks": 2})

    copy_us = 10 + 2 * 25
    first_us = FIRST_TOKEN_US + copy_us + ALONE_US
    # What comes back lacks no more than the token that it had written last, which is a decode like any other.
    assert ends(run) == [first_us, first_us + copy_us + 5 * 110]
    assert run.requests.computed_tokens.tolist() == [8, 9]
    seen = figures(run)
    assert (seen["out_requests"], seen["in_requests"], seen["refused_requests"]) == (1, 1, 0)
    assert (seen["out_blocks"], seen["in_blocks"], seen["found_blocks"]) == (2, 2, 0)
    assert (seen["blocks"], seen["peak_blocks"]) == (0, 2)
    assert (seen["return_us"], seen["stalled_us"]) == (copy_us, 2 * copy_us)


def test_copies_beside_steps_delay_only_who_comes_back() -> None:
    run = run_of(SLOW | {"capacity_blocks": 2, "copies": "beside"})

    first_us = FIRST_TOKEN_US + ALONE_US
    assert ends(run) == [first_us, first_us + 10 + 2 * 25 + 5 * 110]
    assert figures(run)["stalled_us"] == 0


@pytest.mark.parametrize("copies", ["step", "beside"])
def test_a_victim_that_finds_no_room_computes_anew_and_is_counted(copies: str) -> None:
    run = run_of(SLOW | {"capacity_blocks": 1, "copies": copies})

    assert ends(run) == ends(run_of(None))
    assert figures(run)["refused_requests"] == 1
    assert figures(run)["out_blocks"] == 0


def test_what_the_gpu_still_has_is_not_copied_back() -> None:
    # The first one takes one more of the victim's blocks while it is away: the other two are where they were.
    run = run_of(SLOW | {"capacity_blocks": 3}, kv_blocks=7, prefix_caching=True)

    seen = figures(run)
    assert seen["out_blocks"] == seen["in_blocks"] + seen["found_blocks"]
    assert seen["found_blocks"] > 0


def test_copies_of_one_direction_wait_for_each_other() -> None:
    # Four prompts take 132 µs and all eight blocks. The first two need those of the fourth, so the third gives way too.
    run = run_of(SLOW | {"capacity_blocks": 10}, n=4, kv_blocks=8)

    copy_us, together_us = 10 + 2 * 25, 5 * 120
    first_us = 132 + 2 * copy_us + together_us
    assert ends(run) == [first_us, first_us, *[first_us + 2 * copy_us + together_us] * 2]
    assert run.swap is not None
    for channel in run.swap.channels:
        assert (channel.transfers, channel.blocks, channel.waited_us) == (2, 4, copy_us)
    assert figures(run)["return_us"] == copy_us + 2 * copy_us


#: The copies of two blocks there and back, and what nine tokens add to a step that computes one more anyway.
COPIES_US, COMPUTING_US = 2 * (10 + 2 * 25), 8


@pytest.mark.parametrize(
    ("mode", "is_kept"),
    [
        ("recompute", False),
        ("swap", True),
        ({"policy": "minimum-tokens", "minimum_tokens": 8}, True),
        ({"policy": "minimum-tokens", "minimum_tokens": 9}, False),
        ({"policy": "break-even", "worth": COMPUTING_US / COPIES_US}, False),
        ({"policy": "break-even", "worth": 0.999 * COMPUTING_US / COPIES_US}, True),
    ],
)
@pytest.mark.parametrize("copies", ["step", "beside"])
def test_the_policy_says_what_becomes_of_a_victim_with_eight_stored_tokens(
    mode: Any, is_kept: bool, copies: str
) -> None:
    given = SLOW | {"capacity_blocks": 2, "copies": copies}
    run = run_of(given, mode=mode)

    assert ends(run) == ends(run_of(given if is_kept else None))
    if run.swap is not None:
        seen = figures(run)
        assert (seen["out_requests"], seen["recomputed_requests"]) == ((1, 0) if is_kept else (0, 1))
        assert seen["refused_requests"] == 0


def test_a_copy_out_counts_the_copies_that_it_waits_for() -> None:
    # Two victims in one step: the second one's copy waits for the first one's.
    one_us, two_us = 2 * (10 + 2 * 25), 3 * (10 + 2 * 25)
    worth = COMPUTING_US / ((one_us + two_us) / 2)
    run = run_of(SLOW | {"capacity_blocks": 10}, 4, 8, {"policy": "break-even", "worth": worth})

    seen = figures(run)
    assert (seen["out_requests"], seen["recomputed_requests"]) == (1, 1)


def test_host_memory_that_the_policy_leaves_alone_changes_nothing() -> None:
    with_room, without = run_of(SLOW | {"copies": "beside"}, mode="recompute"), run_of(None)

    assert with_room.swap is None
    assert ends(with_room) == ends(without)


def test_compiled_functions_decide_and_plain_ones_are_refused() -> None:
    """By the tokens stored, with what a policy of one's own may see."""
    run = run_of(SLOW | {"capacity_blocks": 2}, mode=numba.njit(lambda view, params, memory: view.stored_blocks - 1))

    assert figures(run)["out_requests"] == 1
    with pytest.raises(ConfigError, match=r"must be compiled, with numba\.njit: preemption_mode is asked"):
        run_of(SLOW, mode=lambda view, params, memory: 1)


@pytest.mark.parametrize("name", ["reference-2026-04", "reference-2026-02"])
def test_the_recorded_reference_has_no_swapping(name: str) -> None:
    instance = Instance(kv_blocks=5, max_running_requests=4, step_token_budget=64, latency=LATENCY)
    space = SwapSpace(SwapPlan.from_mapping("swap", {}), (4000.0,), (1,))

    cluster = Cluster((instance,), "affine", BLOCK, swap=space)

    assert bind_run(cluster, semantics=semantics(name)).cluster.swap is space
    with pytest.raises(ConfigError, match=r"preemption_mode must be recompute where the recorded reference .* 'swap'"):
        bind_run(cluster, {"preemption_mode": "swap"}, semantics=semantics(name))
