import copy

import pytest

from blis.foundation.checks import check_keys
from blis.foundation.errors import ConfigError
from blis.foundation.files import conf_folder
from blis.foundation.strict_yaml import read_yaml
from blis.scenario_file import names
from evolve.trials.suite import ROLES, Suite, read_suite
from tests.trials.small_suite import small_suite

MAPPING = {
    "train": {"scenarios": ["kv-pressure", {"name": "prefix-heavy", "load": 0.7, "num_requests": 50}], "seeds": [1, 2]},
    "validation": {"scenarios": ["stale-signals"], "seeds": [3]},
    "test": {"scenarios": ["cache-warmup"], "seeds": [4]},
}


def changed(path, value):
    mapping = copy.deepcopy(MAPPING)
    *outer, last = path.split(".")
    node = mapping
    for key in outer:
        node = node[key]
    node[last] = value
    return mapping


def test_roles_hold_scenarios_and_seeds():
    suite = Suite.from_mapping("suite", MAPPING)

    assert [one.name for one in suite.scenarios["train"]] == ["kv-pressure", "prefix-heavy@0.7"]
    assert suite.seeds["train"] == (1, 2)
    heavy = suite.scenario("prefix-heavy@0.7")
    assert (heavy.load, heavy.num_requests) == (0.7, 50)


def test_a_scenario_can_be_met_under_other_physics():
    other = {"name": "stale-signals", "physics": "roofline"}
    suite = Suite.from_mapping("suite", changed("test.scenarios", ["cache-warmup", other]))

    scenario = suite.scenario("stale-signals/roofline")
    mapping = scenario.mapping(100)

    assert mapping["cluster"]["latency"] == {"kind": "roofline"}
    assert mapping["workload"]["rate"] == scenario.file.load * scenario.file.saturation_rates["roofline"]
    assert suite.scenario("stale-signals").mapping(100)["cluster"]["latency"] == {"kind": "silicon"}


def test_unknown_physics_are_refused():
    with pytest.raises(ConfigError, match=r"scenarios\[0\].physics: no choice named 'roof'; did you mean 'roofline'"):
        Suite.from_mapping("suite", changed("test.scenarios", [{"name": "unfair", "physics": "roof"}]))


def test_what_a_suite_leaves_open_the_scenario_says():
    suite = Suite.from_mapping("suite", MAPPING)

    one = suite.scenario("kv-pressure")
    assert (one.load, one.num_requests) == (one.file.load, one.file.num_requests)


@pytest.mark.parametrize(("fidelity", "expected"), [(None, 50), (20, 20), (80, 50)])
def test_a_fidelity_never_exceeds_what_the_suite_says(fidelity, expected):
    suite = Suite.from_mapping("suite", MAPPING)

    assert suite.scenario("prefix-heavy@0.7").requests_at(fidelity) == expected


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("train.scenarios", [], "suite.train.scenarios must be a list of at least one scenario; got []"),
        ("train.scenarios", "kv-pressure", "suite.train.scenarios must be a list of at least one scenario"),
        ("train.scenarios", ["kv-presure"], "did you mean 'kv-pressure'?"),
        ("train.scenarios", [7], "suite.train.scenarios[0] must be a scenario's name, or a mapping"),
        ("train.scenarios", [{"name": "kv-pressure", "rate": 1}], "suite.train.scenarios[0]: unknown key 'rate'"),
        (
            "train.scenarios",
            [{"name": "kv-pressure", "load": 0}],
            "scenarios[0].load must be a finite number > 0; got 0",
        ),
        ("train.scenarios", [{"name": "kv-pressure", "load": float("nan")}], "must be a finite number > 0; got nan"),
        ("train.scenarios", [{"name": "kv-pressure", "num_requests": 0}], "scenarios[0].num_requests must be an int"),
        ("train.scenarios", ["kv-pressure", "kv-pressure"], "'kv-pressure' is listed twice"),
        ("test.scenarios", ["kv-pressure"], "suite.test.scenarios: 'kv-pressure' belongs to role 'train' already"),
        ("test.seeds", [2], "suite.test.seeds: 2 belongs to role 'train' already"),
        ("train.seeds", [], "suite.train.seeds must be a list of at least one int ≥ 0; got []"),
        ("train.seeds", [1, 1], "suite.train.seeds must hold each seed once; got [1, 1]"),
        ("train.seeds", [-1], "suite.train.seeds[0] must be an int in [0, 9223372036854775807]; got -1"),
        ("train.seeds", [1.5], "suite.train.seeds[0] must be an int in [0, 9223372036854775807]; got 1.5"),
        ("train.seeds", 3, "suite.train.seeds must be a list of at least one int ≥ 0; got 3"),
        ("holdout", {}, "suite: unknown key 'holdout'"),
        ("test", {"scenarios": ["cache-warmup"]}, "suite.test: key 'seeds' is required"),
    ],
)
def test_a_wrong_suite_is_refused(path, value, message):
    with pytest.raises(ConfigError) as error:
        Suite.from_mapping("suite", changed(path, value))

    assert message in str(error.value)


