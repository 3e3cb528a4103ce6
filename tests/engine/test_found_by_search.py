"""This file keeps, smallest first, the situations in which a search found the engine to be wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from blis.cluster.instances import Cluster, Instance
from blis.cluster.latency import affine
from blis.engine.answers import compiled_answer
from blis.foundation.answers import choices
from blis.foundation.semantics import semantics
from blis.outcome import Outcome, outcome
from blis.policies.routing import least_loaded
from blis.prepare import bind_run
from blis.simulate import Simulation
from blis.workload import labels, table
from blis.workload.prefixes import keys as prefix_keys
from tests.reference.naive import simulate
from tests.reference.test_worked_examples import case, requests

BLOCK = 4


def simulation(
    rows: list[tuple[int, int, int]],
    *,
    kv_blocks: int = 100,
    beta_us: tuple[float, float, float] = (100, 10, 5),
    preset: str = "corrected",
    classes: tuple[str, ...] = (),
    keys: prefix_keys.PrefixKeys | None = None,
    block: int = BLOCK,
    n_instances: int = 1,
    alpha_us: tuple[float, float, float] = (0, 0, 0),
    **policies: Any,
) -> Simulation:
    """One small cluster that serves rows of arrival, prompt and output."""
    arrival_us, prompt, output = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    none = np.full(len(rows), -1)
    if keys is None:
        keys = prefix_keys.keys_of_groups(prompt, output, none, none * 0, block)
    requests = table.requests_of(
        arrival_us=arrival_us, input_tokens=prompt, output_tokens=output, keys=keys, block_size_tokens=block,
        slo_class=labels.number_names(classes) if classes else None,
    )  # fmt: skip
    latency = affine.prepare(affine.Params(alpha_us=alpha_us, beta_us=beta_us), None, None, 1)
    cluster = Cluster((Instance(kv_blocks, 64, 2048, latency),) * n_instances, "affine", block)
    return Simulation(requests, bind_run(cluster, policies, semantics(preset)))


def run(rows: list[tuple[int, int, int]], **options: Any) -> Outcome:
    return outcome(simulation(rows, **options).run())


@pytest.mark.parametrize(
    "folder", ["admission", "routing", "scoring", "priority", "scheduling", "preemption", "latency"]
)
def test_every_answer_of_a_folder_compiles(folder: str) -> None:
    for name in choices(folder):
        assert compiled_answer(folder, name) is not None


def test_a_drop_during_the_last_step_does_not_shorten_the_run() -> None:
    # The first request takes one step of 100 + 10; the second needs more than the 1 block there is.
    result = run([(0, 1, 0), (5, 5, 0)], kv_blocks=1)

    assert result.end_us == 110


def test_a_step_that_overlaps_an_earlier_one_does_not_shorten_the_run() -> None:
    # Steps 0-120 and 1-111: the reference forgets that the first still runs.
    result = run([(0, 2, 0), (1, 1, 0)], preset="reference-2026-04")

    assert result.end_us == 120


def test_february_queues_before_a_step_that_was_fixed_after_the_routing() -> None:
    # 7: the first request is queued, the second is routed, then a step of 2 is fixed. 9: the queueing of the
    # second (2 after its routing) was fixed before the step at 9, so one step serves both.
    result = run([(4, 2, 2), (7, 1, 0)], preset="reference-2026-02", alpha_us=(2.5, 0.25, 1.75), beta_us=(0, 1, 0))

    assert result.instances.steps.tolist() == [2]


@pytest.mark.parametrize("preset", ["corrected", "vllm-0.32", "reference-2026-04"])
def test_equal_outputs_written_side_by_side_are_keyed_in_batch_order(preset: str) -> None:
    prompts = [[1, 1, 2, 1, 1], [1, 1], [1, 1], [1]]
    outputs: list[list[int]] = [[], [2, 1, 1], [], [1, 2, 1, 1]]
    keys = prefix_keys.keys_of_tokens(prompts, outputs, 2)
    rows = [(3, len(prompt), len(output)) for prompt, output in zip(prompts, outputs, strict=True)]
    alpha_us, beta_us = (0, 2, 7), (10.5, 0.7, 3.3)
    one = case(alpha_us, beta_us, kv_blocks=4, block_size_tokens=2, max_running_requests=64)
    texts = [{"text": prompt + output} for prompt, output in zip(prompts, outputs, strict=True)]

    result = run(rows, keys=keys, block=2, kv_blocks=4, alpha_us=alpha_us, beta_us=beta_us, preset=preset)
    naive = simulate(one, [row | text for row, text in zip(requests(*rows), texts, strict=True)], preset)

    assert result.requests.cached_blocks.tolist() == [row["cached_blocks"] for row in naive["requests"]]
    assert result.requests.e2e_us.tolist() == [row["e2e_us"] for row in naive["requests"]]
    assert result.instances.cache_hits[0] == naive["cache_hits"]
    assert result.instances.cache_misses[0] == naive["cache_misses"]


def class_priority(view: Any, request: Any, params: Any, memory: Any) -> float:
    """As `slo-class`: critical 4, batch -1."""
    return 4.0 if request.slo_class == 1 else -1.0


@pytest.mark.parametrize("scheduling", ["fcfs", "sjf", "priority-fcfs"])
@pytest.mark.parametrize(
    ("rows", "classes"),
    [
        ([(0, 4, 6), (0, 4, 6), (0, 4, 6)], ("critical", "batch", "critical")),
        ([(0, 4, 6), (0, 8, 4), (0, 1, 1)], ("critical", "critical", "critical")),
    ],
)
def test_the_victim_is_the_same_whether_priorities_are_compiled_or_python(
    rows: list[tuple[int, int, int]], classes: tuple[str, ...], scheduling: str
) -> None:
    options: dict[str, Any] = {
        "kv_blocks": 4, "classes": classes, "scheduling": scheduling, "preemption": "lowest-priority"
    }  # fmt: skip

    compiled = run(rows, priority="slo-class", **options)
    python = run(rows, priority=class_priority, **options)

    assert python.requests.preemptions.tolist() == compiled.requests.preemptions.tolist()


@pytest.mark.parametrize("scheduling", ["fcfs", "sjf", "priority-fcfs"])
def test_two_requests_that_fit_alone_do_not_preempt_each_other_for_ever(scheduling: str) -> None:
    # Each needs at most 4 of the 5 blocks; age as priority must spare the older one.
    result = run(
        [(0, 4, 6), (300, 8, 6)],
        kv_blocks=5, priority="slo-based", scheduling=scheduling, preemption="lowest-priority",
    )  # fmt: skip

    assert result.instances.completed_requests.tolist() == [2]
    assert result.requests.preemptions[0] == 0


def test_a_run_stops_at_a_routing_decision_of_a_python_policy_too() -> None:
    one = simulation([(0, 4, 1)] * 3, n_instances=2, routing=least_loaded.route)

    one.stop_at_routing(1)

    assert one.advance(2**62) is False
    assert one.n_routed == 1


def test_steps_longer_than_two_to_the_31_us_keep_their_length() -> None:
    result = run([(0, 4, 3)], beta_us=(3e9, 0, 0))

    assert result.interval_us.tolist() == [3_000_000_000]
    assert result.interval_tokens.tolist() == [2]


@pytest.mark.parametrize("scheduling", ["fcfs", "priority-fcfs"])
def test_priorities_that_grow_are_compared_at_one_moment(scheduling: str) -> None:
    # Compared as of their last ranking, two equal requests would preempt each other for ever.
    result = run(
        [(0, 8, 6), (0, 8, 6)],
        kv_blocks=5, priority={"policy": "program", "formula": "age_us input_tokens mul"}, scheduling=scheduling,
        preemption="lowest-priority",
    )  # fmt: skip

    assert result.instances.completed_requests.tolist() == [2]
