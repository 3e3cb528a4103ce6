"""`python -m blis.fit` says when levels of one server contradict each other."""

import json
from pathlib import Path
from typing import Any

import pytest

from blis.fit import main
from experiments.recovery.traces import TRUE, write_trace

SERVER = ("cluster.instances=1", "cluster.kv_blocks=60000", "cluster.tensor_parallel=1", "cluster.model=null")
GIVEN = "cluster.latency={kind:affine,alpha_us:[2000,4,900],beta_us:[6900,17.7,2.8]}"
STEPS = "parameters=[step_us,prompt_token_us,decode_us]"


@pytest.mark.parametrize(("slower", "is_contradicted"), [(1.0, False), (1.25, True)])
def test_a_level_that_was_slower_as_a_whole_is_doubted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], slower: float, is_contradicted: bool
) -> None:
    latency: dict[str, Any] = {**TRUE, "beta_us": [slower * one for one in TRUE["beta_us"]]}
    light = write_trace(tmp_path / "light.yaml", 4, 100, seed=1, noise=0.03)
    again = write_trace(tmp_path / "again.yaml", 4, 100, seed=2, noise=0.03, latency=latency)

    words = [f"real={light}", f"real={again}", *SERVER, GIVEN, STEPS, "draws=20", "output=json"]
    status = main([*words, f"output.folder={tmp_path / 'out'}"])

    said = capsys.readouterr()
    assert status == 0, said.err
    assert (json.loads(said.out)["mean_square_difference"] > 2) is is_contradicted
    assert ("warning: the runs contradict each other, or the latency model" in said.err) is is_contradicted
