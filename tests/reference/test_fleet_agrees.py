"""This file compares the engine with the slow simulator where instances come, go and die."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.cluster.autoscaling import Autoscaling
from blis.cluster.failures import Failure
from blis.cluster.fleet_plan import Fleet, FleetPool
from blis.foundation.semantics import semantics as semantics_called
from blis.outcome import outcome
from blis.prepare import bind_run
from blis.simulate import Simulation
from tests.reference import naive_fleet
from tests.reference.agreement import differences
from tests.reference.engine_runner import cluster_of, policies_of, requests_of, targets_of
from tests.reference.random_cases import random_adapters, random_case

US = 1e-6


def random_fleet(random: Random, last_us: int) -> dict[str, Any]:
    """A plan for an instance to come and go every few steps, and some that die."""
    maximum = random.randint(1, 4)
    tick_us = random.choice((300, 300, 1000, 3000))
    horizon_us = max(last_us, 1) * 2
    failures = [
        {
            "at_us": random.randint(0, horizon_us),
            "instance": random.randrange(maximum),
            "loses": random.random() < 0.25,
            "after_us": random.choice((None, 50, 400)),
        }
        for _ in range(random.choice((0, 0, 1, 3)))
    ]
    return {
        "initial": random.randint(1, maximum),
        "maximum": maximum,
        "tick_us": tick_us,
        "delay_us": random.choice((0, tick_us // 2, tick_us)),
        "load_us": random.choice((0, 30, 200, 1500)),
        "hands_back": random.random() < 0.5,
        "plan": [random.randint(1, maximum) for _ in range(random.randint(1, 40))],
        "failures": sorted(
            (
                one | {"recovers_us": None if one["after_us"] is None else one["at_us"] + one["after_us"]}
                for one in failures
            ),
            key=lambda one: one["at_us"],
        ),
    }


def fleet_of(plan: dict[str, Any]) -> Fleet:
    """The same as the engine has it."""
    return Fleet(
        (FleetPool(plan["initial"], 1, plan["maximum"], plan["load_us"] * US),),
        Autoscaling(
            minimum=(1,), maximum=(plan["maximum"],), tick_s=plan["tick_us"] * US,
            actuation_delay_s=plan["delay_us"] * US, drain="hand-back" if plan["hands_back"] else "finish",
        ),
        tuple(
            Failure(one["at_us"] * US, one["instance"], None if one["after_us"] is None else one["after_us"] * US,
                    "lose" if one["loses"] else "retry")
            for one in plan["failures"]
        ),
    )  # fmt: skip


def engine(case: dict[str, Any], rows: list[dict[str, Any]], semantics: str) -> dict[str, Any]:
    """What the engine makes of a case, as `naive_fleet.simulate` tells it."""
    fleet = case["fleet"]

    def scale(view: Any, params: Any, memory: Any, wanted: Any) -> None:
        wanted[0] = fleet["plan"][min(int(view.clock_us) // fleet["tick_us"], len(fleet["plan"]) - 1)]

    cluster = replace(cluster_of(case), fleet=fleet_of(fleet))
    run = bind_run(
        cluster,
        policies_of(case) | {"scaling": scale},
        semantics_called(semantics),
        case.get("horizon_us"),
        targets_of(case),
    )
    done = outcome(Simulation(requests_of(case, rows), run, seed=case["seed"]).run())
    seen, instances = done.requests, done.instances

    def whole(values: Any) -> list[int | None]:
        return [int(value) if value >= 0 else None for value in values]

    from blis.engine.codes import STATUS_NAMES

    columns = {
        "instance": whole(seen.instance),
        "ttft_us": whole(seen.ttft_us),
        "e2e_us": whole(seen.e2e_us),
        "scheduling_delay_us": whole(seen.scheduling_delay_us),
        "status": [STATUS_NAMES[one] for one in seen.status],
        "preemptions": seen.preemptions.tolist(),
        "cached_blocks": whole(seen.cached_blocks),
    }
    times = {"loading": instances.loading_us, "warm": instances.warm_us}
    times |= {"draining": instances.draining_us, "failed": instances.failed_us}
    return {
        "requests": [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)],
        "spent_us": [
            {state: int(values[index]) for state, values in times.items()} for index in range(fleet["maximum"])
        ],
        "rerouted": done.n_rerouted,
        "end_us": done.end_us,
        "steps": instances.steps.tolist(),
        "hits": instances.cache_hits.tolist(),
        "misses": instances.cache_misses.tolist(),
        "intervals": np.repeat(done.interval_us, done.interval_tokens).tolist(),
    }


@pytest.mark.parametrize("semantics", ["corrected", "vllm-0.32", "reference-2026-04"])
@pytest.mark.parametrize("has_adapters", [False, True])
def test_engine_and_slow_simulator_agree_on_fleets(semantics: str, has_adapters: bool) -> None:
    @settings(derandomize=True, deadline=None, max_examples=200, database=None)
    @given(seed=st.integers(0, 2**32))
    def agree(seed: int) -> None:
        random = Random(seed)
        case, rows = random_case(random, semantics, 40)
        case["fleet"] = random_fleet(random, rows[-1]["arrival_us"])
        case["instances"] = case["fleet"]["maximum"]
        case["routing"] = {"policy": random.choice(("least-loaded", "round-robin"))}
        case["seed"] = seed
        if has_adapters:
            case |= random_adapters(random, rows, case["instances"])
            case["lora"]["slots"] = [max(1, one) for one in case["lora"]["slots"]]

        want = naive_fleet.simulate(case, rows, semantics)
        got = engine(case, rows, semantics)

        assert differences(want, got) == []

    agree()
