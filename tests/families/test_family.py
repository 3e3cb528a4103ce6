"""Families: what a file may say, and the members that are drawn from it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from blis.families.family import family_names, read_family
from blis.families.named import read_named
from blis.foundation.errors import ConfigError
from blis.scenario import Scenario
from blis.scenario_file import names
from tests.families.small_family import RANGES, write_family

CV = "workload.spec.clients.people.arrival.cv"
LOAD = {"low": 0.5, "high": 1.0, "reason": "because"}


def cv_of(document: dict[str, Any]) -> float:
    value: float = document["workload"]["spec"]["clients"][0]["arrival"]["cv"]
    return value


def test_a_member_has_what_was_drawn_and_the_rest_of_the_file(tmp_path: Path) -> None:
    family = read_family(write_family(tmp_path))
    member = family.member(3)
    document = member.mapping()

    assert member.name == "small#3"
    assert set(member.drawn) == set(RANGES)
    assert document["cluster"]["instances"] == member.drawn["cluster.instances"]
    assert cv_of(document) == member.drawn[CV]
    assert document["slo"]["default"]["e2e_ms"] == member.drawn["slo.default.e2e_ms"]
    assert document["workload"]["num_requests"] == 120
    assert (
        document["workload"]["spec"]["clients"][1] == family.file.mapping_at_rate(1.0)["workload"]["spec"]["clients"][1]
    )


def test_members_lie_within_the_bounds_and_differ(tmp_path: Path) -> None:
    family = read_family(write_family(tmp_path))
    members = [family.member(number) for number in range(60)]

    assert all(0.5 <= one.drawn["load"] <= 1.2 and 1 <= one.drawn["cluster.instances"] <= 8 for one in members)
    assert len({json.dumps(one.drawn) for one in members}) == 60
    assert {one.drawn["cluster.instances"] for one in members} == set(range(1, 9))


def test_the_same_number_is_the_same_scenario_in_every_process(tmp_path: Path) -> None:
    path = write_family(tmp_path)
    here = json.dumps(read_family(path).member(17).mapping(), sort_keys=True)
    program = (
        "import json, sys; from blis.families.named import read_named; "
        "print(json.dumps(read_named(sys.argv[1]).mapping(), sort_keys=True))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, f"{path}#17"], capture_output=True, text=True, check=True, timeout=300
    )

    assert done.stdout.strip() == here


def test_a_further_range_moves_no_other_draw(tmp_path: Path) -> None:
    few = {key: RANGES[key] for key in ("load", CV)}
    one = read_family(write_family(tmp_path, ranges=few)).member(5)
    (tmp_path / "elsewhere").mkdir()
    other = read_family(write_family(tmp_path / "elsewhere")).member(5)

    assert {key: other.drawn[key] for key in few} == dict(one.drawn)


def test_several_places_get_one_draw(tmp_path: Path) -> None:
    also = "workload.spec.clients.others.arrival.cv"
    ranges = {CV: {"low": 0.5, "high": 3.0, "reason": "bursts", "also": [also]}}
    clients = read_family(write_family(tmp_path, ranges=ranges)).member(2).mapping()["workload"]["spec"]["clients"]

    assert clients[0]["arrival"]["cv"] == clients[1]["arrival"]["cv"] != 1.0


def test_an_entry_of_a_list_is_called_by_its_number_too(tmp_path: Path) -> None:
    ranges = {"workload.spec.clients.1.rate_fraction": {"low": 0.1, "high": 0.9, "reason": "mix"}}
    member = read_family(write_family(tmp_path, ranges=ranges)).member(2)

    assert member.mapping()["workload"]["spec"]["clients"][1]["rate_fraction"] == next(iter(member.drawn.values()))


@pytest.mark.parametrize(
    ("ranges", "words"),
    [
        ({}, "ranges must be a mapping of paths to ranges, one at least; got {}"),
        ([1], "ranges must be a mapping of paths to ranges, one at least; got [1]"),
        ({"laod": LOAD}, "ranges.laod: there is nothing at 'laod' of laod; did you mean 'load'?"),
        (
            {"workload.spec.clients.peple.rate_fraction": LOAD},
            "there is nothing at 'peple' of workload.spec.clients.peple.rate_fraction; did you mean 'people'?",
        ),
        ({"load.low": LOAD}, "there is nothing at 'low' of load.low"),
        ({"load": {**LOAD, "high": 5.0}}, "ranges.load must lie in [0.1, 2]"),
        ({"load": {"among": ["high", "low"], "reason": "?"}}, "ranges.load must lie in [0.1, 2]"),
        ({"num_requests": {"low": 10, "high": 20, "reason": "?"}}, "must leave num_requests alone"),
        (
            {"cluster.kv_blocks": {"low": 10, "high": 20, "reason": "?"}},
            "must leave kv_blocks alone: memory follows from the model, the hardware and memory_utilisation",
        ),
        ({"cluster": {"among": [{"kv_blocks": 10}, {"kv_blocks": 20}], "reason": "?"}}, "must leave kv_blocks alone"),
        (
            {"load": LOAD, CV: {"low": 0.5, "high": 3.0, "reason": "?", "also": ["load"]}},
            f"ranges.{CV} and ranges.load must not both set load",
        ),
        ({"cluster.instances": {"low": 0, "high": 3, "reason": "?"}}, "ranges.cluster.instances, at 0: "),
        ({"cluster.instances": {"low": 1.5, "high": 3.0, "reason": "?"}}, "ranges.cluster.instances, at 1.5: "),
        ({CV: {"low": -1.0, "high": 3.0, "reason": "?"}}, f"ranges.{CV}, at -1.0: "),
        ({"slo": {"among": [{"default": {"ttft": 1}}, {"default": None}], "reason": "?"}}, "unknown key 'ttft'"),
        ({"tension": {"among": ["a", "b"], "reason": "?"}}, "must leave tension alone"),
        ({"slo": {"low": 1.0, "high": 2.0, "factor": True, "reason": "?"}}, "factor needs a number to multiply at slo"),
    ],
)
def test_a_wrong_family_is_refused_when_it_is_read(tmp_path: Path, ranges: Any, words: str) -> None:
    path = write_family(tmp_path, ranges=ranges)

    with pytest.raises(ConfigError) as error:
        read_family(path)

    assert words in str(error.value)
    assert str(error.value).startswith(path)
    assert "\n" not in str(error.value)


def test_bounds_that_do_not_fit_each_other_are_refused(tmp_path: Path) -> None:
    path = write_family(
        tmp_path,
        cluster={
            "instances": 2,
            "model": "qwen/qwen3-32b",
            "hardware": "H200",
            "tensor_parallel": 1,
            "memory_utilisation": 0.9,
            "latency": {"kind": "roofline"},
        },
        ranges={
            "cluster.memory_utilisation": {"low": 0.6, "high": 0.9, "reason": "?"},
            "cluster.hardware": {"among": ["H100", "H200"], "reason": "?"},
        },
    )

    with pytest.raises(ConfigError, match="ranges, all at their first value: "):
        read_family(path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ranges": ...}, "key 'ranges' is required"),
        ({"saturation_rate": 7.0}, "saturation_rate must be left out of a family: it is measured for each member"),
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"load": ...}, "load"),
    ],
)
def test_the_rest_of_the_file_is_a_scenarios(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_family(write_family(tmp_path, **changes))

    assert words in str(error.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("chat", "chat is a family; say which member is meant, such as chat#1"),
        ("chat#", "what follows # must be the number of a member, an int ≥ 0; got ''"),
        ("chat#-1", "got '-1'"),
        ("chat#1.5", "got '1.5'"),
        ("chap#1", "no choice named 'chap'; did you mean 'chat'?"),
        ("no/such.yaml#1", "there is none at 'no/such.yaml'"),
    ],
)
def test_a_member_is_named_by_family_and_number(name: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_named(name)

    assert words in str(error.value)


def test_a_family_that_is_written_anew_is_read_anew(tmp_path: Path) -> None:
    first = read_family(write_family(tmp_path)).member(1)
    again = read_family(write_family(tmp_path, ranges={"load": LOAD})).member(1)

    assert list(first.drawn) != list(again.drawn) == ["load"]


def test_no_family_is_called_like_a_scenario() -> None:
    assert len(family_names()) >= 6
    assert not set(family_names()) & set(names())


@pytest.mark.parametrize("name", family_names())
def test_shipped_families_have_members_that_can_be_built(name: str) -> None:
    family = read_family(name)

    for number in range(2):
        member = family.member(number)
        mapping = member.mapping(None, 200, None) if member.load is None else member.mapping_at_rate(10.0, 200)
        scenario = Scenario.from_mapping(mapping)
        assert len(scenario.requests(seed=1)) == 200
    assert all(len(one.reason) > 10 for one in family.ranges.values())
    assert "kv_blocks" not in str(family.document)