def test_the_same_scenario_at_another_load_may_have_another_role():
    suite = Suite.from_mapping("suite", changed("test.scenarios", [{"name": "kv-pressure", "load": 1.1}]))

    assert suite.scenario("kv-pressure@1.1").file == suite.scenario("kv-pressure").file


def test_training_scenarios_can_be_replaced():
    suite = Suite.from_mapping("suite", MAPPING)

    replaced, notes = suite.with_train("scenario", ["heterogeneous", "cache-warmup"])

    assert [one.name for one in replaced.scenarios["train"]] == ["heterogeneous", "cache-warmup"]
    assert replaced.scenarios["test"] == suite.scenarios["test"]
    assert replaced.seeds == suite.seeds
    assert notes == ("scenario: cache-warmup also validates or tests, there with other seeds.",)
    assert suite.with_train("scenario", "heterogeneous")[0].scenarios["train"] == replaced.scenarios["train"][:1]


def test_another_file_of_the_same_name_is_refused(tmp_path):
    suite = small_suite(tmp_path).with_train("scenario", str(tmp_path / "wide.yaml"))[0]
    path = tmp_path / "elsewhere" / "wide@0.5.yaml"
    path.parent.mkdir()
    path.write_text((tmp_path / "wide.yaml").read_text())

    with pytest.raises(ConfigError, match=r"'wide@0\.5' must not be called like another scenario of the suite"):
        suite.with_train("scenario", str(path))


@pytest.mark.parametrize("name", ["default", "quick"])
def test_shipped_suites_can_be_read(name):
    document = read_yaml(conf_folder() / "suite" / f"{name}.yaml")

    suite = Suite.from_mapping("suite", check_keys("suite", document, ROLES))

    assert all(len(suite.scenarios[role]) >= 1 for role in ROLES)


def test_the_default_suite_leaves_no_shipped_scenario_out():
    suite = Suite.from_mapping("suite", read_yaml(conf_folder() / "suite" / "default.yaml"))

    used = {one.file.name for role in ROLES for one in suite.scenarios[role]}
    assert len(used) >= 7
    assert used <= set(names())


def own():
    return read_yaml(conf_folder() / "suite" / "own.yaml")


def test_a_log_of_ones_own_is_cut_into_a_stretch_for_each_role():
    suite, notes = read_suite(own(), "azure-conversation")

    (train,), (validation,), (test,) = (suite.scenarios[role] for role in ROLES)
    assert [one.stretch for one in (train, validation, test)] == [(0.0, 0.5), (0.5, 0.75), (0.75, 1.0)]
    assert test.name == "azure-conversation[0.75-1]"
    assert test.mapping(50)["workload"]["stretch"] == [0.75, 1.0]
    assert notes == ()


def test_a_generated_workload_of_ones_own_is_held_out_by_its_seeds():
    suite, _ = read_suite(own(), ["mixed-slo", "azure-conversation"])

    assert [one.name for one in suite.scenarios["test"]] == ["mixed-slo", "azure-conversation[0.75-1]"]
    assert not set(suite.seeds["train"]) & set(suite.seeds["test"])


@pytest.mark.parametrize("names", [None, [], [3]])
def test_a_suite_of_ones_own_scenarios_needs_some(names):
    with pytest.raises(ConfigError, match="scenario must name at least one"):
        read_suite(own(), names)


def test_what_replays_no_log_has_no_stretch():
    with pytest.raises(ConfigError, match="replays no log"):
        Suite.from_mapping("suite", changed("test.scenarios", [{"name": "mixed-slo", "stretch": [0, 0.5]}]))
