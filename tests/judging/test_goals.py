import importlib
import pkgutil

import pytest

import evolve.objectives
from blis.foundation.errors import ConfigError
from evolve.judging.goals import DEFAULT_OBJECTIVES, Goals, families, family
from evolve.records import Record

RECORD = Record(
    {
        "ttft_p99_ms": 80.0,
        "goodput_rps": 3.0,
        "gpu_seconds_per_request": 0.5,
        "anomaly/priority_inversion": 2.0,
        "anomaly/hol_blocking": 1.0,
        "anomaly/published-hol-blocking": 9.0,
        "regret/reference_mean_ms": 4.0,
    },
    10,
)


def value(name, record=RECORD, complexity=5.0):
    return family(name).value(name, record, complexity)


def test_every_family_keeps_its_contract():
    for info in pkgutil.iter_modules(evolve.objectives.__path__):
        module = importlib.import_module(f"evolve.objectives.{info.name}")
        for name, judged in module.JUDGED.items():
            assert families()[name] is module
            assert judged.direction in (1, -1)
            assert module.value(name, Record({}, 10, "failed"), 1.0) in (None, 1.0)


def test_every_statistic_of_every_latency_is_an_objective():
    expected = {f"{one}-{which}" for one in ("ttft", "itl", "e2e") for which in ("mean", "p50", "p90", "p99")}

    assert expected <= set(families())
    assert all(family(name).JUDGED[name].direction == -1 for name in expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ttft-p99", 80.0),
        ("goodput", 3.0),
        ("fairness", None),
        ("cost", 0.5),
        ("complexity", 5.0),
        ("anomalies", 3.0),
        ("reference-regret", 4.0),
    ],
)
def test_objectives_are_read_off_the_record(name, expected):
    assert value(name) == expected


def test_without_a_trace_there_are_no_anomalies_and_no_regret():
    untraced = Record({"ttft_p99_ms": 80.0}, 10)

    assert value("anomalies", untraced) is None
    assert value("reference-regret", untraced) is None


def test_a_mapping_is_one_value_and_its_weights_are_scaled():
    goals = Goals.from_config("objectives", {"ttft-p99": 2, "goodput": 6})

    assert goals.groups == ({"ttft-p99": 0.25, "goodput": 0.75},)
    assert goals.names == ("ttft-p99+goodput",)


def test_a_list_is_one_value_for_each_entry():
    goals = Goals.from_config("objectives", ["ttft-p99", {"goodput": 1, "e2e-mean": 1}, "complexity"])

    assert goals.names == ("ttft-p99", "goodput+e2e-mean", "complexity")
    assert goals.objectives == ("ttft-p99", "goodput", "e2e-mean", "complexity")


def test_null_stands_for_the_default():
    assert Goals.from_config("objectives", None).groups == (DEFAULT_OBJECTIVES,)


def test_some_objectives_need_a_trace():
    assert not Goals.from_config("objectives", {"ttft-p99": 1}).needs_trace
    assert Goals.from_config("objectives", ["ttft-p99", "anomalies"]).needs_trace
    assert Goals.from_config("objectives", {"reference-regret": 1}).needs_trace


@pytest.mark.parametrize(
    ("objectives", "message"),
    [
        ({"ttft-p98": 1}, "objectives: unknown key 'ttft-p98'; did you mean 'ttft-p99'?"),
        (["goodputt"], "objectives[0]: unknown key 'goodputt'; did you mean 'goodput'?"),
        ({"goodput": 0}, "objectives.goodput must be a finite number > 0; got 0"),
        ({"goodput": -1}, "objectives.goodput must be a finite number > 0; got -1"),
        ({"goodput": float("inf")}, "objectives.goodput must be a finite number > 0; got inf"),
        ({"goodput": True}, "objectives.goodput must be a finite number > 0; got True"),
        ({}, "objectives must be a mapping of at least one objective to its weight; got {}"),
        ([], "objectives must be a mapping of objectives to weights, or a list of objectives; got []"),
        ("goodput", "objectives must be a mapping of objectives to weights, or a list"),
        ([7], "objectives[0] must be a mapping of at least one objective"),
        (["goodput", {"goodput": 3}], "objectives[1]: goodput is listed twice"),
    ],
)
def test_wrong_objectives_are_refused(objectives, message):
    with pytest.raises(ConfigError) as error:
        Goals.from_config("objectives", objectives)

    assert message in str(error.value)
