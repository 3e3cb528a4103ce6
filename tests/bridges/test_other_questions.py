"""Written priorities, admissions, numbers of instances, and two at once: from the shipped problems to a champion."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from blis.foundation.files import conf_folder
from blis.foundation.strict_yaml import read_yaml
from blis.policies.bundle import read_bundle
from blis.run import main as simulate
from evolve.bridges.judging import Judging, read_proposals
from evolve.bridges.sections import joined
from evolve.bridges.verdict import JUDGED, REFUSED
from evolve.compare import main as compare
from tests.bridges.conftest import BETTER, script
from tests.trials.small_suite import SCENARIO

Searching = Callable[..., Judging]
URGENT = '''"""Short prompts first, and who has waited long before them."""


def prioritise(view, request, params, memory):
    waited_us = view.clock_us - request.arrival_us
    return float(waited_us) / request.ttft_target_us - request.input_tokens / 1000.0
'''
OPEN = '''"""Let everybody in but prompts of a length that nobody sends."""


def admit(view, request, params, memory):
    return 1 if request.input_tokens > 1000000 else 0
'''
GROWING = '''"""As many instances as make eight requests for each."""
import math


def scale(view, params, memory, wanted):
    for pool in range(view.n_pools):
        requests = 0
        for instance in range(view.first_instance[pool], view.end_instance[pool]):
            requests += view.queued_requests[instance] + view.running_requests[instance]
        wanted[pool] = max(1, math.ceil(requests / 8))
'''
PROBLEMS = {
    "priority_source": {"priority": URGENT},
    "admission_source": {"admission": OPEN},
    "scaling_source": {"scaling": GROWING},
    "admission_routing_source": {"admission": OPEN, "routing": BETTER},
}


@pytest.fixture
def growing(tmp_path: Path) -> str:
    """A scenario whose cluster can grow."""
    scenario = yaml.safe_load(SCENARIO.format(num_requests=80, running=8))
    scenario["cluster"] |= {
        "instances": 1,
        "autoscaling": {"minimum": 1, "maximum": 3, "tick_s": 0.2, "load_s": 0.1, "inventory": {"H100": 6}},
    }
    path = tmp_path / "growing.yaml"
    path.write_text(yaml.safe_dump(scenario))
    return str(path)


def suite_of(scenario: str) -> dict[str, Any]:
    return {
        "train": {"scenarios": [scenario], "seeds": [1]},
        "validation": {"scenarios": [{"name": scenario, "load": 1.2}], "seeds": [3]},
        "test": {"scenarios": [{"name": scenario, "load": 0.5}], "seeds": [4]},
    }


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == "priority_source" else pytest.mark.slow) for name in PROBLEMS]
)
def test_a_scripted_search_ends_in_a_champion_that_runs_again(
    name: str,
    search: Searching,
    scenarios: dict[str, str],
    growing: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sources = PROBLEMS[name]
    scenario = growing if name == "scaling_source" else scenarios["narrow"]
    text, refused = (
        joined(each) if len(each) > 1 else next(iter(each.values()))
        for each in (sources, {question: f"import os\n\n{source}" for question, source in sources.items()})
    )

    search(
        script(tmp_path / "candidates", refused, text),
        problem=dict(read_yaml(conf_folder() / "problem" / f"{name}.yaml")),
        suite=suite_of(scenario),
        baselines={"plain": {"routing": "round-robin"}},
    )

    assert [row["status"] for row in read_proposals(tmp_path)] == [REFUSED, JUDGED]
    champion = tmp_path / "champion.yaml"
    bundle = read_bundle(champion)
    assert {bundle.policies[question]["policy"] for question in sources} == {"written"}
    (recorded,) = bundle.lineage["runs"]
    capsys.readouterr()
    status = simulate(
        [
            f"policies={champion}",
            f"scenario={scenario}",
            "scenario.load=0.5",
            f"scenario.num_requests={recorded['num_requests']}",
            f"seed={recorded['seed']}",
            "output=json",
        ]
    )
    metrics = json.loads(capsys.readouterr().out)
    shared = set(recorded["figures"]) & set(metrics)
    assert status == 0
    assert len(shared) > 20
    assert {one: metrics[one] for one in shared} == {one: recorded["figures"][one] for one in shared}


def test_a_written_champion_is_compared_with_shipped_policies(
    rehearsal: tuple[Path, Judging], scenarios: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped, suite = tmp_path / "shipped.yaml", tmp_path / "suite.yaml"
    shipped.write_text("version: 1\nrouting: {policy: always-busiest}\n")
    suite.write_text(yaml.safe_dump(suite_of(scenarios["narrow"])))

    words = [f"suite={suite}", "first_seeds=2", "most_runs=4", "evaluator=serial", "output=json"]
    status = compare([str(rehearsal[0] / "champion.yaml"), str(shipped), *words])

    (pair,) = json.loads(capsys.readouterr().out)["pairs"]
    assert status == 0
    assert (pair["a"], pair["b"]) == ("champion", "shipped")
    assert pair["gain"] > 0
