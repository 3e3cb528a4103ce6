import pytest

from blis.foundation.errors import ConfigError
from blis.foundation.files import conf_folder
from blis.foundation.strict_yaml import read_yaml
from evolve.judging.baselines import read_baselines
from evolve.problem import Problem


def shipped():
    return read_yaml(conf_folder() / "baselines" / "default.yaml")


def problem(name):
    return Problem.from_mapping("problem", read_yaml(conf_folder() / "problem" / f"{name}.yaml"))


def test_shipped_baselines_hold_the_classical_routers():
    baselines = read_baselines("baselines", shipped())

    assert list(baselines) == ["round-robin", "least-loaded", "llm-d-3-2-2", "llm-d-2-1-1"]
    assert baselines["round-robin"].policies["scheduling"] == {"policy": "fcfs"}
    weights = [scorer["weight"] for scorer in baselines["llm-d-3-2-2"].policies["routing"]["scorers"]]
    assert weights == [3, 2, 2]


def test_a_problems_own_policies_come_after_the_shipped_ones():
    searched = problem("full")

    baselines = read_baselines("baselines", shipped(), searched)

    assert list(baselines)[:4] == list(shipped())
    assert set(searched.seeds) <= set(baselines)


def test_what_a_problem_freezes_holds_for_baselines_too():
    searched = problem("priority_scheduler")

    baselines = read_baselines("baselines", shipped(), searched)

    routings = {str(one.policies["routing"]) for one in baselines.values()}
    assert routings == {str(searched.frozen.policies["routing"])}
    assert len({str(one) for one in baselines.values()}) == len(baselines)


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
