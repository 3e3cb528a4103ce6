from pathlib import Path

import pytest

from blis.foundation.errors import ConfigError
from blis.foundation.files import conf_folder
from blis.foundation.strict_yaml import read_yaml
from evolve.judging.baselines import read_baselines, with_bundles
from evolve.problem import Problem


def shipped():
    return read_yaml(conf_folder() / "baselines" / "default.yaml")


def problem(name):
    return Problem.from_mapping("problem", read_yaml(conf_folder() / "problem" / f"{name}.yaml"))


def test_shipped_baselines_hold_the_classical_routers():
    baselines = read_baselines("baselines", shipped())

    assert {"round-robin", "least-loaded", "llm-d-3-2-2", "lmetric", "preble", "dynamo-kv"} <= set(baselines)
    assert baselines["round-robin"].policies["scheduling"] == {"policy": "fcfs"}
    weights = [scorer["weight"] for scorer in baselines["llm-d-3-2-2"].policies["routing"]["scorers"]]
    assert weights == [3, 2, 2]


def test_a_problems_own_policies_come_after_the_shipped_ones():
    searched = problem("full")

    baselines = read_baselines("baselines", shipped(), searched)

    assert list(baselines)[: len(shipped())] == list(shipped())
    assert set(searched.seeds) <= set(baselines)


def test_a_baseline_is_what_its_author_wrote_whatever_the_problem_freezes():
    mapping = {**shipped(), "busiest-sjf": {"routing": "always-busiest", "scheduling": "sjf"}}

    routing = read_baselines("baselines", mapping, problem("routing_weights"))
    scheduling = read_baselines("baselines", mapping, problem("priority_scheduler"))

    for baselines in (routing, scheduling):
        assert baselines["busiest-sjf"].policies["routing"] == {"policy": "always-busiest"}
        assert baselines["busiest-sjf"].policies["scheduling"] == {"policy": "sjf"}
        assert baselines["round-robin"].policies["routing"] == {"policy": "round-robin"}
        assert list(mapping) == list(baselines)[: len(mapping)]


def test_what_a_baseline_leaves_out_is_answered_by_what_the_problem_freezes():
    mapping = {"plain": {"routing": "least-loaded"}, "limited": {"cluster": {"max_running_requests": 8}}}
    frozen = {"scheduling": "sjf", "cluster": {"max_running_requests": 16}}
    searched = Problem.from_mapping(
        "problem",
        {"genes": {"routing": {"kind": "weights", "scorers": ["queue-depth", "no-hit-lru"]}}, "frozen": frozen},
    )

    baselines = read_baselines("baselines", mapping, searched)

    assert baselines["plain"].policies["scheduling"] == {"policy": "sjf"}
    assert baselines["plain"].policies["preemption"] == {"policy": "newest"}
    assert baselines["plain"].limits == {"max_running_requests": 16}
    assert baselines["limited"].limits == {"max_running_requests": 8}


def test_a_python_callable_needs_to_be_allowed():
    mapping = {"mine": {"routing": f"{__name__}:route", "scheduling": "sjf"}, "plain": {"routing": "least-loaded"}}

    with pytest.raises(ConfigError) as error:
        read_baselines("baselines", mapping, problem("routing_weights"))
    allowed = read_baselines("baselines", mapping, problem("routing_weights"), allow_python=True)

    assert "baselines.mine: routing must be a policy's name; " in str(error.value)
    assert "allow_python=true is given on the command line" in str(error.value)
    assert allowed["mine"].policies["routing"] == {"policy": f"{__name__}:route"}
    assert allowed["mine"].allows_python
    assert not allowed["plain"].allows_python


def route(router, request, parameters, memory, scores):
    """Always the first instance."""
    return 0


def test_one_policy_under_two_names_is_refused():
    mapping = {**shipped(), "mine": {"routing": "least-loaded", "scheduling": "fcfs"}}

    with pytest.raises(ConfigError) as error:
        read_baselines("baselines", mapping, problem("routing_weights"))

    assert str(error.value) == ("baselines.mine must differ from baselines.least-loaded; both have the same policies.")


def test_a_baseline_is_not_called_like_another_policy_of_the_problem():
    mapping = {"sjf": {"routing": "round-robin", "scheduling": "sjf"}}

    with pytest.raises(ConfigError) as error:
        read_baselines("baselines", mapping, problem("priority_scheduler"))

    assert str(error.value) == (
        "baselines.sjf must be called otherwise: problem.seeds.sjf has the same name, and other policies."
    )


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({}, "baselines must be a mapping of at least one name to policies; got {}"),
        (None, "baselines must be a mapping of at least one name to policies; got None"),
        ({"a": {"rooting": "round-robin"}}, "baselines.a: unknown key 'rooting'; did you mean 'routing'?"),
        ({"a": {"routing": "round-robbin"}}, "baselines.a: routing: no choice named 'round-robbin'"),
        ({"a": {"cluster": {"max_running_requests": 0}}}, "baselines.a.cluster.max_running_requests must be an int"),
        ({"a": "round-robin"}, "baselines.a must be a mapping of keys to values"),
    ],
)
def test_wrong_baselines_are_refused(mapping, message):
    with pytest.raises(ConfigError) as error:
        read_baselines("baselines", mapping)

    assert message in str(error.value)


def test_a_baseline_may_be_a_bundle(tmp_path: Path) -> None:
    file = tmp_path / "preble-tuned.yaml"
    file.write_text("version: 1\nrouting: {policy: preble, most_load_ratio: 3}\nlimits: {max_running_requests: 64}\n")

    written = with_bundles("baselines", {"preble": {"routing": "preble"}, "preble-tuned": str(file)})

    file.unlink()  # it is not needed any more
    found = read_baselines("baselines", written)
    assert found["preble-tuned"].policies["routing"]["most_load_ratio"] == 3
    assert found["preble-tuned"].limits == {"max_running_requests": 64}
    assert found["preble"].policies["routing"]["most_load_ratio"] == 2


def test_a_baseline_that_is_no_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"baselines\.rival: "):
        with_bundles("baselines", {"rival": str(tmp_path / "nowhere.yaml")})
