"""What a cluster says of prefill and decode apart, and what is said of anything else."""

from typing import Any

import pytest

from blis.cluster.deployment import build_cluster
from blis.cluster.disaggregation import Disaggregation
from blis.cluster.plan import cluster_plan
from blis.foundation.errors import ConfigError
from blis.prepare import bind_run
from blis.scenario import Scenario

POOLS: dict[str, Any] = {
    "instances": [{"count": 1, "role": "prefill"}, {"count": 1, "role": "decode"}],
    "model": "meta-llama/llama-3.1-8b-instruct",
    "hardware": "H100",
    "tensor_parallel": 1,
    "latency": {"kind": "roofline"},
}


def test_what_is_left_out_has_its_default() -> None:
    plan = cluster_plan(POOLS | {"disaggregation": {}})

    assert plan.disaggregation == Disaggregation()
    assert plan.disaggregation.bandwidth_gb_per_s == 25
    assert plan.disaggregation.base_latency_us == 50


def test_kv_bytes_follow_from_the_models_shape_and_the_sending_group() -> None:
    one = build_cluster(cluster_plan(POOLS | {"disaggregation": {}}))
    two = build_cluster(cluster_plan(POOLS | {"disaggregation": {}, "tensor_parallel": 2}))

    # 2 x 32 layers x 8 heads x 128 elements x 2 bytes, and half of it on each of two GPUs.
    assert [instance.kv_bytes_per_token for instance in one.instances] == [131_072, 131_072]
    assert [instance.kv_bytes_per_token for instance in two.instances] == [65_536, 65_536]
    assert one.instances[0].kv_layers == 32


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"transfers": {}}, "cluster.disaggregation: unknown key 'transfers'; did you mean 'transfer'"),
        ({"transfer": {"bandwith_gb_per_s": 1}}, "did you mean 'bandwidth_gb_per_s'"),
        ({"transfer": {"bandwidth_gb_per_s": 0}}, "cluster.disaggregation.transfer.bandwidth_gb_per_s must be"),
        ({"transfer": {"bandwidth_gb_per_s": float("nan")}}, "bandwidth_gb_per_s must be"),
        ({"transfer": {"bandwidth_gb_per_s": float("inf")}}, "bandwidth_gb_per_s must be"),
        ({"transfer": {"base_latency_us": -1}}, "cluster.disaggregation.transfer.base_latency_us must be"),
        ({"transfer": {"kv_bytes_per_token": 0}}, "kv_bytes_per_token must be"),
        ({"transfer": {"contention": "fair"}}, "did you mean 'fair-share'"),
        ({"transfer": {"overlap": "layerwise"}}, "did you mean 'layer-wise'"),
        ({"transfer": 3}, "cluster.disaggregation.transfer must be a mapping; got 3"),
        ({"decode_first": "yes"}, "cluster.disaggregation.decode_first must be"),
        (3, "cluster.disaggregation must be a mapping"),
    ],
)
def test_a_wrong_value_is_refused_by_name(value: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        cluster_plan(POOLS | {"disaggregation": value})


@pytest.mark.parametrize("instances", [1, [{"count": 2, "role": "decode"}], [{"count": 1, "role": "both"}]])
def test_there_must_be_two_instances_to_divide_a_request_between(instances: Any) -> None:
    with pytest.raises(
        ConfigError, match="must have two instances of one model between which a request can be divided"
    ):
        cluster_plan(POOLS | {"disaggregation": {}, "instances": instances})


def test_a_pool_without_a_model_needs_the_bytes_of_a_token() -> None:
    plain = POOLS | {
        "model": None,
        "kv_blocks": 100,
        "latency": {"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": [1, 0, 0]},
    }

    with pytest.raises(ConfigError, match=r"transfer\.kv_bytes_per_token must be given"):
        build_cluster(cluster_plan(plain | {"disaggregation": {}}))
    built = build_cluster(cluster_plan(plain | {"disaggregation": {"transfer": {"kv_bytes_per_token": 1000}}}))
    assert built.instances[0].kv_bytes_per_token == 1000


def route(view: Any, request: Any, params: Any, memory: Any, scores: Any) -> int:
    return int(view.candidates[0])


@pytest.mark.parametrize(
    ("policies", "words"),
    [
        ({"routing": route}, "routing must be a shipped policy or a function compiled with numba.njit where prefill"),
        ({"prefill_routing": route}, "prefill_routing must be a shipped policy or a function compiled with numba.njit"),
        ({"eviction": "belady"}, "eviction must not be belady where prefill and decode may be divided"),
        ({"disaggregation": "alway"}, "did you mean 'always'"),
        ({"prefill_routing": "least-load"}, "did you mean 'least-loaded'"),
    ],
)
def test_policies_that_cannot_divide_are_refused(policies: dict[str, Any], words: str) -> None:
    cluster = build_cluster(cluster_plan(POOLS | {"disaggregation": {}}))

    with pytest.raises((ConfigError, LookupError), match=words):
        bind_run(cluster, {"disaggregation": "always"} | policies)


def test_a_bundle_may_answer_what_a_cluster_does_not_ask() -> None:
    plain = Scenario.from_mapping(
        {
            "cluster": POOLS | {"instances": 2},
            "workload": {"kind": "distribution"},
            "policies": {"disaggregation": "always", "prefill_routing": "least-loaded"},
        }
    )

    assert plain.cluster.disaggregation is None


def test_the_recorded_reference_has_no_rules_for_it() -> None:
    from blis.foundation.semantics import REFERENCE_2026_04

    cluster = build_cluster(cluster_plan(POOLS | {"disaggregation": {}}), semantics=REFERENCE_2026_04)

    with pytest.raises(ConfigError, match="disaggregation needs the semantics corrected or"):
        bind_run(cluster, {}, REFERENCE_2026_04)
