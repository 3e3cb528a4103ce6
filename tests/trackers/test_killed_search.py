import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evolve.trackers.mlflow_run import open_client, run_of

REPOSITORY = Path(__file__).resolve().parents[2]


def _command(folder: Path, *arguments: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "evolve.run",
        "evaluator=serial",
        f"tracker.uri=sqlite:///{folder}/runs.db",
        *arguments,
    ]


@pytest.mark.slow
def test_a_search_that_was_killed_goes_on_in_its_mlflow_run(tmp_path: Path) -> None:
    """No point is doubled, no child run is left behind, and the series are those of a search that was not killed."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    sizes = ["suite=quick", "algorithm.population=4", "algorithm.offspring=4", "finalists=2", "budget.generations=5"]
    ladder = "ladder=[{num_requests:100,seeds:1}]"
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    started = subprocess.Popen(
        _command(tmp_path, *sizes, ladder, f"hydra.run.dir={killed}"),
        env=environment, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert started.stderr is not None
    for line in started.stderr:
        if line.startswith("generation 3/5"):
            break
    started.send_signal(signal.SIGKILL)
    started.wait()
    started.stderr.close()

    for arguments in (
        [f"resume={killed}", f"hydra.run.dir={tmp_path / 'unused'}"],
        [*sizes, ladder, f"hydra.run.dir={whole}"],
    ):
        ran = subprocess.run(
            _command(tmp_path, *arguments), env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
        assert "warning" not in ran.stderr

    client = open_client(f"sqlite:///{tmp_path}/runs.db")
    runs = [_told(client, folder) for folder in (killed, whole)]
    assert runs[0] == runs[1]
    assert {status for status, *_ in runs[0]["children"]} == {"FINISHED"}
    assert [step for step, _ in runs[0]["series"]["fitness/best"]] == [0, 1, 2, 3, 4]


def _told(client: Any, folder: Path) -> dict[str, Any]:
    """All that MLflow holds of a search, but for clocks and identities."""
    found = run_of(folder)
    assert found is not None
    run = client.get_run(found[1])
    names = [name for name in run.data.metrics if "second" not in name]
    children = client.search_runs([run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{found[1]}'")
    return {
        "status": run.info.status,
        "params": run.data.params,
        "series": {name: [(p.step, p.value) for p in client.get_metric_history(found[1], name)] for name in names},
        "speed": [point.step for point in client.get_metric_history(found[1], "evaluations_per_second")],
        "children": sorted(
            (
                child.info.status,
                child.info.run_name,
                sorted(child.data.metrics.items()),
                sorted(child.data.params.items()),
            )
            for child in children
        ),
        "artifacts": sorted(file.path for file in client.list_artifacts(found[1])),
    }
