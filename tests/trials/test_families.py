"""Suites of families: which members a role has, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from blis.foundation.errors import ConfigError
from blis.foundation.files import conf_folder
from blis.foundation.strict_yaml import read_yaml
from evolve.trials.families import own_seed
from evolve.trials.suite import ROLES, Suite, read_suite
from evolve.trials.workloads import WorkloadKey, Workloads
from tests.families.small_family import write_family
from tests.trials.small_suite import small_suite


def mapping(folder: Path, **changes: Any) -> dict[str, Any]:
    one, two = write_family(folder, "one"), write_family(folder, "two")
    return {
        "train": {"families": [one], "members": 2, "seeds": [1, 2]},
        "validation": {"families": [one], "members": 3, "seeds": [3]},
        "test": {"families": [one, {"name": two, "num_requests": 40}], "members": 2, "seeds": [4]},
        **changes,
    }


def names(suite: Suite, role: str) -> list[str]:
    return [one.name for one in suite.scenarios[role]]


def test_roles_share_families_and_no_member(tmp_path: Path) -> None:
    suite = Suite.from_mapping("suite", mapping(tmp_path))

    assert names(suite, "validation") == ["one#2001", "one#2002", "one#2003"]
    assert names(suite, "test") == ["one#3001", "one#3002", "two#3001", "two#3002"]
    assert [one.family for one in suite.scenarios["test"]] == ["one", "one", "two", "two"]
    assert [one.num_requests for one in suite.scenarios["test"]] == [120, 120, 40, 40]


def test_each_turn_of_a_search_draws_other_members(tmp_path: Path) -> None:
    suite = Suite.from_mapping("suite", mapping(tmp_path))
    turns = [suite.drawn(7, turn) for turn in (0, 1, 2, "finals")]

    drawn = [name for one in turns for name in names(one, "train")]
    assert len(set(drawn)) == 8
    assert not set(drawn) & {name for role in ROLES for name in names(suite, role)}
    assert names(suite.drawn(7, 1), "train") == names(turns[1], "train")
    assert names(suite.drawn(8, 1), "train") != names(turns[1], "train")
    assert all(names(one, "test") == names(suite, "test") for one in turns)


def test_a_family_can_be_met_under_other_prices(tmp_path: Path) -> None:
    """Its members are the same, at the same factor of what their clusters carry then."""
    given = mapping(tmp_path)
    given["test"]["families"][1] = {"name": given["test"]["families"][1]["name"], "physics": "roofline"}
    suite = Suite.from_mapping("suite", given)

    assert names(suite, "test") == ["one#3001", "one#3002", "two#3001/roofline", "two#3002/roofline"]
    assert suite.scenarios["test"][2].family == "two"
    assert suite.scenarios["test"][2].physics == "roofline"
    given["test"]["families"][1]["physics"] = "rooflne"
    with pytest.raises(ConfigError, match=r"suite.test.families\[1\].physics: .*did you mean 'roofline'"):
        Suite.from_mapping("suite", given)


def test_scenarios_beside_families_stay(tmp_path: Path) -> None:
    given = mapping(tmp_path)
    given["train"]["scenarios"] = ["kv-pressure", f"{given['train']['families'][0]}#5"]
    suite = Suite.from_mapping("suite", given)

    assert names(suite, "train")[:2] == ["kv-pressure", "one#5"]
    assert names(suite.drawn(1, 0), "train")[:2] == ["kv-pressure", "one#5"]
    assert suite.described("train") == "kv-pressure, one#5, one (2 members anew in every generation)"


def test_a_suite_without_families_stays_as_it_is(tmp_path: Path) -> None:
    suite = small_suite(tmp_path)

    assert suite.drawn(1, 3) is suite
    assert own_seed(suite.scenarios["train"][0], 17) == 17


def test_any_member_of_a_suites_families_is_found_by_its_name(tmp_path: Path) -> None:
    suite = Suite.from_mapping("suite", mapping(tmp_path))
    member = suite.drawn(7, 4).scenarios["train"][1]

    assert suite.scenario(member.name).mapping(50) == member.mapping(50)
    with pytest.raises(ConfigError, match="there is no scenario named 'three#1'"):
        suite.scenario("three#1")


def test_members_of_a_family_do_not_share_the_luck_of_a_seed(tmp_path: Path) -> None:
    suite = Suite.from_mapping("suite", mapping(tmp_path))
    first, second = suite.scenarios["test"][:2]
    seeds = {own_seed(one, seed) for one in (first, second) for seed in (4, 5)}
    workloads = Workloads(suite)
    workload = workloads.prepared(WorkloadKey(first.name, own_seed(first, 4), 50))

    assert len(seeds) == 4
    assert workload.scenario.seed == own_seed(first, 4) != 4


def test_other_training_scenarios_replace_the_families(tmp_path: Path) -> None:
    suite, _ = Suite.from_mapping("suite", mapping(tmp_path)).with_train("scenario", "kv-pressure")

    assert names(suite, "train") == ["kv-pressure"]
    assert suite.drawn(1, 0) is suite
    assert names(suite, "test")[0] == "one#3001"


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ({"families": [], "members": 2, "seeds": [1]}, "suite.train.families must be a list of at least one family"),
        ({"families": "chat", "members": 2, "seeds": [1]}, "suite.train.families must be a list of at least one"),
        ({"families": ["chat"], "seeds": [1]}, "suite.train: key 'members' is required"),
        ({"families": ["chat"], "members": 0, "seeds": [1]}, "suite.train.members must be an int in [1, 999]; got 0"),
        ({"families": ["chat"], "members": 2.5, "seeds": [1]}, "suite.train.members must be an int"),
        ({"families": ["chap"], "members": 2, "seeds": [1]}, "did you mean 'chat'?"),
        ({"families": ["chat#3"], "members": 2, "seeds": [1]}, "'chat#3' is one member, which scenarios may list"),
        ({"families": ["chat", "chat"], "members": 2, "seeds": [1]}, "'chat' is listed twice"),
        ({"families": [{"name": "chat", "load": 1}], "members": 2, "seeds": [1]}, "unknown key 'load'"),
        (
            {"families": [{"name": "chat", "num_requests": 0}], "members": 2, "seeds": [1]},
            "num_requests must be an int",
        ),
        ({"scenarios": ["kv-pressure"], "members": 2, "seeds": [1]}, "suite.train.members must be left out without"),
        ({"scenarios": ["chat"], "seeds": [1]}, "chat is a family; say which member is meant, such as chat#1"),
    ],
)
def test_a_wrong_role_is_refused(tmp_path: Path, role: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as error:
        Suite.from_mapping("suite", mapping(tmp_path, train=role))

    assert words in str(error.value)


def test_two_families_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    other = {"families": [write_family(tmp_path / "elsewhere", "one")], "members": 2, "seeds": [3]}

    with pytest.raises(ConfigError, match="'one' must not be called like another family of the suite"):
        Suite.from_mapping("suite", mapping(tmp_path, validation=other))


def test_the_shipped_suite_tests_on_families_that_no_other_role_has() -> None:
    suite, _ = read_suite(read_yaml(conf_folder() / "suite" / "families.yaml"), None)

    of_role = {role: {one.name for one in suite.families[role]} for role in ROLES}
    assert len(of_role["test"] - of_role["train"] - of_role["validation"]) >= 3
    assert of_role["test"] & of_role["train"]
    assert suite.varies


@pytest.mark.parametrize("name", ["tiered", "swapped", "epd", "fleet"])
def test_suites_of_parts_test_on_a_family_that_no_other_role_has(name: str) -> None:
    suite, _ = read_suite(read_yaml(conf_folder() / "suite" / f"{name}.yaml"), None)

    of_role = {role: {one.name for one in suite.families[role]} for role in ROLES}
    assert of_role["train"] == of_role["validation"]
    assert of_role["test"] > of_role["train"]
    assert len(of_role["train"]) >= 2
