"""Laws of the queue in front of the router: nobody is lost, and how a run is cut or copied changes nothing."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.cluster.gateway import Gateway
from blis.engine.codes import STATUS_NAMES
from blis.engine.laws import check_conservation, check_laws
from blis.foundation.answers import choices
from blis.foundation.slo_targets import SHIPPED
from blis.metrics.figures import cluster_figures
from blis.outcome import Outcome, outcome
from blis.simulate import Simulation
from blis.workload.requests import Requests
from blis.workload.retries import Retries
from tests.gateway import small_gateway
from tests.gateway.every_cycle import limit_in_every_cycle

CLASSES = ("critical", "", "batch", "background")


def random_requests(seed: int, count: int = 50) -> Requests:
    draw = np.random.default_rng(seed)
    arriving = small_gateway.requests(
        np.sort(draw.integers(0, 60_000, count)).tolist(),
        output_tokens=int(draw.integers(1, 20)),
        slo_class=[str(draw.choice(CLASSES)) for _ in range(count)],
        tenant=[str(draw.choice(["flood", "flood", "flood", "rare", "other"])) for _ in range(count)],
        input_tokens=draw.integers(1, 60, count).tolist(),
    )
    return replace(arriving, retries=Retries(base_ms=3, max_ms=9)) if draw.random() < 0.5 else arriving


def random_gateway(seed: int) -> Gateway:
    draw = np.random.default_rng([seed, 1])
    return Gateway(
        capacity_requests=[None, 3, 12][draw.integers(3)],
        bands=[(), ((1, 5),), ((0, 3), (2, 2))][draw.integers(3)],
        ttl_us=[None, 4_000, 40_000][draw.integers(3)],
        request_timeout_us=[None, 20_000][draw.integers(2)],
        tick_us=[1, 137, 1000][draw.integers(3)],
        sweep_us=[1, 1_500][draw.integers(2)],
        displaces_least_urgent=bool(draw.integers(2)),
    )


def random_policies(seed: int) -> dict[str, Any]:
    draw = np.random.default_rng([seed, 2])
    saturation: dict[str, Any] = {"policy": str(draw.choice(choices("saturation")))}
    if saturation["policy"] in ("utilization", "queue-and-kv"):
        saturation |= {"queue_depth_threshold": 1.0, "kv_cache_util_threshold": 0.2}
    elif saturation["policy"] == "concurrency":
        mode = str(draw.choice(["requests", "tokens", "hybrid"]))
        saturation |= {"mode": mode, "max_concurrency": 3, "max_token_concurrency": 90}
    elif saturation["policy"] == "token-headroom":
        saturation["headroom"] = 0.8
    others = {name: str(draw.choice(choices(name))) for name in ("fairness", "queue_order", "ceiling")}
    return {"saturation": saturation, "routing": "least-loaded", **others}


def start(seed: int, **options: Any) -> Simulation:
    refresh_us = int(np.random.default_rng([seed, 3]).choice([0, 0, 5_000]))
    return small_gateway.simulation(
        random_requests(seed), random_gateway(seed), random_policies(seed), n_instances=2,
        snapshot_refresh_us=refresh_us, seed=seed, **options,
    )  # fmt: skip


def assert_same(one: Outcome, other: Outcome) -> None:
    for part in ("requests", "gateway"):
        for name in getattr(one, part).__dataclass_fields__:
            np.testing.assert_array_equal(getattr(getattr(one, part), name), getattr(getattr(other, part), name), name)
    np.testing.assert_array_equal(one.retries, other.retries)
    assert one.end_us == other.end_us


@settings(max_examples=80, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32), slice_us=st.integers(900, 30_000))
def test_nobody_is_lost_at_any_moment_and_slices_and_copies_change_nothing(seed: int, slice_us: int) -> None:
    whole = outcome(start(seed, horizon_us=300_000).run())

    sliced = start(seed, horizon_us=300_000)
    for until_us in range(0, 301_000, slice_us):
        sliced.advance(until_us)
        sliced = sliced.fork()
        check_conservation(sliced.state)
        check_laws(sliced.workload, sliced.prepared.limits, sliced.state)
    sliced.run()

    assert_same(whole, outcome(sliced))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_a_run_with_a_trace_is_the_same_run(seed: int) -> None:
    assert_same(outcome(start(seed, record_routing=True).run()), outcome(start(seed, trace="decisions").run()))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_the_states_of_the_metrics_add_up_to_all_requests(seed: int) -> None:
    simulation = start(seed, horizon_us=50_000)
    done = outcome(simulation.run())

    figures = cluster_figures(simulation.requests, simulation.prepared.cluster, done, SHIPPED)

    assert sum(figures.get(f"{name}_requests") or 0 for name in STATUS_NAMES) == len(simulation.requests)


@pytest.mark.parametrize("saturation", ["concurrency", "utilization", "queue-and-kv", "token-headroom"])
@pytest.mark.parametrize("refresh_us", [0, 3_000])
def test_ticks_that_are_left_out_could_have_changed_nothing(saturation: str, refresh_us: int) -> None:
    # Half of what counts as full is the ceiling of some bands, so the measure is mostly below 1, where ticks may count.
    fullness: dict[str, dict[str, float]] = {
        "concurrency": {"max_concurrency": 4},
        "utilization": {"queue_depth_threshold": 2.0, "kv_cache_util_threshold": 0.3},
        "queue-and-kv": {"queue_depth_threshold": 1.0, "kv_cache_util_threshold": 0.2},
        "token-headroom": {"headroom": 0.7},
    }
    policies: dict[str, Any] = {"saturation": {"policy": saturation} | fullness[saturation]}
    options = {"n_instances": 2, "snapshot_refresh_us": refresh_us}

    skipping, running_all = (
        small_gateway.run(random_requests(5, 80), Gateway(tick_us=50), policies | {"ceiling": ceiling}, **options)
        for ceiling in ("priority-holdback", limit_in_every_cycle)
    )

    assert skipping.gateway is not None
    assert skipping.gateway.wait_us.max() > 1_000
    assert_same(skipping, running_all)
