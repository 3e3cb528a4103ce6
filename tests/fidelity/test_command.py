"""`python -m experiments.fidelity`: one measured server, simulated and reported."""

import json
from pathlib import Path

import pytest

pytest.importorskip("aiconfigurator_core")

from experiments.fidelity.__main__ import main
from experiments.fidelity.points import read_points

H100 = ["--models", "meta-llama/Llama-3.1-70B", "--systems", "h100_sxm", "--engines", "vllm"]


def test_every_row_of_aggregated_serving_is_a_point() -> None:
    points = read_points()
    assert len(points) == 3619
    assert len(read_points("public")) + len(read_points("judge")) == 3619
    assert len({point.id for point in points}) == 3619


def test_a_server_is_judged_point_by_point(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.json"
    asked = [*H100, "--part", "public", "--json", str(out), "--tables", str(tmp_path / "tables"), "--processes", "1"]
    assert main(asked) == 0
    document = json.loads(out.read_text())
    assert {point["public"] for point in document["points"]} == {True}
    errors = sorted(abs(p["simulated_tpot_ms"] / p["measured_tpot_ms"] - 1) for p in document["points"])
    assert len(errors) >= 15
    assert errors[len(errors) // 2] < 0.10  # an affine price misses these runs by far more
    assert "shape" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "meta-llama/Llama-3.1-71B"], "did you mean 'meta-llama/Llama-3.1-70B'"),
        (["--systems", "h100"], "did you mean 'h100_sxm'"),
        ([*H100, "--json", "nowhere/out.json"], "must be in a folder that exists"),
    ],
)
def test_wrong_input_is_refused_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
