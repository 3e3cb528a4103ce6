"""Policy files of the reference simulator mean here what they meant there."""

import pytest

from blis.foundation.errors import ConfigError
from blis.policies.bundle import bundle_from_mapping


def test_scheduler_and_scorers_are_read() -> None:
    scorers = [{"name": "prefix-affinity", "weight": 3.0}, {"name": "queue-depth", "weight": 2.0}]
    document = {
        "admission": {"policy": "always-admit"},
        "priority": {"policy": "constant"},
        "routing": {"policy": "weighted", "scorers": scorers},
        "scheduler": "fcfs",
    }

    assert bundle_from_mapping("p", document).policies == {
        "admission": {"policy": "always-admit"},
        "routing": {"policy": "weighted", "scorers": scorers},
        "priority": {"policy": "constant"},
        "scheduling": {"policy": "fcfs"},
    }


def test_two_weights_mean_the_first_weighted_routing() -> None:
    document = {"routing": {"policy": "weighted", "cache_weight": 0.25, "load_weight": 0.75}}

    assert bundle_from_mapping("p", document).policies == {
        "routing": {"policy": "weighted-legacy", "cache_weight": 0.25, "load_weight": 0.75}
    }


def test_bucket_parameters_are_renamed_and_a_zero_is_a_value() -> None:
    bucket = {"policy": "token-bucket", "token_bucket_capacity": 500.0, "token_bucket_refill_rate": 0.0}

    assert bundle_from_mapping("p", {"admission": bucket, "scheduler": "sjf"}).policies == {
        "admission": {"policy": "token-bucket", "capacity_tokens": 500.0, "refill_tokens_per_s": 0.0},
        "scheduling": {"policy": "sjf"},
    }


def test_parameters_of_policies_that_were_not_chosen_do_not_count() -> None:
    document = {"admission": {"policy": "always-admit", "token_bucket_capacity": 500.0}, "scheduler": ""}

    assert bundle_from_mapping("p", document).policies == {"admission": {"policy": "always-admit"}}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"scheduler": "fcfs", "rooting": {"policy": "weighted"}}, "unknown key 'rooting'; did you mean 'routing'"),
        ({"routing": {"policy": "weighted", "cache_weight": 0.5, "load_weight": 0.9}}, "must be 1; got 0.5"),
        ({"routing": {"cache_weight": 0.5}}, "routing.policy must be given beside cache_weight"),
        ({"scheduler": "lifo"}, "no choice named 'lifo'"),
        ({"priority": {"policy": "constant", "weight": 1}}, "priority: unknown key 'weight'"),
    ],
)
def test_what_a_policy_file_cannot_say_is_refused(document: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        bundle_from_mapping("p", document)


def test_a_bundle_without_a_version_is_still_refused_where_it_is_neither() -> None:
    with pytest.raises(ConfigError, match="version"):
        bundle_from_mapping("p", {"limits": {"max_running_requests": 4}})
