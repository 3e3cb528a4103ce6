"""What comes back by another name serves requests as what was exported."""

from dataclasses import replace
from typing import Any

import pytest

from blis.foundation.files import conf_folder
from blis.foundation.strict_yaml import read_yaml
from evolve.evidence import Condition
from evolve.evidence.laboratory import Laboratory
from evolve.exchange import MISSING, Champion
from evolve.exchange.flags.choosing import FEWEST_IN_FLIGHT
from evolve.exchange.routers import llm_d, sglang
from evolve.judging.baselines import read_policies
from evolve.trials.suite import read_suite

SCORED = {"policy": "weighted", "scorers": {"queue-depth": 2.0, "kv-utilization": 1.0}}


def records(suite: str, policies: dict[str, dict[str, Any]]) -> list[Any]:
    """What each policy does on the first test scenario of a suite."""
    scenarios = read_suite(read_yaml(conf_folder() / "suite" / f"{suite}.yaml"), None)[0].scenarios["test"]
    scenario = replace(scenarios[0], num_requests=250)
    laboratory = Laboratory([scenario], [], "serial")
    try:
        phenotypes = list(read_policies("policies", policies).values())
        return [rows[0] for rows in laboratory.measure(phenotypes, [Condition(scenario.name)], [7, 8])]
    finally:
        laboratory.close()


@pytest.mark.parametrize(
    ("router", "suite", "policies"),
    [
        (llm_d, "quick", {"routing": SCORED, "filtering": {"policy": "kv-threshold", "most_used_share": 0.4}}),
        (llm_d, "quick", {"routing": SCORED, "filtering": {"policy": "queue-threshold", "most_waiting": 1.0}}),
        (llm_d, "quick", {"routing": {"policy": "sticky-until-saturated", "affinity_threshold": 0.5}}),
        (llm_d, "pd", {"routing": SCORED, "disaggregation": {"policy": "above-prefix-threshold", "tokens": 99.5}}),
        (llm_d, "gateway", {"routing": SCORED, "saturation": {"policy": "concurrency", "max_concurrency": 9.0},
                            "fairness": "least-attained"}),
        (sglang, "quick", {"routing": {"policy": "cache-aware", "balance_abs_threshold": 2.5}}),
        (sglang, "quick", {"routing": {"policy": "cache-aware", "cache_threshold": 1.0, "balance_abs_threshold": 0.0,
                                       "balance_rel_threshold": 1.0}}),
        (sglang, "quick", {"routing": FEWEST_IN_FLIGHT}),
    ],
)  # fmt: skip
def test_what_comes_back_decides_as_what_was_exported(router: Any, suite: str, policies: dict[str, Any]) -> None:
    (champion,) = read_policies("champion", {"one": policies}).values()
    exported = router.export(Champion(champion.policies))
    assert MISSING not in {one.grade for one in exported.signals}

    back = router.read("file", exported.text or "", None).policies

    ours, theirs = records(suite, {"ours": policies, "theirs": dict(back)})
    assert ours == theirs
    assert ours[0].error is None
