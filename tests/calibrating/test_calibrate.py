"""`python -m blis.calibrate`: a server with known coefficients is recognised, and every request is accounted for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blis.calibrate import main
from experiments.recovery.traces import write_trace
from tests.commands.conftest import Ran

SERVER = (
    *("cluster.instances=1", "cluster.kv_blocks=60000", "cluster.tensor_parallel=1", "cluster.model=null"),
    "cluster.step_token_budget=2048",
)
SAME = "cluster.latency={kind:affine,alpha_us:[2000,4,900],beta_us:[8200,21,31]}"
SLOWER = "cluster.latency={kind:affine,alpha_us:[2400,4.8,1080],beta_us:[9840,25.2,37.2]}"
QUICK = ("draws=20", "plots=false", "page=false")


@pytest.fixture
def calibrate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ran]:
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> Ran:
        capsys.readouterr()
        return Ran(main([*arguments, *SERVER]), *capsys.readouterr())

    return command


def document(ran: Ran) -> dict[str, Any]:
    assert ran.status == 0, ran.err
    found: dict[str, Any] = json.loads(ran.out)
    return found


def test_a_server_with_the_same_coefficients_is_predicted_exactly(
    calibrate: Callable[..., Ran], tmp_path: Path
) -> None:
    trace = write_trace(tmp_path / "run.yaml", 8, 150)
    found = document(calibrate(f"real={trace}", SAME, "output=json", *QUICK))
    run = found["runs"][0]
    assert (run["requests"], run["compared"], run["excluded"]) == (150, 150, {})
    assert run["metrics"]["ttft"]["mape"] == 0
    assert run["metrics"]["e2e"]["mape"] == 0
    assert run["metrics"]["tpot"]["mape"] < 1e-3  # whole microseconds
    assert [one["band"] for one in run["metrics"].values()] == ["excellent"] * 3
    assert run["throughput"]["error"] == 0


def test_a_slower_model_over_predicts(calibrate: Callable[..., Ran], tmp_path: Path) -> None:
    trace = write_trace(tmp_path / "run.yaml", 2, 100)
    found = document(calibrate(f"real={trace}", SLOWER, "output=json", *QUICK))
    for metric in found["together"].values():
        assert metric["direction"] == "over-predicts"
        assert 0.15 < metric["bias"] < 0.35  # every coefficient is 1.2 times, and what waits for steps a little more
    assert found["together"]["tpot"]["percentiles"]["p50"]["error"] == pytest.approx(0.2, abs=0.03)


def test_several_load_levels_have_a_table_each_and_one_together(calibrate: Callable[..., Ran], tmp_path: Path) -> None:
    traces = [write_trace(tmp_path / f"run{rate}.yaml", rate, 80, seed=rate) for rate in (2, 10)]
    found = document(calibrate(f"real=[{traces[0]},{traces[1]}]", SAME, "output=json", *QUICK))
    assert [run["name"] for run in found["runs"]] == ["run2", "run10"]
    assert found["together"]["ttft"]["n"] == 160
    text = calibrate(str(traces[0]), str(traces[1]), SAME, *QUICK)
    assert "all together" in text.out
    assert text.out.count("requests compared") == 2


def test_every_request_that_is_not_compared_is_counted_with_its_reason(
    calibrate: Callable[..., Ran], tmp_path: Path
) -> None:
    def break_some(rows: list[dict[str, Any]]) -> None:
        rows[20] |= {"status": "error", "error_message": "HTTP 503: busy", "num_chunks": 0, "output_tokens": 0}
        rows[21] |= {"status": "timeout", "error_message": "", "output_tokens": 3}
        rows[22]["streaming"] = "false"
        rows[23]["num_chunks"] = 0
        rows[24] |= {"first_chunk_time_us": rows[24]["send_time_us"] - 5}
        rows[25]["input_tokens"] = 0
        rows[26]["output_tokens"] = 1

    trace = write_trace(tmp_path / "run.yaml", 4, 60, change=break_some, header={"warm_up_requests": 10})
    run = document(calibrate(f"real={trace}", SAME, "output=json", *QUICK))["runs"][0]
    assert run["excluded"] == {
        "warm-up": 10,
        "failed: HTTP 503: busy": 1,
        "failed: failed without a word": 1,
        "no prompt tokens": 1,
    }
    assert run["compared"] == 60 - 13
    ttft, tpot, e2e = (run["metrics"][name] for name in ("ttft", "tpot", "e2e"))
    assert ttft["left_out"] == {"time unknown": 1, "not streamed": 1, "measured time is negative": 1}
    assert tpot["left_out"] == {"time unknown": 1, "not streamed": 1, "one token or one chunk": 1}
    assert e2e["left_out"] == {"time unknown": 1}
    for metric in (ttft, tpot, e2e):
        assert metric["n"] + sum(metric["left_out"].values()) + sum(run["excluded"].values()) == 60


def test_the_warm_up_is_the_first_requests_sent_or_the_first_seconds(
    calibrate: Callable[..., Ran], tmp_path: Path
) -> None:
    def number_backwards(rows: list[dict[str, Any]]) -> None:
        for place, row in enumerate(rows):
            row["request_id"] = len(rows) - place

    trace = write_trace(tmp_path / "run.yaml", 4, 60, change=number_backwards)
    run = document(calibrate(f"real={trace}", SAME, "warm_up_requests=7", "output=json", *QUICK))["runs"][0]
    assert run["excluded"] == {"warm-up": 7}
    timed = document(calibrate(f"real={trace}", SAME, "warm_up_s=5", "output=json", *QUICK))["runs"][0]
    assert 5 < timed["excluded"]["warm-up"] < 40


def test_a_network_adds_its_round_trip_and_its_bandwidth(calibrate: Callable[..., Ran], tmp_path: Path) -> None:
    def far_away(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            up_us, down_us = row["input_tokens"] * 32 / 8, row["output_tokens"] * 32 / 8
            row["first_chunk_time_us"] += 20_000 + round(up_us)
            row["last_chunk_time_us"] += 20_000 + round(up_us + down_us)

    trace = write_trace(tmp_path / "run.yaml", 4, 60, change=far_away)
    near = document(calibrate(f"real={trace}", SAME, "output=json", *QUICK))["together"]["ttft"]
    far = ("network.rtt_ms=20", "network.bandwidth_mbps=8")
    found = document(calibrate(f"real={trace}", SAME, *far, "output=json", *QUICK))["together"]
    assert near["bias"] < -0.3
    assert found["ttft"]["mape"] < 1e-4
    assert found["e2e"]["mape"] < 1e-4


def test_classes_are_compared_apart(calibrate: Callable[..., Ran], tmp_path: Path) -> None:
    def with_classes(rows: list[dict[str, Any]]) -> None:
        for place, row in enumerate(rows):
            row["slo_class"] = ("critical", "batch", "")[place % 3]

    trace = write_trace(tmp_path / "run.yaml", 4, 60, change=with_classes)
    run = document(calibrate(f"real={trace}", SAME, "output=json", *QUICK))["runs"][0]
    assert {name: of["e2e"]["n"] for name, of in run["classes"].items()} == {
        "critical": 20,
        "batch": 20,
        "(unnamed)": 20,
    }


def test_chunks_that_hold_several_tokens_do_not_stretch_the_time_between_tokens(
    calibrate: Callable[..., Ran], tmp_path: Path
) -> None:
    trace = write_trace(tmp_path / "run.yaml", 4, 60)
    plain = document(calibrate(f"real={trace}", SAME, "output=json", *QUICK))["together"]["tpot"]
    lines = []
    for line in trace.with_suffix(".csv").read_text().splitlines()[1:]:
        cells = line.split(",")
        number, tokens, first, last = int(cells[0]), int(cells[9]), int(cells[17]), int(cells[18])
        held = [min(5, tokens), tokens - min(5, tokens)]
        lines.append(json.dumps({"request_id": number, "times_us": [first, last], "tokens": held}))
    (tmp_path / "run.chunks.jsonl").write_text("\n".join(lines))
    found = document(calibrate(f"real={trace}", SAME, "output=json", *QUICK))["together"]["tpot"]
    assert found["measured_mean_ms"] > 1.05 * plain["measured_mean_ms"]


def test_the_files_of_a_calibration(calibrate: Callable[..., Ran], tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    pytest.importorskip("matplotlib")
    import pyarrow.parquet

    trace = write_trace(tmp_path / "a <b>.yaml", 4, 60)
    ran = calibrate(f"real={trace}", SLOWER, "output.folder=out", "draws=20", "output=json")
    assert ran.status == 0, ran.err
    assert json.loads((tmp_path / "out/calibration.json").read_text()) == json.loads(ran.out)
    page = (tmp_path / "out/calibration.html").read_text()
    assert "a &lt;b&gt;" in page
    assert "a <b>" not in page
    assert "src=" not in page.split("<body>")[1]
    pairs = pyarrow.parquet.read_table(tmp_path / "out/pairs.parquet")
    assert pairs.num_rows == 60
    assert (tmp_path / "out/scatter.png").stat().st_size > 10_000
    assert (tmp_path / "out/quantiles.png").stat().st_size > 10_000


def test_same_trace_same_bytes(calibrate: Callable[..., Ran], tmp_path: Path) -> None:
    trace = write_trace(tmp_path / "run.yaml", 10, 100, noise=0.1)
    first, second = (calibrate(f"real={trace}", SLOWER, "output=json", *QUICK).out for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "real must be given"),
        (("real=nowhere.yaml",), "there is none at 'nowhere.yaml'"),
        (("real=run.yaml", "real=run.yaml"), "must hold each file once"),
        (("real=run.yaml", "workload=azure"), "workload cannot be set: the measured run says which requests come"),
        (("real=run.yaml", "warm_up=3"), "unknown key 'warm_up'; did you mean"),
        (("real=run.yaml", "warm_up_requests=-1"), "warm_up_requests must be an int"),
        (("real=run.yaml", "warm_up_s=nan"), "warm_up_s must be a finite number"),
        (("real=run.yaml", "network.rtt_ms=-1"), "network.rtt_ms must be a finite number"),
        (("real=run.yaml", "network.rtt=1"), "network: unknown key 'rtt'; did you mean 'rtt_ms'?"),
        (("real=run.yaml", "format=trace-v3"), "format: no choice named 'trace-v3'; did you mean 'trace-v2'?"),
        (("real=run.yaml", "failed=keep"), "failed: no choice named 'keep'"),
        (("real=run.yaml", "draws=1e9"), "draws must be an int"),
        (("real=run.yaml", "confidence=1"), "confidence must be a finite number > 0 and < 1"),
        (("real=run.yaml", "output=html"), "output: no choice named 'html'"),
        (("real=run.yaml", "page=1"), "page must be true or false"),
        (("real=run.yaml", "routing=nearest"), "routing: no choice named 'nearest'"),
        (("real=generated.yaml",), "mode must be 'real' for a comparison with a server; got 'generated'"),
        (("real=run.csv",), "begins like no format of measured runs"),
        (("real=failed.yaml",), "must hold at least one request that was answered; all 20 failed: HTTP 500"),
        (("real=twice.yaml",), "every request must have an id of its own; rows 0 and 1 have '1'"),
        (("real=backwards.yaml",), "column 'last_chunk_time_us': must be an int ≥ first_chunk_time_us"),
    ],
)
def test_wrong_input_is_refused_in_one_line(
    calibrate: Callable[..., Ran], tmp_path: Path, arguments: tuple[str, ...], expected: str
) -> None:
    def fail(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row |= {"status": "error", "error_message": "HTTP 500", "num_chunks": 0}

    write_trace(tmp_path / "run.yaml", 4, 20)
    write_trace(tmp_path / "generated.yaml", 4, 20, header={"mode": "generated"})
    write_trace(tmp_path / "failed.yaml", 4, 20, change=fail)
    write_trace(tmp_path / "twice.yaml", 4, 20, change=lambda rows: rows[0].update(request_id=1))
    write_trace(tmp_path / "backwards.yaml", 4, 20, change=lambda rows: rows[3].update(last_chunk_time_us=1))
    ran = calibrate(*arguments, SAME)
    assert ran.status == 2
    assert ran.out == ""
    assert expected in ran.err
    assert ran.err.count("\n") == 1
    assert not list(tmp_path.glob("outputs/*/*"))
