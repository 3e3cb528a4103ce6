"""What filters keep, alone and one after another."""

from typing import Any

import numpy as np
import pytest

from blis.engine._jit import plain
from blis.engine.views import RequestView
from blis.foundation.errors import ConfigError
from blis.policies.binding import bind
from blis.policies.bundle import bundle_from_mapping, bundle_text, complete_policy
from blis.result import Result, simulate
from blis.scenario import Scenario
from blis.simulate import Simulation
from tests.contracts.test_answers import router_view

REQUEST = RequestView(0, 1_000, 64, 4, 1, 0, -1, 0, 0, 0, 0.0, ttft_target_us=3_000, itl_target_us=2_500)
#: Draws of which `prefix-cache-affinity` and `slo-headroom` take the first for a small number.
LOW, HIGH = 0.0, 1.0


def kept_by(choice: dict[str, Any], n: int = 4, request: RequestView = REQUEST, **signals: Any) -> list[int]:
    """The instances that a filter keeps."""
    policy = bind("filtering", "filtering", choice)
    view = router_view(n, 0)._replace(**{name: np.asarray(value) for name, value in signals.items()})
    kept = np.ones(n, int)
    plain(policy.decide)(view, request, policy.parameters, kept)
    return np.flatnonzero(kept).tolist()


FULL = {"used_blocks": [10, 41, 40, 50], "queued_requests": [0, 9, 5, 6], "running_requests": [3, 1, 2, 1]}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"policy": "kv-threshold"}, [0, 2]),  # 0.8 of 50 blocks is 40
        ({"policy": "kv-threshold", "most_used_share": 0.1}, [0, 1, 2, 3]),  # nobody: everybody
        ({"policy": "kv-threshold", "most_used_share": 1.0}, [0, 1, 2, 3]),
        ({"policy": "queue-threshold"}, [0, 2]),
        ({"policy": "queue-threshold", "most_waiting": 0}, [0]),
        ({"policy": "utilization", "kv_cache_utilization": 0.9, "running_requests": 2}, [1, 2]),
        ({"policy": "utilization", "waiting_queue": 5, "running_requests": 2}, [2]),
        ({"policy": "utilization", "active_requests": 1}, []),
        ({"policy": "utilization", "active_requests": 1, "fallback_on_empty": "yes"}, [0, 1, 2, 3]),
        ({"policy": "utilization"}, [0, 1, 2, 3]),
    ],
)
def test_thresholds(choice: dict[str, Any], expected: list[int]) -> None:
    assert kept_by(choice, **FULL) == expected


def test_a_session_stays_where_it_was_unless_that_is_no_candidate() -> None:
    assert kept_by({"policy": "session-affinity"}, session_instance=2) == [2]
    assert kept_by({"policy": "session-affinity"}, session_instance=-1) == [0, 1, 2, 3]
    view = router_view(4, 0)._replace(session_instance=2, candidates=np.array([0, 3]))
    kept = np.ones(4, int)
    plain(bind("filtering", "filtering", "session-affinity").decide)(view, REQUEST, np.zeros(1), kept)
    assert kept.tolist() == [1, 1, 1, 1]


def test_adapters_stay_where_they_are_used_or_go_where_there_is_a_slot() -> None:
    asks = REQUEST._replace(adapter=3)
    free = {"adapter_use": [0, 0, 0, 0], "adapters_in_use": [2, 1, 2, 0], "adapter_slots": [2, 2, 2, 2]}
    used = free | {"adapter_use": [2, 0, 1, 0]}
    always, never = ({"policy": "lora-affinity", "affinity_threshold": share} for share in (HIGH, LOW))

    assert kept_by(always, request=asks, **used) == [0, 2]
    assert kept_by(never, request=asks, **used) == [1, 3]
    assert kept_by(always, request=asks, **free) == [1, 3]
    assert kept_by(always, request=asks, **(free | {"adapters_in_use": [2, 2, 2, 2]})) == [0, 1, 2, 3]
    assert kept_by(always, **used) == [0, 1, 2, 3]  # without an adapter


def test_roles() -> None:
    roles = [1, 2, 3, 2]
    assert kept_by({"policy": "by-role"}, roles=roles) == [1, 2, 3]
    assert kept_by({"policy": "by-role", "role": "prefill"}, roles=roles) == [0, 2]


