"""Each pathological policy shows the troubles that it makes, and healthy runs show none."""

import numpy as np
import pytest

from blis.explaining.anomalies import Evidence
from blis.explaining.anomalies.cache_thrashing import reusable_blocks
from blis.explaining.anomalies.starvation import overtaken_by
from blis.explaining.explanation import evidence_of
from blis.explaining.findings import findings
from blis.result import simulate
from blis.scenario import Scenario

CLUSTER = {"instances": 4, "model": "meta-llama/llama-3.1-8b-instruct", "hardware": "H100", "tensor_parallel": 2}
LIGHT = {"kind": "distribution", "rate": 10, "num_requests": 300}
UNIFORM = LIGHT | {
    "rate": 40, "num_requests": 800, "prompt_tokens_stdev": 0, "output_tokens_stdev": 0, "arrival": "constant"
}  # fmt: skip
HEAVY = {"kind": "distribution", "rate": 60, "num_requests": 1500, "slo_classes": {"critical": 1, "batch": 2}}
SMALL_BATCH = CLUSTER | {"max_running_requests": 32}
HOT = HEAVY | {"rate": 50, "num_requests": 1200, "prefix_groups": 1, "prefix_tokens": 2048}


def found(workload, policies=None, cluster=CLUSTER, slo=None) -> dict[str, int]:
    mapping = {"cluster": cluster, "workload": workload, "policies": policies or {}}
    result = simulate(Scenario.from_mapping(mapping | ({"slo": slo} if slo else {})), 5, trace="summary")
    return {name: one.count for name, one in findings(evidence_of(result)).items() if one.count}


def kinds(counts: dict[str, int]) -> set[str]:
    return {name for name in counts if not name.startswith("published")}


@pytest.mark.parametrize("routing", ["round-robin", "least-loaded", "weighted"])
@pytest.mark.parametrize("workload", [LIGHT, UNIFORM], ids=["light", "uniform"])
def test_healthy_runs_show_nothing(workload, routing):
    assert kinds(found(workload, {"routing": routing})) == set()


@pytest.mark.parametrize("scheduling", ["fcfs", "priority-fcfs", "sjf"])
def test_a_loaded_scheduler_that_keeps_its_order_has_no_inversions(scheduling):
    policies = {"routing": "least-loaded", "scheduling": scheduling, "priority": "slo-class"}
    assert "priority-inversion" not in found(HEAVY, policies, SMALL_BATCH)


def test_fcfs_under_preemption_has_no_inversions():
    counts = found(HEAVY, {"routing": "least-loaded"}, CLUSTER | {"kv_blocks": 1500})
    assert "priority-inversion" not in counts


FLEET = CLUSTER | {"autoscaling": {"maximum": 6, "tick_s": 1, "load_s": 2}}


def test_the_oscillator_oscillates_and_other_autoscalers_do_not():
    workload = UNIFORM | {"num_requests": 1600}
    assert "oscillation" in found(workload, {"routing": "least-loaded", "scaling": "oscillator"}, FLEET)
    for scaling in ("fixed", "target-utilization", "queue-depth", "saturation", "token-saturation", "predictive"):
        assert "oscillation" not in found(workload, {"routing": "least-loaded", "scaling": scaling}, FLEET)


def test_instances_that_are_not_there_are_not_idle():
    assert "load-imbalance" not in found(HEAVY, {"routing": "least-loaded"}, FLEET)


def test_reject_all_is_a_rejection_storm_and_nothing_else():
    assert kinds(found(HEAVY, {"admission": "reject-all"})) == {"rejection-storm"}


def test_always_busiest_collapses_onto_one_instance():
    counts = found(HEAVY | {"num_requests": 600}, {"routing": "always-busiest"}, slo={"default": {"ttft_ms": 1e9}})
    assert kinds(counts) == {"load-imbalance"}


def test_affinity_alone_with_one_hot_prefix_collapses():
    routing = {"policy": "weighted", "scorers": [{"name": "prefix-affinity", "weight": 1}]}
    assert kinds(found(HOT, {"routing": routing}, slo={"default": {"ttft_ms": 1e9}})) == {"load-imbalance"}


@pytest.mark.parametrize(
    "policies",
    [{"priority": "inverted-slo", "scheduling": "priority-fcfs"},
     {"priority": "slo-based", "scheduling": "reverse-priority"},
     {"priority": "slo-class", "scheduling": "reverse-priority"}],
    ids=["inverted-slo", "reverse-priority", "reverse-priority with classes"],
)  # fmt: skip
def test_upside_down_orders_are_inversions(policies):
    counts = found(HEAVY, {"routing": "least-loaded"} | policies, SMALL_BATCH, slo={"default": {"ttft_ms": 1e9}})
    assert counts["priority-inversion"] > 50
    assert kinds(counts) <= {"priority-inversion", "starvation"}


def test_two_inversions_cancel():
    policies = {"routing": "least-loaded", "priority": "inverted-slo", "scheduling": "reverse-priority"}
    assert "priority-inversion" not in found(HEAVY, policies, SMALL_BATCH)


