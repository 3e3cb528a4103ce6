import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from blis.scenario_file import read_scenario
from evolve.comparing import Objective, comparison
from evolve.comparing.sequential import Precision, compare_until
from evolve.comparing.verdict import is_better, verdict
from evolve.evidence import Condition, Measure, ablation, classes, sensitivity, sweeps
from evolve.records import Phenotype, Record
from evolve.trials.suite import SuiteScenario
from tests.evidence.conftest import by_cells
from tests.evidence.policies import phenotype, weighted

Measured = Callable[..., Measure]
SEEDS = range(10)
TEN_EACH = Precision(first_seeds=10, most_runs=20)


def _by_routing(qualities: Mapping[str, float]) -> Callable[[Phenotype, Condition], float]:
    return lambda one, _: qualities[one.policies["routing"]["policy"]]


def _champion_against(
    qualities: Mapping[str, float], measured: Measured, objectives: list[Objective], noise: float = 0.0
) -> list[comparison.Comparison]:
    rivals = {name: phenotype(routing={"policy": name}) for name in qualities if name != "weighted"}
    champion = phenotype(routing=weighted(queue_depth=1.0))
    measure = measured(_by_routing(qualities), noise)
    return compare_until(champion, rivals, ["a", "b"], objectives, by_cells(measure), int, TEN_EACH, 1)


def test_a_better_champion_is_called_better(measured: Measured, objectives: list[Objective]) -> None:
    found = _champion_against({"weighted": 1.1, "round-robin": 0.5, "least-loaded": 1.0}, measured, objectives)

    assert found[1].overall.gain_percent == pytest.approx(10.0)
    assert (found[1].wins, found[1].losses) == (20, 0)
    assert found[1].objectives["goodput"].gain_percent == pytest.approx(10.0)
    assert is_better(found)
    assert verdict(found) == (
        "The champion is better than all 2 rivals on 2 held-out scenarios (20 paired runs); its lead over the "
        "strongest, least-loaded, is +10.00 % [+10.00, +10.00]."
    )


def test_a_champion_that_is_only_lucky_is_not_called_better(measured: Measured, objectives: list[Objective]) -> None:
    found = _champion_against(
        {"weighted": 1.0, "round-robin": 0.5, "least-loaded": 1.0}, measured, objectives, noise=0.1
    )

    assert not is_better(found)
    assert verdict(found).startswith("The champion is NOT shown to be better")
    assert "it is better than round-robin" in verdict(found)


def test_a_worse_champion_is_called_worse(measured: Measured, objectives: list[Objective]) -> None:
    found = _champion_against({"weighted": 0.9, "round-robin": 0.5, "least-loaded": 1.0}, measured, objectives)

    assert "is NOT better: on 2 held-out scenarios (20 paired runs) it is worse than least-loaded (-10.00 %" in verdict(
        found
    )


def test_a_scenario_that_is_lost_is_named(measured: Measured, objectives: list[Objective]) -> None:
    def quality(one: Phenotype, condition: Condition) -> float:
        if one.policies["routing"]["policy"] != "weighted":
            return 1.0
        return 2.0 if condition.scenario == "a" else 0.9

    found = compare_until(
        phenotype(routing=weighted(queue_depth=1.0)),
        {"rr": phenotype()},
        ["a", "b"],
        objectives,
        by_cells(measured(quality)),
        int,
        TEN_EACH,
        1,
    )

    assert is_better(found)
    assert "though it loses on b to rr (-10.00 %" in verdict(found)


def test_a_recorded_log_counts_as_one_run(objectives: list[Objective]) -> None:
    ours, theirs = [Record({"ttft": 1.0, "goodput": 1.0}, 1)] * 5, [Record({"ttft": 2.0, "goodput": 1.0}, 1)] * 5

    found = comparison.compare("rr", ["log"], [ours], [theirs], objectives, 1)

    assert (found.overall.n_pairs, found.wins, found.losses) == (1, 1, 0)
    assert "(1 paired run)" in verdict([found])


def test_failures_and_broken_constraints_are_no_victory(measured: Measured, objectives: list[Objective]) -> None:
    found = _champion_against({"weighted": 1.1, "round-robin": 0.5}, measured, objectives)
    failed = comparison.compare(
        "rr", ["a"], [[Record({}, 1, "stalled"), Record({}, 1)]], [[Record({}, 1), Record({}, 1)]], objectives, 1
    )

    assert not is_better(found, violation=0.1)
    assert "BREAKS the constraints" in verdict(found, violation=0.1)
    assert failed.champion_failures == 1
    assert "1 run of it FAILED" in verdict([failed])


def test_a_dead_gene_is_called_dead(measured: Measured, objectives: list[Objective]) -> None:
    """The planted policy: queue-depth is all that counts, kv-utilization harms, the priority is never looked at."""

    def quality(one: Phenotype, _: Condition) -> float:
        scorers = {scorer["name"]: scorer["weight"] for scorer in one.policies["routing"].get("scorers", [])}
        return 1.0 + scorers.get("queue-depth", 0.0) - 0.5 * scorers.get("kv-utilization", 0.0)

    routing = weighted(queue_depth=0.5, kv_utilization=0.2, prefix_affinity=0.3)
    champion = phenotype({"max_running_requests": 64}, routing=routing, priority={"policy": "slo-class"})
    genes = ["routing", "priority", "scheduling", "cluster.max_running_requests", "cluster.step_token_budget"]

    parts = ablation.examine(champion, genes, ["a", "b"], SEEDS, objectives, measured(quality), 1)

    readings = {part.name: part.reading for part in parts}
    assert readings == {
        "routing": "helps",
        "routing/queue-depth": "helps",
        "routing/kv-utilization": "harms",
        "routing/prefix-affinity": "dead",
        "priority": "dead",
        "scheduling": "dead",
        "cluster.max_running_requests": "dead",
    }