HELD = {"affinity_blocks": [4, 3, 1, 0], "sent_tokens": [1_500, 900, 100, 500]}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({}, [0]),  # 0.8 of 4 blocks is 3.2
        ({"affinity_threshold": 0.75}, [0, 1]),
        ({"affinity_threshold": 0.75, "most_extra_tokens": 799}, [0, 1, 2, 3]),  # the best holder has 800 more ahead
        ({"affinity_threshold": 0.75, "most_extra_tokens": 800}, [0, 1]),
        ({"affinity_threshold": 0.75, "most_extra_tokens": 0}, [0, 1]),  # no gate
        ({"exploration_probability": 1.0}, [0, 1, 2, 3]),
        ({"affinity_threshold": 0.0, "most_extra_tokens": 1}, [0, 1, 2, 3]),  # nobody else is there to be better
    ],
)
def test_affinity_to_a_cached_prefix(choice: dict[str, Any], expected: list[int]) -> None:
    assert kept_by({"policy": "prefix-cache-affinity"} | choice, **HELD) == expected


def test_the_gate_may_ask_what_is_expected() -> None:
    choice = {"policy": "prefix-cache-affinity", "gate": "predicted", "most_extra_ttft_ms": 5.0}
    signals = {"affinity_blocks": [4, 0, 0, 0]}

    assert kept_by(choice, expected_ttft_us=[9_000.0, 4_000.0, 8_000.0, 8_000.0], **signals) == [0]
    assert kept_by(choice, expected_ttft_us=[9_001.0, 4_000.0, 8_000.0, 8_000.0], **signals) == [0, 1, 2, 3]
    assert bind("filtering", "filtering", choice).needs == {"affinity_blocks", "expected_latency"}
    assert bind("filtering", "filtering", "prefix-cache-affinity").needs == {"affinity_blocks", "sent_prompts"}


def test_a_prompt_without_a_whole_block_sticks_to_nobody() -> None:
    short = REQUEST._replace(input_tokens=5, prompt_blocks=0)
    assert kept_by({"policy": "prefix-cache-affinity"}, request=short, affinity_blocks=[0, 0, 0, 0]) == [0, 1, 2, 3]


def test_headroom_has_two_tiers() -> None:
    never, always = ({"policy": "slo-headroom", "exploration_probability": share} for share in (LOW, HIGH))
    late = {"expected_ttft_us": [2_000.0, 3_001.0, 3_000.0, 2_000.0], "expected_itl_us": [2_000.0] * 3 + [2_501.0]}

    assert kept_by(never, **late) == [0, 2]
    assert kept_by(always, **late) == [1, 3]
    assert kept_by(never, expected_ttft_us=[9_000.0] * 4) == [0, 1, 2, 3]
    assert kept_by(always) == [0, 1, 2, 3]


WORKLOAD = {
    "version": "1", "aggregate_rate": 60.0, "num_requests": 150,
    "clients": [{
        "id": "a", "rate_fraction": 1.0, "arrival": {"process": "poisson"}, "prefix_group": "sys", "prefix_length": 256,
        "input_distribution": {"type": "constant", "params": {"value": 200}},
        "output_distribution": {"type": "exponential", "params": {"mean": 40}},
    }],
}  # fmt: skip
AFFINE = {"kind": "affine", "alpha_us": [1_000.0, 1.0, 10.0], "beta_us": [5_000.0, 20.0, 10.0]}
POOL = {"kv_blocks": 300, "latency": AFFINE, "max_running_requests": 8}


def run(filtering: Any, pools: Any = None, **policies: Any) -> Result:
    cluster = {"instances": pools or [{**POOL, "count": 4}]}
    given = {"filtering": filtering, "routing": "weighted", **policies}
    mapping = {"cluster": cluster, "workload": {"kind": "spec", "spec": WORKLOAD}, "policies": given}
    return simulate(Scenario.from_mapping(mapping), 3, trace="decisions")


def test_to_filter_nobody_changes_nothing() -> None:
    plain_run, chained = run("none"), run({"policy": "chain", "filters": []})
    kept = run({"policy": "utilization"})  # asked, and keeps everybody

    for other in (chained, kept):
        assert other.outcome.requests.instance.tolist() == plain_run.outcome.requests.instance.tolist()
        assert other.outcome.requests.e2e_us.tolist() == plain_run.outcome.requests.e2e_us.tolist()