def test_a_large_request_blocks_small_ones_behind_it():
    def client(name: str, share: float, prompt_tokens: int) -> dict[str, object]:
        def near(mean: int) -> dict[str, object]:
            bounds = {"mean": mean, "std_dev": 1, "min": mean - 10, "max": mean + 10}
            return {"type": "gaussian", "params": bounds}

        return {
            "id": name, "tenant_id": name, "rate_fraction": share, "arrival": {"process": "poisson"},
            "input_distribution": near(prompt_tokens), "output_distribution": near(300),
        }  # fmt: skip

    clients = [client("large", 0.2, 6000), client("small", 0.8, 40)]
    spec = {"version": "1", "aggregate_rate": 30, "num_requests": 400, "clients": clients}
    workload = {"kind": "spec", "spec": spec}
    cluster = CLUSTER | {"kv_blocks": 900, "step_token_budget": 8192}
    assert found(workload, {"routing": "least-loaded"}, cluster)["head-of-line-blocking"] > 10
    assert "head-of-line-blocking" not in found(workload, {"routing": "least-loaded"})


def test_overcommitted_memory_is_a_preemption_storm():
    cluster = CLUSTER | {"instances": 1, "kv_blocks": 400}
    workload = LIGHT | {"prompt_tokens_mean": 100, "prompt_tokens_stdev": 0, "output_tokens_mean": 800}
    assert found(workload, {}, cluster)["preemption-storm"] > 0


def test_evicted_prefixes_are_thrashing_and_kept_ones_are_not():
    workload = LIGHT | {"num_requests": 400, "prefix_groups": 40, "prefix_tokens": 2048}
    assert found(workload, {}, CLUSTER | {"kv_blocks": 1200})["cache-thrashing"] > 30
    assert "cache-thrashing" not in found(workload)


def test_reusable_blocks_are_what_an_unlimited_cache_finds():
    workload = LIGHT | {"num_requests": 400, "rate": 2, "prefix_groups": 5, "prefix_tokens": 1000}
    result = simulate(Scenario.from_mapping({"cluster": CLUSTER, "workload": workload}), 5, trace="summary")
    np.testing.assert_array_equal(reusable_blocks(evidence_of(result)), result.outcome.requests.cached_blocks)


def test_the_newest_first_starves_the_old():
    policies = {"routing": "least-loaded", "priority": "inverted-slo", "scheduling": "priority-fcfs"}
    cluster = CLUSTER | {"max_running_requests": 8, "instances": 1}
    assert found(LIGHT | {"rate": 4}, policies, cluster)["starvation"] > 0
    assert "starvation" not in found(LIGHT | {"rate": 4}, {}, cluster)


def test_missed_targets_are_a_burst():
    counts = found(HEAVY, {"routing": "least-loaded"}, SMALL_BATCH, slo={"default": {"e2e_ms": 1}})
    assert counts["slo-violation-burst"] == 2  # one for each class
    assert "slo-violation-burst" not in found(HEAVY, {"routing": "least-loaded"}, slo={"default": {"e2e_ms": 1e9}})


def test_a_class_that_is_missed_is_not_hidden_by_another():
    """Two thirds of the requests, of the class that may wait, meet their targets; those of the other do not."""
    assert found(HEAVY, {"routing": "least-loaded"}, SMALL_BATCH)["slo-violation-burst"] == 1


def test_requests_that_a_horizon_cuts_off_in_time_are_no_burst():
    mapping = {"cluster": CLUSTER, "workload": LIGHT | {"rate": 30}, "horizon_us": 5_000_000}
    result = simulate(Scenario.from_mapping(mapping), 5, trace="summary")
    assert (result.outcome.requests.e2e_us < 0).sum() > 20
    assert findings(evidence_of(result))["slo-violation-burst"].count == 0


def test_overtaking_is_counted_exactly():
    taken_us = np.random.default_rng(3).integers(0, 50, 200)
    expected = [(taken_us[place + 1 :] < taken_us[place]).sum() for place in range(200)]
    np.testing.assert_array_equal(overtaken_by(taken_us), expected)


def test_an_empty_run_has_no_findings():
    workload = LIGHT | {"num_requests": 1}
    mapping = {"cluster": CLUSTER, "workload": workload, "horizon_us": 1}
    result = simulate(Scenario.from_mapping(mapping), 5, trace="summary")
    evidence = evidence_of(result)
    assert isinstance(evidence, Evidence)
    assert all(finding.count == 0 for finding in findings(evidence).values())


def test_examples_name_a_request_or_an_instance_in_words():
    mapping = {"cluster": SMALL_BATCH, "workload": HEAVY,
               "policies": {"priority": "inverted-slo", "scheduling": "priority-fcfs"}}  # fmt: skip
    result = simulate(Scenario.from_mapping(mapping), 5, trace="summary")
    for name, finding in findings(evidence_of(result)).items():
        if finding.count and not name.startswith("published"):
            assert 1 <= len(finding.examples) <= 5
            assert all(
                any(word in one.text for word in ("_", "class ")) and one.time_s >= 0 for one in finding.examples
            )
            assert finding.rate is not None
            assert 0 < finding.rate <= 1