def test_a_gene_whose_effect_drowns_in_noise_is_not_called_dead(
    measured: Measured, objectives: list[Objective]
) -> None:
    champion = phenotype(priority={"policy": "slo-class"})

    (part,) = ablation.examine(champion, ["priority"], ["a"], SEEDS, objectives, measured(lambda *_: 1.0, 0.2), 1)

    assert part.reading == "unclear"
    assert part.changed_runs == 10


def test_each_number_is_changed_within_its_bounds() -> None:
    champion = phenotype(
        {"max_running_requests": 2},
        routing=weighted(queue_depth=0.4, kv_utilization=0.6),
        priority={"policy": "program", "formula": "urgency 10 mul age_us 0 mul add"},
        admission={"policy": "tier-shed", "minimum_urgency": 100.0, "threshold_requests": 8},
    )
    genes = ["admission", "routing", "priority", "scheduling", "cluster.max_running_requests"]

    changed = {name: (value, one) for name, value, one in sensitivity.changed_numbers(champion, genes, 1.25)}

    assert {name: value for name, (value, _) in changed.items()} == {
        "admission/threshold_requests": 8.0,
        "routing/queue-depth": 0.4,
        "routing/kv-utilization": 0.6,
        "priority/constant 2": 10.0,
    }
    assert changed["priority/constant 2"][1].policies["priority"]["formula"] == "urgency 12.5 mul age_us 0 mul add"
    assert changed["routing/queue-depth"][1].policies["routing"]["scorers"][0]["weight"] == 0.5
    lowered = {name: one for name, _, one in sensitivity.changed_numbers(champion, genes, 0.75)}
    assert lowered["admission/minimum_urgency"].policies["admission"]["minimum_urgency"] == 75.0


def test_changing_a_number_that_matters_has_a_consequence(measured: Measured, objectives: list[Objective]) -> None:
    def quality(one: Phenotype, _: Condition) -> float:
        first, second = (scorer["weight"] for scorer in one.policies["routing"]["scorers"])
        return math.exp(-((first / second - 1.0) ** 2))

    champion = phenotype(routing=weighted(queue_depth=1.0, kv_utilization=1.0))

    changes = sensitivity.examine(champion, ["routing"], ["a"], SEEDS, objectives, measured(quality), 1)

    assert [(change.name, change.factor) for change in changes] == [
        ("routing/kv-utilization", 0.75),
        ("routing/kv-utilization", 1.25),
        ("routing/queue-depth", 0.75),
        ("routing/queue-depth", 1.25),
    ]
    assert all(change.consequence.reading == "worse" for change in changes)
    assert changes[2].consequence.gain_percent == pytest.approx(100.0 * math.expm1(-0.0625))


def test_sweeps_show_where_the_lead_ends(measured: Measured, objectives: list[Objective]) -> None:
    def quality(one: Phenotype, condition: Condition) -> float:
        assert condition.load is not None
        return 1.0 if one.policies["routing"]["policy"] == "round-robin" else 2.0 - condition.load

    champion = phenotype(routing=weighted(queue_depth=1.0))

    sweep = sweeps.examine(
        champion, {"rr": phenotype()}, (0.7, 1.2), sweeps.at_load, ["a", "b"], SEEDS, objectives, measured(quality), 1
    )

    assert [effect.reading for effect in sweep.gains["rr"]] == ["better", "worse"]
    assert sweep.gains["rr"][0].gain_percent == pytest.approx(30.0)


def test_prices_are_those_that_every_scenario_with_a_rate_knows(
    measured: Measured, objectives: list[Objective]
) -> None:
    def one(name: str, **changes: object) -> SuiteScenario:
        file = replace(read_scenario(name), **changes)
        return SuiteScenario(name, file, file.load, file.num_requests)

    rates = {"roofline": 1.0, "silicon": 2.0, "affine": 3.0}
    scenarios = [one("unfair"), one("bursty", saturation_rates=rates), one("closed-chat")]

    def quality(policy: Phenotype, condition: Condition) -> float:
        return 2.0 if condition.physics == "silicon" and policy.policies["routing"]["policy"] == "weighted" else 1.0

    kinds = sweeps.known_physics(scenarios)
    sweep = sweeps.examine(
        phenotype(routing=weighted(queue_depth=1.0)), {"rr": phenotype()}, kinds, sweeps.at_physics, ["a"], SEEDS,
        objectives, measured(quality), 1,
    )  # fmt: skip

    assert kinds == ["silicon", "roofline"]
    assert [effect.reading for effect in sweep.gains["rr"]] == ["better", "unclear"]


def test_classes_are_compared_where_both_sides_have_a_figure() -> None:
    def figures(one: Phenotype, scenario: str, seed: int) -> dict[str, dict[str, float | None]]:
        base = 1.0 if one.policies["routing"]["policy"] == "round-robin" else 2.0
        batch: dict[str, float | None] = {"ttft_p99_ms": None if seed == 0 else 10.0 * base}
        return {"critical": {"ttft_p99_ms": 100.0 * base + seed, "slo_attainment": None}, "batch": batch}

    found = classes.examine(phenotype(routing=weighted(queue_depth=1.0)), phenotype(), ["a"], [0, 1, 2], figures)

    shown: dict[tuple[str, str], Any] = {(one.slo_class, one.figure): one for one in found}
    assert (shown["critical", "ttft_p99_ms"].champion, shown["critical", "ttft_p99_ms"].rival) == (201.0, 101.0)
    assert (shown["batch", "ttft_p99_ms"].champion, shown["batch", "ttft_p99_ms"].n_seeds) == (20.0, 2)
    assert shown["critical", "slo_attainment"].champion is None
