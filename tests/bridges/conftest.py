"""A small search whose candidates are source."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from evolve.bridges.judging import Judging
from evolve.bridges.running import run_bridge
from evolve.settings import Settings
from tests.search.synthetic import Listening
from tests.trials.small_suite import SCENARIO

START = '''"""Send the request to the first instance."""


def route(view, request, params, memory, scores):
    return view.candidates[0]
'''
BETTER = '''"""Send the request to the instance with the fewest requests."""
from blis.engine.choice import best_instance


def route(view, request, params, memory, scores):
    for instance in view.candidates:
        scores[instance] = -view.effective_load[instance] - 0.001 * view.queued_tokens[instance]
    return best_instance(scores, view.candidates, view.tie_draw)
'''
REFUSED = "import os\n\n" + START
FAILING = START.replace("view.candidates[0]", "77")


@pytest.fixture(scope="session")
def scenarios(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Paths of scenarios by name."""
    folder = tmp_path_factory.mktemp("scenarios")
    for name, running in (("wide", 64), ("narrow", 8)):
        (folder / f"{name}.yaml").write_text(SCENARIO.format(num_requests=60, running=running))
    return {name: str(folder / f"{name}.yaml") for name in ("wide", "narrow")}


@pytest.fixture(scope="session")
def document(scenarios: dict[str, str]) -> dict[str, Any]:
    """The configuration, but for its algorithm."""
    return {
        "names": {"problem": "source", "suite": "small"},
        "problem": {
            "genes": {"routing": {"kind": "source"}},
            "seeds": {"start": {"routing": {"policy": "written", "source": START}}},
        },
        "suite": {
            "train": {"scenarios": [scenarios["wide"], scenarios["narrow"]], "seeds": [1]},
            "validation": {"scenarios": [{"name": scenarios["narrow"], "load": 1.2}], "seeds": [3]},
            "test": {"scenarios": [{"name": scenarios["wide"], "load": 0.5}], "seeds": [4]},
        },
        "baselines": {"round-robin": {"routing": "round-robin"}, "least-loaded": {"routing": "least-loaded"}},
        "penalty": 0.25,
        "ladder": [{"seeds": 1}],
        "budget": {"evaluations": 40},
        "finalists": 3,
        "seed": 5,
        "evaluator": "isolated",
        "tracker": "none",
        "report": False,
    }


def searched(document: dict[str, Any], folder: Path, algorithm: dict[str, Any], **changes: Any) -> Judging:
    """Run a search with this algorithm in a folder."""
    settings = Settings.from_mapping({**document, "algorithm": algorithm, **changes})
    return run_bridge(settings, folder, Listening(), lambda: None)


def script(folder: Path, *sources: str) -> dict[str, Any]:
    """The algorithm that proposes these sources, which are kept in a folder."""
    folder.mkdir()
    for place, source in enumerate(sources):
        (folder / f"{place}.py").write_text(source)
    return {"name": "script", "candidates": str(folder), "most": 1}


@pytest.fixture
def search(document: dict[str, Any], tmp_path: Path) -> Callable[..., Judging]:
    """Run a search with this algorithm in `tmp_path`."""
    return partial(searched, document, tmp_path)


@pytest.fixture(scope="session")
def rehearsal(document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Judging]:
    """The folder of a search with scripted candidates, one of them three times, and who judged them."""
    folder = tmp_path_factory.mktemp("rehearsal")
    sources = (REFUSED, FAILING, BETTER, f"{BETTER}# again\n", BETTER)
    return folder, searched(document, folder, script(folder / "candidates", *sources))
