"""The default objective cannot be bought by refusing people, which the measured cases show where it tempted most."""

import math

import pytest

from blis.fitness.ratio import ratio
from blis.scenario_file import read_scenario
from evolve.judging.baselines import read_policies
from evolve.judging.goals import DEFAULT_OBJECTIVES, family
from evolve.records import Record, Task
from evolve.trials.evaluation import evaluate
from evolve.trials.workloads import prepare

LLM_D = {"policy": "weighted", "scorers": {"prefix-affinity": 3, "queue-depth": 2, "kv-utilization": 2}}
POLICIES = read_policies(
    "policies",
    {
        "plain": {"routing": LLM_D},
        "slo-class": {"routing": LLM_D, "priority": "slo-class", "scheduling": "priority-fcfs"},
        "shed": {"routing": LLM_D, "admission": {"policy": "tier-shed", "threshold_requests": 0}},
        "drip": {
            "routing": LLM_D,
            "admission": {"policy": "token-bucket", "capacity_tokens": 20_000, "refill_tokens_per_s": 20_000},
        },
    },
)


def records(scenario: str, load: float | None = None) -> dict[str, Record]:
    file = read_scenario(scenario)
    load = file.load if load is None else load
    prepared = prepare({**file.mapping(load, 1500), "seed": 5})
    return {name: evaluate(Task(one, scenario, 5, 1500, ""), prepared) for name, one in POLICIES.items()}


def gain(ours: Record, theirs: Record) -> float:
    """Log ratio by the default objective."""
    total = 0.0
    for name, weight in DEFAULT_OBJECTIVES.items():
        judged, value = family(name).JUDGED[name], family(name).value
        total += weight * math.log(ratio(judged, value(name, ours, 0.0), value(name, theirs, 0.0)))
    return total


@pytest.mark.parametrize("scenario", ["overload-mixed-slo", "diurnal-heterogeneous", "unfair", "mixed-slo"])
def test_serving_everybody_in_order_of_class_is_better_than_refusing_those_who_would_wait(scenario: str) -> None:
    found = records(scenario)

    assert found["shed"].figures["rejection_ratio"] > 0.05  # type: ignore[operator]
    assert gain(found["slo-class"], found["plain"]) > 0.0
    assert gain(found["slo-class"], found["shed"]) > 0.2


@pytest.mark.parametrize("scenario", ["general-heavy-tailed", "mixed-slo"])
def test_nothing_is_gained_by_refusing_who_would_have_been_served_in_time(scenario: str) -> None:
    found = records(scenario, load=0.5)

    assert found["plain"].figures["slo_attainment"] > 0.97  # type: ignore[operator]
    for name in ("shed", "drip"):
        refused = found[name].figures["rejection_ratio"]
        if refused:
            assert gain(found[name], found["plain"]) < -refused
