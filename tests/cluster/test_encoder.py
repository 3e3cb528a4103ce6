"""What a cluster may say of encoders, and what follows from a model and a device."""

from typing import Any

import pytest

from blis.cluster.deployment import build_cluster
from blis.cluster.plan import cluster_plan
from blis.foundation.errors import ConfigError
from blis.foundation.semantics import REFERENCE_2026_04
from blis.prepare import bind_run

QWEN: dict[str, Any] = {
    "model": "qwen/qwen2.5-7b-instruct",
    "hardware": "H100",
    "tensor_parallel": 1,
    "latency": {"kind": "trained-physics"},
    "instances": [{"role": "both"}, {"role": "encode"}],
}
SIZE = {"parameters_millions": 630}


def test_the_price_follows_from_the_encoders_size_and_the_device() -> None:
    both, encode = build_cluster(cluster_plan(QWEN | {"encoder": SIZE})).instances

    # 2 x 630 million x 4 patches over 989.5 x 10^6 x 0.45 FLOP/µs
    assert both.encoder_token_us == encode.encoder_token_us == pytest.approx(11.319, abs=1e-3)
    assert (both.embedding_token_bytes, encode.embedding_token_bytes) == (0.0, 2 * 3584)


def test_an_instance_that_only_encodes_needs_no_room_for_a_model() -> None:
    pools = [{"role": "both", "tensor_parallel": 4}, {"role": "encode", "hardware": "L40S"}]
    large = QWEN | {"model": "meta-llama/llama-3.1-70b-instruct", "encoder": SIZE, "instances": pools}

    _, encode = build_cluster(cluster_plan(large)).instances

    assert encode.kv_blocks == 1
    assert encode.hardware == "L40S"


def test_more_gpus_encode_no_faster() -> None:
    one = build_cluster(cluster_plan(QWEN | {"encoder": SIZE})).instances[0]
    four = build_cluster(cluster_plan(QWEN | {"encoder": SIZE, "tensor_parallel": 4})).instances[0]

    assert one.encoder_token_us == four.encoder_token_us


def test_a_models_own_vision_config_says_the_size() -> None:
    llama = QWEN | {
        "model": "redhatai/llama-4-scout-17b-16e-instruct-fp8-dynamic",
        "tensor_parallel": 4,
        "encoder": {},
        "instances": 1,
        "latency": {"kind": "roofline"},
    }

    (one,) = build_cluster(cluster_plan(llama)).instances

    weights = 34 * (4 * 1408 * 1408 + 2 * 1408 * 5632)
    assert one.encoder_token_us == pytest.approx(2 * weights * 4 / (989.5e6 * 0.45))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"encoder": {"us_per_tokn": 1}}, "encoder: unknown key 'us_per_tokn'; did you mean 'us_per_token'?"),
        (
            {"encoder": {"us_per_token": -1}},
            "encoder.us_per_token must be a finite number in [0, 1000000] [µs]; got -1",
        ),
        ({"encoder": {"us_per_token": float("nan")}}, "encoder.us_per_token must be a finite number"),
        ({"encoder": {"parameters_millions": 0}}, "encoder.parameters_millions must be a finite number > 0"),
        ({"encoder": {"us_per_token": 1, **SIZE}}, "encoder.us_per_token must stand alone"),
        ({"encoder": {"us_per_token": 1, "transfer": []}}, "encoder.transfer must be a mapping; got []"),
        ({"encoder": {"transfer": {"contention": "fair"}}}, "encoder.transfer.contention: no choice named 'fair'"),
        ({"encoder": []}, "encoder must be a mapping"),
        ({}, "cluster.instances[1].role must not be encode without cluster.encoder"),
        ({"encoder": SIZE, "instances": [{"role": "encode"}]}, "role must be decode or both in one of the pools"),
        (
            {"encoder": SIZE, "instances": [{"role": "both"}, {"role": "encode"}], "disaggregation": {}},
            "cluster.disaggregation must have two instances of one model between which a request can be divided",
        ),
        ({"encoder": SIZE, "instances": [{"role": "encod"}]}, "no choice named 'encod'; did you mean 'encode'?"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        cluster_plan(QWEN | changes)

    assert words in str(refused.value)


def test_a_price_that_nothing_says_is_asked_for() -> None:
    with pytest.raises(ConfigError, match=r"encoder\.us_per_token must be given, or encoder\.parameters_millions"):
        build_cluster(cluster_plan(QWEN | {"encoder": {}}))


def test_embeddings_without_a_model_must_say_their_size() -> None:
    bare = {
        "latency": {"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": [1, 1, 1]},
        "kv_blocks": 100,
        "hardware": "H100",
        "tensor_parallel": 1,
        "instances": QWEN["instances"],
    }

    with pytest.raises(ConfigError, match=r"encoder\.embedding_bytes_per_token must be given where a pool"):
        build_cluster(cluster_plan(bare | {"encoder": {"us_per_token": 1}}))
    sized = {"us_per_token": 1, "embedding_bytes_per_token": 8192}
    assert build_cluster(cluster_plan(bare | {"encoder": sized})).instances[1].embedding_token_bytes == 8192


@pytest.mark.parametrize(
    ("policies", "words"),
    [
        ({"encoding": "always-multimodl"}, "did you mean 'always-multimodal'"),
        ({"encoding": "queue-threshold", "encode_routing": "no-such"}, "no choice named 'no-such'"),
        ({"encode_routing": lambda *_: 0}, "encode_routing must be a shipped policy or a function compiled"),
    ],
)
def test_policies_that_cannot_decide_are_refused(policies: dict[str, Any], words: str) -> None:
    cluster = build_cluster(cluster_plan(QWEN | {"encoder": SIZE}))

    with pytest.raises(ConfigError, match=words):
        bind_run(cluster, policies)


def test_the_recorded_reference_has_no_encoder() -> None:
    cluster = build_cluster(cluster_plan(QWEN | {"encoder": SIZE}), semantics=REFERENCE_2026_04)

    with pytest.raises(ConfigError, match=r"cluster\.encoder needs the semantics corrected or vllm-0\.32"):
        bind_run(cluster, {}, REFERENCE_2026_04)
