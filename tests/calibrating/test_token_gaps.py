"""Times between tokens: chunk by chunk where they were recorded, as distributions."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blis.calibrate import main
from experiments.recovery.traces import write_trace
from tests.commands.conftest import Ran

SERVER = (
    *("cluster.instances=1", "cluster.kv_blocks=60000", "cluster.tensor_parallel=1", "cluster.model=null"),
    *("cluster.step_token_budget=2048", "cluster.latency={kind:affine,alpha_us:[2000,4,900],beta_us:[8200,21,31]}"),
)
#: Of a request that is served alone: a step with one decode, and what a token takes beside it.
ALONE_US = 8200 + 31 + 900


@pytest.fixture
def calibrate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., dict[str, Any]]:
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> dict[str, Any]:
        capsys.readouterr()
        quick = ("draws=0", "plots=false", "page=false", "output=json")
        ran = Ran(main([*arguments, *SERVER, *quick]), *capsys.readouterr())
        assert ran.status == 0, ran.err
        found: dict[str, Any] = json.loads(ran.out)
        return found

    return command


def write_chunks(trace: Path, chunks: Callable[[int, int], tuple[list[int], list[int]]], leave_out: int = 0) -> None:
    """The chunks' file: of each request's first time and number of tokens, times and tokens of its chunks."""
    with trace.with_suffix(".csv").open() as file:
        rows = list(csv.DictReader(file))
    lines = []
    for row in rows[leave_out:]:
        times_us, tokens = chunks(int(row["first_chunk_time_us"]), int(row["output_tokens"]))
        lines.append(json.dumps({"request_id": int(row["request_id"]), "times_us": times_us, "tokens": tokens}))
    trace.with_suffix(".chunks.jsonl").write_text("\n".join(lines))


def one_by_one(first_us: int, n: int) -> tuple[list[int], list[int]]:
    return [first_us + k * ALONE_US for k in range(n)], [1] * n


def test_requests_that_are_alone_get_their_tokens_as_the_simulator_says(
    calibrate: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    trace = write_trace(tmp_path / "run.yaml", 0.01, 20)
    write_chunks(trace, one_by_one)
    itl = calibrate(f"real={trace}")["itl"]
    assert itl["measured_tokens"] == itl["simulated_tokens"]
    assert (itl["requests"], itl["left_out"]) == (20, {})
    assert (itl["bias"], itl["ks_distance"]) == (0, 0)
    assert {one["measured_ms"] for one in itl["percentiles"].values()} == {ALONE_US / 1000}
    assert {one["error"] for one in itl["percentiles"].values()} == {0}


def test_waits_that_a_mean_hides_are_seen(calibrate: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    """Every tenth token comes nine tokens' time late, and the others at once: the mean is as it was."""

    def in_fits(first_us: int, n: int) -> tuple[list[int], list[int]]:
        return [first_us + (k // 10) * 10 * ALONE_US for k in range(n)], [1] * n

    trace = write_trace(tmp_path / "run.yaml", 0.01, 20)
    write_chunks(trace, in_fits)
    itl = calibrate(f"real={trace}")["itl"]
    assert itl["percentiles"]["p50"]["measured_ms"] == 0
    assert itl["percentiles"]["p50"]["error"] is None
    assert itl["percentiles"]["p95"]["measured_ms"] == pytest.approx(10 * ALONE_US / 1000)
    assert itl["ks_distance"] == pytest.approx(0.9, abs=0.02)


def test_tokens_of_one_chunk_share_its_time_and_chunks_without_tokens_are_none(
    calibrate: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    def in_pairs(first_us: int, n: int) -> tuple[list[int], list[int]]:
        times_us, tokens = [first_us, first_us + 1], [1, 0]
        for k in range(1, n, 2):
            times_us.append(first_us + min(k + 1, n - 1) * ALONE_US)
            tokens.append(min(2, n - k))
        return times_us, tokens

    trace = write_trace(tmp_path / "run.yaml", 0.01, 20)
    write_chunks(trace, in_pairs)
    itl = calibrate(f"real={trace}")["itl"]
    assert itl["measured_tokens"] == itl["simulated_tokens"]
    assert (itl["bias"], itl["ks_distance"]) == (0, 0)


def test_answers_without_chunks_are_counted_and_runs_without_any_have_no_such_figures(
    calibrate: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    trace, plain = (write_trace(tmp_path / f"{name}.yaml", 0.01, 20) for name in ("run", "plain"))
    write_chunks(trace, one_by_one, leave_out=3)
    found = calibrate(f"real={trace}", f"real={plain}")
    assert found["runs"][0]["itl"]["left_out"] == {"without chunks": 3}
    assert found["runs"][0]["itl"]["requests"] == 17
    assert found["runs"][1]["itl"] is None
    assert found["itl"] == found["runs"][0]["itl"]


def test_percentiles_are_those_of_all_tokens_one_by_one() -> None:
    from blis.calibrating.token_gaps import TokenGaps, gap_figures

    random = np.random.default_rng(1)
    many, others = random.integers(1, 50, 700), random.integers(1, 60, 400)
    sides = [np.unique(values, return_counts=True) for values in (many, others)]
    gaps = TokenGaps(1, {}, sides[0][0].astype(float), sides[0][1], sides[1][0].astype(float), sides[1][1])
    found = gap_figures([gaps])
    assert found is not None
    for percent, one in found.percentiles.items():
        assert one.measured == pytest.approx(np.percentile(many, percent))
        assert one.simulated == pytest.approx(np.percentile(others, percent))
    assert found.bias == pytest.approx(others.mean() / many.mean() - 1)
