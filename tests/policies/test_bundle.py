from pathlib import Path

import pytest

from blis.foundation.errors import ConfigError
from blis.policies.bundle import Bundle, bundle_from_mapping, complete_policy, read_bundle, write_bundle


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    scorers = [{"name": "queue-depth", "weight": 0.1}, {"name": "prefix-affinity", "weight": 1e-17}]
    bundle = Bundle(
        {"routing": {"policy": "weighted", "scorers": scorers}, "priority": {"policy": "linear", "age": -2.5}},
        {"parents": [3, 4], "note": "größer: „ja“"},
    )

    write_bundle(bundle, tmp_path / "policies.yaml")

    assert read_bundle(tmp_path / "policies.yaml") == bundle


def test_bare_name_is_the_policy() -> None:
    bundle = bundle_from_mapping("b", {"version": 1, "scheduling": "sjf", "routing": "mine:route"})

    assert bundle.policies == {"scheduling": {"policy": "sjf"}, "routing": {"policy": "mine:route"}}


def test_callable_takes_no_parameters() -> None:
    with pytest.raises(ConfigError, match="b: routing: unknown key 'weight'"):
        bundle_from_mapping("b", {"version": 1, "routing": {"policy": "mine:route", "weight": 1}})


def test_lineage_must_be_a_mapping() -> None:
    with pytest.raises(ConfigError, match="lineage must be a mapping"):
        bundle_from_mapping("b", {"version": 1, "lineage": "champion"})


def test_complete_policy_writes_defaults_out() -> None:
    assert complete_policy("routing", {"policy": "weighted-legacy", "load_weight": 2}) == {
        "policy": "weighted-legacy",
        "cache_weight": 0.6,
        "load_weight": 2,
    }
