import pickle

import pytest

from blis.cluster.deployment import build_cluster
from blis.cluster.plan import cluster_plan
from blis.command.overrides import QUESTIONS as QUESTIONS_OF_THE_COMMAND_LINE
from blis.command.overrides import translated
from blis.foundation.answers import QUESTIONS
from blis.foundation.errors import ConfigError
from blis.result import simulate
from blis.scenario import Scenario

LLAMA = {"model": "meta-llama/llama-3.1-8b-instruct", "hardware": "H100", "tensor_parallel": 2}
CHATBOT = {"kind": "distribution", "preset": "chatbot", "num_requests": 20, "rate": 10.0}


def scenario(**others: object) -> Scenario:
    return Scenario.from_mapping({"cluster": LLAMA, "workload": CHATBOT, **others})


def test_steps_have_measured_prices_unless_told_otherwise() -> None:
    assert cluster_plan(LLAMA) == cluster_plan({**LLAMA, "latency": {"kind": "silicon"}})


def test_blocks_come_from_the_table_of_coefficients() -> None:
    (instance,) = build_cluster(cluster_plan({**LLAMA, "latency": "affine"})).instances

    assert instance.kv_blocks == 132139


def test_blocks_of_another_size_keep_the_memory() -> None:
    (instance,) = build_cluster(cluster_plan({**LLAMA, "latency": "affine", "block_size_tokens": 32})).instances

    assert instance.kv_blocks == 132139 * 16 // 32


def test_explicit_blocks_win_over_table_and_memory() -> None:
    for kind in ("affine", "roofline", "trained-physics"):
        (instance,) = build_cluster(cluster_plan({**LLAMA, "kv_blocks": 77, "latency": kind})).instances
        assert instance.kv_blocks == 77


def test_blocks_come_from_memory_without_the_table() -> None:
    latency = {"kind": "affine", "alpha_us": [1, 0, 0], "beta_us": [1000, 1, 1]}

    (measured,) = build_cluster(cluster_plan({**LLAMA, "latency": latency})).instances
    (physical,) = build_cluster(cluster_plan({**LLAMA, "latency": "roofline"})).instances

    assert measured.kv_blocks == physical.kv_blocks > 10_000


def test_coefficients_and_blocks_need_no_model() -> None:
    latency = {"kind": "affine", "alpha_us": [1, 0, 0], "beta_us": [1000, 1, 1]}

    (instance,) = build_cluster(cluster_plan({"kv_blocks": 10, "latency": latency})).instances

    assert instance.latency.coefficients.tolist() == [1000.0, 1.0, 1.0]


def test_coefficients_without_model_or_blocks_are_refused() -> None:
    latency = {"kind": "affine", "alpha_us": [1, 0, 0], "beta_us": [1000, 1, 1]}

    with pytest.raises(ConfigError, match="cluster: kv_blocks must be given, or model and hardware"):
        build_cluster(cluster_plan({"latency": latency}))


def test_deployment_defaults_to_the_published_one() -> None:
    (instance,) = build_cluster(cluster_plan({"model": LLAMA["model"]})).instances

    assert (instance.hardware, instance.tensor_parallel) == ("H100", 1)


def test_pools_differ_where_they_say_so() -> None:
    pools = [{"count": 2}, {"count": 1, "hardware": "H200", "max_running_requests": 3}]

    first, second, third = build_cluster(cluster_plan({**LLAMA, "instances": pools})).instances

    assert first == second
    assert (third.hardware, third.max_running_requests, third.step_token_budget) == ("H200", 3, 2048)


def test_message_names_the_pool() -> None:
    pools = [{"count": 2}, {"hardware": "T4"}]

    with pytest.raises(ConfigError, match=r"cluster\.instances\[1\]: device: no choice named 'T4'"):
        build_cluster(cluster_plan({**LLAMA, "instances": pools}))


def test_nested_typos_name_their_path() -> None:
    with pytest.raises(ConfigError, match=r"where\.cluster: unknown key 'instnces'; did you mean 'instances'"):
        Scenario.from_mapping({"cluster": {"instnces": 1}, "workload": CHATBOT}, "where")
    with pytest.raises(ConfigError, match="policies: unknown key 'ruoting'; did you mean 'routing'"):
        scenario(policies={"ruoting": "weighted"})
    with pytest.raises(ConfigError, match="scenario: unknown key 'horizon'; did you mean 'horizon_us'"):
        scenario(horizon=3)


def test_policies_meet_the_same_requests() -> None:
    first, second = scenario(policies={"routing": "least-loaded"}), scenario(policies={"routing": "weighted"})

    assert (first.requests(3).arrival_us == second.requests(3).arrival_us).all()


def test_seed_of_the_call_replaces_the_scenarios() -> None:
    given = scenario(seed=1)

    assert simulate(given, 2).metrics() == simulate(scenario(seed=2)).metrics()
    assert simulate(given).seed == 1


def test_requests_built_before_give_the_same_result() -> None:
    given = scenario()

    assert simulate(given, 5, requests=given.requests(5)).metrics() == simulate(given, 5).metrics()


def test_scenario_travels_between_processes() -> None:
    given = scenario(policies={"routing": {"policy": "weighted", "scorers": {"queue-depth": 1}}})

    assert pickle.loads(pickle.dumps(given)) == given


def test_command_line_knows_the_questions() -> None:
    assert QUESTIONS_OF_THE_COMMAND_LINE == QUESTIONS


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (["routing=weighted"], ["++routing.policy=weighted"]),
        (["routing=a:b"], ["++routing.policy=a:b"]),
        (["routing={policy: weighted}"], ["++routing={policy: weighted}"]),
        (["routing.scorers=a:1,b:2"], ["++routing.scorers='a:1,b:2'"]),
        (["routing.scorers=[{name: a}]"], ["++routing.scorers=[{name: a}]"]),
        (["workload=azure", "workload.rate=3"], ["workload=azure", "++workload.rate=3"]),
        (["seed=1,2", "-m"], ["-m", "++seed=1,2"]),
        (["workload.path=a b,c"], ["++workload.path='a b,c'"]),
        (["workload.path=a b,c", "-m"], ["-m", "++workload.path='a b',c"]),
        (["--config-dir", "a=b", "+x=1", "~y"], ["--config-dir", "a=b", "+x=1", "~y"]),
        (["hydra.run.dir=x"], ["hydra.run.dir=x"]),
    ],
)
def test_command_line_is_translated(given: list[str], wanted: list[str]) -> None:
    assert translated(given) == wanted