def test_a_request_for_which_nobody_is_kept_is_unroutable() -> None:
    metrics = run({"policy": "utilization", "active_requests": 3}).metrics()

    assert metrics["unroutable_requests"] > 0
    assert metrics["unroutable_requests"] + metrics["completed_requests"] == 150


def test_a_chain_asks_one_filter_after_another() -> None:
    first, second = (
        {"policy": "queue-threshold", "most_waiting": 0},
        {"policy": "prefix-cache-affinity", "affinity_threshold": 0.5},
    )
    chained = run({"policy": "chain", "filters": [first, second]})
    other_way = run({"policy": "chain", "filters": [second, first]})

    listed = np.isfinite(chained.trace.scores)
    assert listed.any(axis=1).all()
    assert (listed.sum(axis=1) < 4).any()
    assert chained.outcome.requests.instance.tolist() != other_way.outcome.requests.instance.tolist()


def test_python_routers_see_who_is_kept() -> None:
    sizes = []

    def first(view: Any, request: Any, params: Any, memory: Any, scores: Any) -> int:
        sizes.append(len(view.candidates))
        return int(view.candidates[-1])

    run({"policy": "kv-threshold", "most_used_share": 0.2}, routing=first)

    assert min(sizes) < 4
    assert max(sizes) == 4


def test_a_copy_filters_alike() -> None:
    origin = run({"policy": "chain", "filters": ["kv-threshold", "prefix-cache-affinity"]})
    again = Simulation(origin.requests, origin.simulation.prepared, seed=3)
    again.advance(1_000_000)
    copy = again.fork()

    assert copy.run().state.requests.instance.tolist() == origin.outcome.requests.instance.tolist()


def test_an_instance_that_only_prefills_gets_no_whole_request() -> None:
    result = run("none", [{**POOL, "count": 1, "role": "prefill"}, {**POOL, "count": 2}, {**POOL, "role": "decode"}])

    assert set(result.outcome.requests.instance.tolist()) == {1, 2, 3}


@pytest.mark.parametrize(
    ("filtering", "message"),
    [
        ("kv-treshold", r"filtering: no choice named 'kv-treshold'; did you mean 'kv-threshold'\?"),
        ({"policy": "kv-threshold", "most_used_share": 1.5}, r"most_used_share must be .*\[0, 1\]"),
        ({"policy": "utilization", "fallback_on_empty": True}, "fallback_on_empty"),
        ({"policy": "chain", "filters": [{"policy": "chain"}]}, r"filters\[0\] must not be a chain in a chain"),
        ({"policy": "chain", "filters": ["none"] * 17}, "must be a list of at most 16 filters"),
        ({"policy": "chain", "filters": [{"policy": "by-role", "rol": "decode"}]}, "unknown key 'rol'"),
        ({"policy": "chain", "filters": 3}, "filters must be a list of at most 16 filters; got 3"),
        (lambda view, request, params, kept: None, "filtering must be a file of blis/policies/filtering"),
    ],
)
def test_what_is_wrong_is_said(filtering: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run(filtering)


@pytest.mark.parametrize(
    "pools", [[{"role": "prefill"}], [{"role": "decode", "model": "a"}, {"role": "prefill", "model": "b"}]]
)
def test_a_model_that_nobody_decodes_for_is_refused(pools: list[dict[str, Any]]) -> None:
    with pytest.raises(ConfigError, match=r"role must be decode or both in one of the pools of"):
        run("none", [{**POOL, **pool} for pool in pools])


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"instances\[0\]\.role: no choice named 'decoder'; did you mean 'decode'\?"):
        run("none", [{**POOL, "role": "decoder"}])


def test_a_bundle_holds_filters() -> None:
    chain = {"policy": "chain", "filters": [{"policy": "kv-threshold", "most_used_share": 0.7}, "session-affinity"]}
    bundle = bundle_from_mapping("bundle", {"version": 1, "filtering": chain})

    assert bundle.policies["filtering"] == chain
    assert complete_policy("filtering", chain) == chain
    assert "kv-threshold" in bundle_text(bundle)
    bind("filtering", "filtering", complete_policy("filtering", "prefix-cache-affinity"))
