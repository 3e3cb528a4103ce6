"""Readers of what load generators write: real exports, and ways in which they can be wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from blis.calibrating.measured_run import MeasuredRun
from blis.calibrating.reading import read_measured
from blis.foundation.errors import ConfigError

DATA = Path(__file__).parents[1] / "data" / "measured"
AIPERF = DATA / "aiperf-profile_export.jsonl"
GUIDELLM = DATA / "guidellm-benchmarks.json"
VLLM = DATA / "vllm-bench-openai-detailed.json"


def read(path: Path) -> MeasuredRun:
    (run,) = read_measured("real", path)
    return run


@pytest.mark.parametrize(("path", "form"), [(AIPERF, "aiperf"), (GUIDELLM, "guidellm"), (VLLM, "vllm-bench")])
def test_real_exports_are_recognised_and_make_sense(path: Path, form: str) -> None:
    run = read(path)
    assert (run.form, len(run), run.left_out) == (form, 12, {})
    assert run.is_ok.all()
    assert run.streaming.all()
    assert run.sent_us[0] == 0
    assert (run.sent_us[1:] >= run.sent_us[:-1]).all()
    assert (run.first_us > run.sent_us).all()
    assert (run.last_us > run.first_us).all()
    assert (run.output_tokens == 32).all()
    assert ((run.last_us - run.sent_us) < 1_000_000).all()


def test_vllm_times_are_those_of_the_result() -> None:
    result, run = json.loads(VLLM.read_text()), read(VLLM)
    assert (run.first_us - run.sent_us)[0] == pytest.approx(1e6 * result["ttfts"][0], abs=1)
    assert (run.last_us - run.sent_us)[0] == pytest.approx(1e6 * result["latencies"][0], abs=1)
    assert run.sent_us[1] == pytest.approx(1e6 * (result["start_times"][1] - result["start_times"][0]), abs=2)


def test_aiperf_counts_are_the_servers() -> None:
    first = json.loads(AIPERF.read_text().splitlines()[0])
    run = read(AIPERF)
    row = run.request_id.index(first["metadata"]["x_request_id"])
    assert run.input_tokens[row] == first["metrics"]["usage_prompt_tokens"]["value"]
    latency_ms = first["metrics"]["request_latency"]["value"]
    assert run.last_us[row] - run.sent_us[row] == pytest.approx(1000 * latency_ms, abs=1)


def test_guidellm_times_are_those_that_it_reports() -> None:
    request = json.loads(GUIDELLM.read_text())["benchmarks"][0]["requests"]["successful"][0]
    run = read(GUIDELLM)
    row = run.request_id.index(request["request_id"])
    assert (run.first_us - run.sent_us)[row] == pytest.approx(1000 * request["time_to_first_token_ms"], abs=2)
    between_us = (run.last_us - run.first_us)[row] / (run.output_tokens[row] - 1)
    assert between_us == pytest.approx(1000 * request["inter_token_latency_ms"], abs=2)


def test_failed_requests_are_kept_with_their_reasons(tmp_path: Path) -> None:
    result = json.loads(VLLM.read_text())
    result["errors"][2] = "Traceback (most recent call last):\n  File x\nTimeoutError: too slow"
    result["output_lens"][2] = 0
    run = read(_written(tmp_path / "vllm.json", result))
    assert [reason for reason in run.reason if reason] == ["TimeoutError: too slow"]
    assert run.is_ok.sum() == 11

    lines = [json.loads(line) for line in AIPERF.read_text().splitlines()]
    lines[0]["metadata"]["benchmark_phase"] = "warmup"
    lines[1] |= {"metrics": {}, "error": {"code": 503, "type": "ServiceUnavailable", "message": "busy"}}
    lines[2]["metadata"]["was_cancelled"] = True
    path = tmp_path / "profile_export.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    run = read(path)
    assert run.left_out == {"of the tool's own warm-up phase": 1}
    assert (len(run), run.n_rows) == (11, 12)
    assert sorted(filter(None, run.reason)) == ["503: ServiceUnavailable: busy", "cancelled"]

    document = json.loads(GUIDELLM.read_text())
    requests = document["benchmarks"][0]["requests"]
    requests["errored"] = [requests["successful"].pop()]
    requests["errored"][0]["info"]["error"] = "ConnectError"
    requests["incomplete"] = [requests["successful"].pop(), requests["successful"].pop()]
    requests["incomplete"][0]["info"]["timings"]["request_start"] = None
    run = read(_written(tmp_path / "guidellm.json", document))
    assert run.left_out == {"never sent": 1}
    assert sorted(filter(None, run.reason)) == ["ConnectError", "incomplete"]


def test_each_benchmark_of_a_sweep_is_a_run(tmp_path: Path) -> None:
    document = json.loads(GUIDELLM.read_text())
    document["benchmarks"] *= 2
    runs = read_measured("real", _written(tmp_path / "sweep.json", document))
    assert [run.name for run in runs] == ["sweep[0]", "sweep[1]"]


def test_answers_that_came_at_once_are_not_taken_for_streams(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in AIPERF.read_text().splitlines()]
    for line in lines:
        del line["metrics"]["time_to_first_token"]
    path = tmp_path / "profile_export.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    assert not read(path).streaming.any()


def _set(document: Any, *keys: Any) -> Any:
    *before, last, value = keys
    for key in before:
        document = document[key]
    document[last] = value


@pytest.mark.parametrize(
    ("source", "keys", "expected"),
    [
        (VLLM, ("ttfts", None), "must have the list 'ttfts', one entry per request: save results with --save-detailed"),
        (VLLM, ("start_times", [1.0]), "ttfts must have as many entries as start_times, 1; got 12"),
        (VLLM, ("ttfts", 3, -1.0), ".ttfts[3] must be a finite number in [0,"),
        (VLLM, ("ttfts", 3, "x"), ".ttfts[3] must be a finite number in [0,"),
        (VLLM, ("output_lens", 3, 1.5), ".output_lens[3] must be an int"),
        (GUIDELLM, ("benchmarks", []), "must have a list 'benchmarks' of at least one"),
        (GUIDELLM, ("benchmarks", 0, "requests", None), ".benchmarks[0].requests must hold successful"),
        (GUIDELLM, ("benchmarks", 0, "requests", {}), "must hold at least one request; it has none"),
        (
            GUIDELLM,
            ("benchmarks", 0, "requests", "successful", 0, "info", None),
            "successful[0] must have info.timings",
        ),
        (GUIDELLM, ("benchmarks", 0, "requests", "successful", 1, "prompt_tokens", -3), "prompt_tokens must be an int"),
    ],
)
def test_wrong_documents_are_refused(tmp_path: Path, source: Path, keys: tuple[Any, ...], expected: str) -> None:
    document = json.loads(source.read_text())
    _set(document, *keys)
    with pytest.raises(ConfigError) as refused:
        read_measured("real", _written(tmp_path / source.name, document))
    assert expected in str(refused.value)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (("metadata", "request_start_ns", None), "row 4, field 'metadata.request_start_ns': must be an int"),
        (("metadata", "benchmark_phase", "other"), "no choice named 'other'"),
        (
            ("metrics", "request_latency", {"value": 1, "unit": "s"}),
            "'metrics.request_latency': must be {value, unit: ms}",
        ),
        (("metrics", {}), "no request_latency"),
        (("surprise", 1), "unknown key 'surprise'"),
    ],
)
def test_wrong_lines_are_refused_or_counted(tmp_path: Path, keys: tuple[Any, ...], expected: str) -> None:
    lines = [json.loads(line) for line in AIPERF.read_text().splitlines()]
    _set(lines[4], *keys)
    path = tmp_path / "profile_export.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    if expected == "no request_latency":
        assert expected in read(path).reason
        return
    with pytest.raises(ConfigError) as refused:
        read_measured("real", path)
    assert expected in str(refused.value).replace(
        ", field 'metadata.request_start_ns' must", ", field 'metadata.request_start_ns': must"
    )


def _written(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    return path
