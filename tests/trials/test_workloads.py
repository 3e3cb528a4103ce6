import numpy as np
import pytest

from blis.cluster.deployment import build_cluster
from blis.cluster.plan import cluster_plan
from blis.policies.bundle import with_limits as limits_in_plan
from evolve.trials.workloads import (
    WorkloadKey,
    Workloads,
    prepare,
    requests_as_arrays,
    requests_from_arrays,
    task_digest,
    with_limits,
)
from tests.trials.small_suite import LEAST_LOADED, NARROW, ROUND_ROBIN, small_suite

KEY = WorkloadKey("wide", 1, 100)


def digest_of(phenotype, prepared, needs_trace=False):
    return task_digest(phenotype.policies, phenotype.limits, prepared.digest, needs_trace)


def test_a_workload_is_built_once(workloads):
    assert workloads.prepared(KEY) is workloads.prepared(WorkloadKey("wide", 1, 100))


def test_requests_depend_on_scenario_seed_and_number_alone(workloads, tmp_path):
    again = Workloads(small_suite(tmp_path)).prepared(KEY)

    assert again.digest == workloads.prepared(KEY).digest
    assert again.requests.arrival_us.tobytes() == workloads.prepared(KEY).requests.arrival_us.tobytes()


@pytest.mark.parametrize(
    "other",
    [
        WorkloadKey("wide", 2, 100),
        WorkloadKey("wide", 1, 99),
        WorkloadKey("narrow", 1, 100),
        WorkloadKey("wide@0.5", 1, 100),
    ],
)
def test_other_seeds_lengths_clusters_and_loads_have_other_addresses(workloads, other):
    assert workloads.prepared(other).digest != workloads.prepared(KEY).digest


def test_other_slo_targets_have_another_address(workloads):
    mapping = workloads.mapping(KEY)

    assert prepare(mapping).digest == workloads.prepared(KEY).digest
    assert prepare({**mapping, "slo": {"default": {"e2e_ms": 1}}}).digest != workloads.prepared(KEY).digest


def test_policies_limits_and_tracing_are_part_of_a_tasks_address(workloads):
    prepared = workloads.prepared(KEY)

    digests = [digest_of(phenotype, prepared) for phenotype in (ROUND_ROBIN, LEAST_LOADED, NARROW)]
    digests.append(digest_of(LEAST_LOADED, prepared, needs_trace=True))

    assert len(set(digests)) == 4


def test_the_order_of_keys_is_no_part_of_a_tasks_address(workloads):
    prepared = workloads.prepared(KEY)
    one = {"routing": {"policy": "round-robin"}, "priority": {"policy": "constant"}}

    assert task_digest(one, {}, prepared.digest) == task_digest(dict(reversed(one.items())), {}, prepared.digest)


def test_limits_of_a_phenotype_mean_what_they_mean_in_a_bundle(workloads):
    limits = {"max_running_requests": 4, "step_token_budget": 512, "long_prefill_threshold_tokens": 64}
    mapping = workloads.mapping(KEY)["cluster"]

    planned = build_cluster(cluster_plan(limits_in_plan(mapping, limits)))

    narrowed = with_limits(workloads.prepared(KEY), limits)
    assert narrowed.limits().tobytes() == planned.limits().tobytes()
    assert narrowed.coefficients().tobytes() == planned.coefficients().tobytes()


def test_requests_survive_the_way_to_a_worker(workloads):
    prepared = workloads.prepared(KEY)

    copy = requests_from_arrays(requests_as_arrays(prepared.requests))

    assert prepare(workloads.mapping(KEY), copy).digest == prepared.digest
    arrays = [value for value in requests_as_arrays(copy).values() if isinstance(value, np.ndarray)]
    assert not any(array.flags.writeable for array in arrays)


def test_a_workloads_address_is_known_without_building_it_again(tmp_path, monkeypatch):
    monkeypatch.setattr("evolve.trials.workloads.MOST_KEPT", 1)
    workloads = Workloads(small_suite(tmp_path))
    first, other = workloads.digest(KEY), workloads.digest(WorkloadKey("wide", 2, 100))
    monkeypatch.setattr("evolve.trials.workloads.prepare", None)

    assert workloads.digest(KEY) == first != other
