from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evolve.records import Score
from evolve.trackers import GenerationReport, SearchStart
from evolve.trackers.mlflow_run import open_client


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One sqlite store for all tests: making its tables takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/runs.db"


@pytest.fixture
def client(store: str) -> Any:
    return open_client(store)


@pytest.fixture
def search(tmp_path: Path) -> Callable[..., SearchStart]:
    def make(**changes: Any) -> SearchStart:
        given: dict[str, Any] = {
            "folder": tmp_path,
            "name": "routing_weights ga seed 1",
            "parameters": {"problem": "routing_weights", "seed": 1},
            "tags": {"git_commit": "0123abc"},
            "config": {"problem": {"genes": ["routing"]}},
            "baselines": {"round-robin": {"fitness": 0.9}},
        }
        return SearchStart(**given | changes)

    return make


@pytest.fixture
def report() -> Callable[..., GenerationReport]:
    def make(generation: int, **changes: Any) -> GenerationReport:
        given: dict[str, Any] = {
            "generation": generation,
            "figures": {"fitness/best": 1.0 + generation / 10, "fitness/median": 1.0, "diversity": 0.5},
            "speed": {"evaluations_per_second": 100.0},
            "best": {"routing": [{"name": "queue-depth", "weight": 0.25}], "scheduling": "sjf"},
            "best_score": Score((1.0 + generation / 10,)),
            "evaluations": 10 * (generation + 1),
            "budget_evaluations": 50,
        }
        return GenerationReport(**given | changes)

    return make
