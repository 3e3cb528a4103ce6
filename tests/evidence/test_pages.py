import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from evolve.comparing import Effect, Objective
from evolve.comparing.sequential import Precision, compare_until
from evolve.comparing.shares import Share
from evolve.evidence import Condition, Measure, ablation, classes, sensitivity, sweeps
from evolve.evidence.ceiling import Ceiling, Extent, Room
from evolve.evidence.dossier import Dossier
from evolve.evidence.page import html
from evolve.evidence.text import markdown, summary
from evolve.records import Phenotype
from tests.evidence.conftest import by_cells
from tests.evidence.policies import phenotype, weighted


@pytest.fixture
def dossier(measured: Callable[..., Measure], objectives: list[Objective]) -> Dossier:
    def quality(one: Phenotype, condition: Condition) -> float:
        scorers = {scorer["name"]: scorer["weight"] for scorer in one.policies["routing"].get("scorers", [])}
        return 1.0 + scorers.get("queue-depth", 0.0) / (condition.load or 1.0)

    champion = phenotype(routing=weighted(queue_depth=0.2, kv_utilization=0.8), priority={"policy": "slo-class"})
    rivals = {"round-robin": phenotype(), "llm-d <3:2:2>": phenotype(routing=weighted(queue_depth=0.1, no_hit_lru=0.9))}
    where, seeds, measure = ["prefix-heavy", "kv|pressure"], list(range(5)), measured(quality, 0.05)
    genes, precision = ["routing", "priority"], Precision(first_seeds=5, most_runs=10)
    return Dossier(
        name="routing_weights ga seed 1",
        policies=champion.policies,
        limits={},
        description=["routing = 0.2 queue-depth + 0.8 kv-utilization", "priority = <slo-class>"],
        scenarios=where,
        precision=precision,
        objectives={"ttft-p99": 1.0, "goodput": 1.0},
        violation=0.0,
        comparisons=compare_until(champion, rivals, where, objectives, by_cells(measure), int, precision, 1),
        class_rival="round-robin",
        classes=classes.examine(champion, phenotype(), where, seeds, lambda *_: {"batch": {"ttft_p99_ms": 12.5}}),
        parts=ablation.examine(champion, genes, where, seeds, objectives, measure, 1),
        changes=sensitivity.examine(champion, genes, where, seeds, objectives, measure, 1),
        load=sweeps.examine(champion, rivals, (0.7, 1.2), sweeps.at_load, where, seeds, objectives, measure, 1),
        staleness=sweeps.examine(champion, rivals, (0, 5e4), sweeps.at_refresh, where, seeds, objectives, measure, 1),
        physics=sweeps.examine(
            champion, rivals, ("silicon", "roofline"), sweeps.at_physics, where, seeds, objectives, measure, 1
        ),
        notes=["random search was left out </script><script>alert(1)</script>"],
    )


def room(share: Share | None) -> Room:
    effects = [Effect(gain, gain - 1.0, gain + 1.0, 6) for gain in (2.0, 4.0, 8.0)]
    return Room("preble", "the champion", *effects, share)


@pytest.fixture
def looked_ahead(dossier: Dossier) -> Dossier:
    rooms = {"prefix-heavy": room(Share(50.0, 25.0, 75.0)), "kv|pressure": room(None)}
    return dataclasses.replace(dossier, ceiling=Ceiling(room(Share(40.0, 30.0, 50.0)), rooms, [], {}, Extent()))


def test_the_summary_begins_with_the_verdict(dossier: Dossier) -> None:
    text = summary(dossier)

    assert text.startswith("The champion is better than all 2 rivals")
    assert "| round-robin " in text
    assert "note: random search was left out" in text


def test_the_report_answers_every_question(dossier: Dossier) -> None:
    text = markdown(dossier)

    for title in (
        "Against each rival",
        "Class by class",
        "Which parts matter",
        "How exact",
        "At other loads",
        "older signals",
        "Under other prices",
    ):
        assert f"## {title}" in text or title in text
    assert "| routing/queue-depth " in text
    assert "| 50,000 " in text
    assert "kv\\|pressure" in text


def test_the_page_needs_no_network_and_runs_nothing_foreign(dossier: Dossier) -> None:
    page = html(dossier)

    assert "<script src" not in page
    assert "<link" not in page
    assert "alert(1)</script>" not in page
    assert "llm-d &lt;3:2:2&gt;" in page
    assert page.count('class="plotly-graph-div"') == 6


def test_the_page_is_the_same_each_time(dossier: Dossier) -> None:
    assert html(dossier) == html(dossier)


def test_the_dossier_is_plain_json(dossier: Dossier) -> None:
    one_seed = dataclasses.replace(
        dossier, comparisons=[dataclasses.replace(dossier.comparisons[0], overall=_unbounded(dossier))]
    )

    document = json.loads(json.dumps(dossier.plain(), allow_nan=False))
    assert document["is_better"] is True
    assert document["comparisons"][0]["scenarios"]["prefix-heavy"]["reading"] == "better"
    assert one_seed.plain()["comparisons"][0]["overall"]["high_percent"] is None


def test_a_report_tells_which_part_of_what_was_to_be_had_the_champion_has(looked_ahead: Dossier) -> None:
    said = "The champion closes 40 % [30, 50] of the gap"

    assert said in summary(looked_ahead)
    assert "## What was to be had" in markdown(looked_ahead)
    assert "only the champion finds any" in markdown(looked_ahead)
    assert html(looked_ahead).count('class="plotly-graph-div"') == 7
    document = json.loads(json.dumps(looked_ahead.plain(), allow_nan=False))
    assert document["ceiling"]["sentence"].startswith(said)
    assert document["ceiling"]["scenarios"]["prefix-heavy"]["share"]["percent"] == 50.0
    assert document["ceiling"]["scenarios"]["kv|pressure"]["share"] is None


def test_where_nothing_was_to_be_had_the_champion_has_no_part_of_it(looked_ahead: Dossier) -> None:
    assert looked_ahead.ceiling is not None
    nothing = dataclasses.replace(looked_ahead.ceiling, overall=room(None))

    text = summary(dataclasses.replace(looked_ahead, ceiling=nothing))

    assert "No head-room is found" in text
    assert "closes" not in text


def test_a_champion_without_numbers_has_a_report_too(dossier: Dossier, tmp_path: Path) -> None:
    bare = dataclasses.replace(dossier, parts=[], changes=[], classes=[], notes=[])

    assert "(nothing to show)" in markdown(bare)
    assert html(bare).count('class="plotly-graph-div"') == 4


def _unbounded(dossier: Dossier) -> object:
    return dataclasses.replace(dossier.comparisons[0].overall, high_percent=float("inf"))
