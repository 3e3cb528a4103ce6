"""What is sent, when, and what is recorded of it."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from aiohttp import web

from blis.foundation.errors import ConfigError
from blis.observing.conducting import observe
from blis.observing.rows import workload_of
from blis.observing.settings import ObserveSettings
from blis.workload.plan import generate_requests, workload_plan
from tests.observing.loopback import Server, event, plain, stream
from tests.observing.traces import chunks, rows

Settings = Callable[..., ObserveSettings]


def spec(**client: Any) -> dict[str, Any]:
    """A workload of one client whose prompts have 32 new tokens, and whose answers have 16."""
    lengths = {
        "input_distribution": {"type": "constant", "params": {"value": 32}},
        "output_distribution": {"type": "constant", "params": {"value": 16}},
    }
    document: dict[str, Any] = {"clients": [{"id": "people", **lengths, **client}]}
    if "concurrency" not in client:
        document["aggregate_rate"] = 100
        document["clients"][0] |= {"rate_fraction": 1.0, "arrival": {"process": "constant"}}
    return {"kind": "spec", "spec": document, "num_requests": 12}


def test_recorded_trace_replays_with_the_lengths_that_were_observed(
    settings: Settings, folder: Path, server: Server
) -> None:
    observed = observe(settings(server.url), folder)

    replayed = generate_requests(workload_plan({"kind": "trace-v2", "path": str(folder / "trace.yaml")}), 1, 16)
    assert observed.metrics["ok"] == 5
    assert replayed.input_tokens.tolist() == [20] * 5
    assert replayed.output_tokens.tolist() == [3] * 5
    assert replayed.number.tolist() == [0, 1, 2, 3, 4]


def test_prompts_are_ids_of_the_asked_lengths_and_outputs_are_asked_for_exactly(
    settings: Settings, folder: Path, server: Server
) -> None:
    observe(settings(server.url, server__vocabulary=[7, 9], server__body={"temperature": 0}), folder)

    for body in server.bodies:
        assert len(body["prompt"]) == 20
        assert set(body["prompt"]) <= {7, 8, 9}
        assert (body["model"], body["max_tokens"], body["min_tokens"], body["ignore_eos"]) == ("tiny", 3, 3, True)
        assert body["stream_options"]["include_usage"] is True
        assert body["temperature"] == 0


def test_trace_says_what_came_when(settings: Settings, folder: Path, server: Server) -> None:
    server.tokens_per_event = 2

    observe(settings(server.url), folder)

    for row in rows(folder):
        line = chunks(folder)[int(row["request_id"])]
        times = [int(row[f"{name}_time_us"]) for name in ("arrival", "send", "first_chunk", "last_chunk")]
        assert times == sorted(times)
        assert (line["times_us"][0], line["times_us"][-1]) == (times[2], times[3])
        assert line["tokens"] == [2, 1]
        assert (row["num_chunks"], row["output_tokens"], row["server_input_tokens"]) == ("2", "3", "20")
        assert (row["status"], row["http_status"], row["finish_reason"]) == ("ok", "200", "length")
        assert (row["cached_tokens"], row["streaming"], row["error_message"]) == ("0", "true", "")
    header = yaml.safe_load((folder / "trace.yaml").read_text())
    assert (header["trace_version"], header["mode"], header["server"]["model"]) == (2, "real", "tiny")


def test_answers_without_a_stream_have_one_chunk(settings: Settings, folder: Path, server: Server) -> None:
    observed = observe(settings(server.url, server__streaming="none"), folder)

    assert [line["tokens"] for line in chunks(folder).values()] == [[3]] * 5
    assert observed.metrics["ttft_p50_ms"] is None
    assert observed.metrics["e2e_p50_ms"] > 0


def test_workload_may_say_who_reads_a_stream(settings: Settings, folder: Path, server: Server) -> None:
    observe(settings(server.url, spec(streaming=False), server__streaming="workload"), folder)

    assert {row["streaming"] for row in rows(folder)} == {"false"}
    assert not any(body["stream"] for body in server.bodies)


def test_chat_is_sent_as_messages(settings: Settings, folder: Path, server: Server) -> None:
    observe(settings(server.url, server__endpoint="chat"), folder)

    for body in server.bodies:
        (message,) = body["messages"]
        assert message["role"] == "user"
        assert len(message["content"].split()) == 20


def test_tokens_that_no_event_counts_are_spread_by_the_length_of_texts(
    settings: Settings, folder: Path, server: Server
) -> None:
    async def uncounted(server: Server, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        response = await stream(request)
        for text in ("abcdef", "", "abc"):
            await response.write(event({"choices": [{"text": text, "finish_reason": None}]}))
        usage = {"prompt_tokens": 20, "completion_tokens": 6}
        await response.write(event({"choices": [], "usage": usage}) + b"data: [DONE]\n\n")
        return response

    server.script = uncounted

    observe(settings(server.url, max_requests=1), folder)

    assert chunks(folder)[0]["tokens"] == [4, 2]


def test_open_loop_does_not_wait_for_answers(settings: Settings, folder: Path, server: Server) -> None:
    server.gap_s = 0.2

    observe(settings(server.url), folder)

    sent = [int(row["send_time_us"]) for row in rows(folder)]
    assert max(sent) < min(int(row["last_chunk_time_us"]) for row in rows(folder))
    assert [int(row["arrival_time_us"]) for row in rows(folder)] == workload_of(
        settings(server.url)
    ).arrival_us.tolist()


def test_closed_loop_waits_for_the_answer_and_thinks(settings: Settings, folder: Path, server: Server) -> None:
    sessions = {
        "rounds": {"type": "constant", "params": {"value": 3}},
        "think_time_ms": {"type": "constant", "params": {"value": 30}},
    }

    observe(settings(server.url, spec(concurrency=2, sessions=sessions)), folder)

    by_session: dict[str, list[dict[str, str]]] = {}
    for row in rows(folder):
        by_session.setdefault(row["session_id"], []).append(row)
    assert len(by_session) == 4
    for turns in by_session.values():
        assert [int(turn["round_index"]) for turn in turns] == [0, 1, 2]
        for before, turn in pairwise(turns):
            assert int(turn["arrival_time_us"]) >= int(before["last_chunk_time_us"]) + 30_000
            assert int(turn["send_time_us"]) >= int(turn["arrival_time_us"])


def most_at_once(folder: Path) -> int:
    moments = [(int(row["send_time_us"]), 1) for row in rows(folder)]
    moments += [(int(row["last_chunk_time_us"]), -1) for row in rows(folder)]
    return int(np.cumsum([change for _, change in sorted(moments)]).max())


def test_fixed_concurrency_keeps_so_many_under_way(settings: Settings, folder: Path, server: Server) -> None:
    server.gap_s = 0.01

    observed = observe(settings(server.url, {**spec(), "num_requests": 12}, concurrency=3), folder)

    assert observed.metrics["ok"] == 12
    assert most_at_once(folder) == 3


def test_sessions_in_order_never_overtake_themselves(settings: Settings, folder: Path, server: Server) -> None:
    server.gap_s = 0.005
    recorded = folder.parent / "recorded.csv"
    header = "request_id,client_id,tenant_id,slo_class,session_id,round_index,prefix_group,streaming,input_tokens,"
    header += "output_tokens,text_tokens,image_tokens,audio_tokens,video_tokens,reason_ratio,arrival_time_us,"
    header += "send_time_us,first_chunk_time_us,last_chunk_time_us,num_chunks,status,error_message\n"
    lines = [f"{k},,,,one,{k},,true,8,4,8,0,0,0,0,{k},{k},0,0,0,ok,\n" for k in range(3)]
    recorded.write_text(header + "".join(lines))
    recorded.with_suffix(".yaml").write_text("trace_version: 2\nmode: generated\n")
    workload = {"kind": "trace-v2", "path": str(recorded.with_suffix(".yaml"))}

    observe(settings(server.url, workload, sessions="in-order"), folder)

    found = rows(folder)
    for before, row in pairwise(found):
        assert int(row["send_time_us"]) >= int(before["last_chunk_time_us"])


def test_what_is_due_after_the_horizon_is_not_sent_and_has_a_row(
    settings: Settings, folder: Path, server: Server
) -> None:
    observed = observe(settings(server.url, spec(), horizon_s=0.055), folder)

    assert 0 < observed.metrics["sent"] < 12
    assert observed.metrics["errors"] == {"unsent": 12 - observed.metrics["sent"]}
    assert len(server.bodies) == observed.metrics["sent"]
    assert rows(folder)[-1]["error_message"] == "not sent: due after horizon_s"


def test_nothing_is_sent_after_the_horizon_however_many_are_under_way(
    settings: Settings, folder: Path, server: Server
) -> None:
    server.gap_s = 0.02

    observed = observe(settings(server.url, spec(), concurrency=1, horizon_s=0.3), folder)

    sent = [int(row["send_time_us"]) for row in rows(folder) if row["status"] == "ok"]
    assert 0 < len(sent) < 12
    assert max(int(row["arrival_time_us"]) for row in rows(folder) if row["status"] == "ok") <= 300_000
    assert observed.metrics["errors"] == {"unsent": 12 - len(sent)}


def test_headers_say_class_and_tenant_under_the_names_that_are_wanted(
    settings: Settings, folder: Path, server: Server
) -> None:
    workload = spec(slo_class="critical", tenant_id="Müller & Söhne")
    names = {"request": "X-Request-Id", "slo_class": "X-Class", "tenant": "X-Tenant", "session": None}

    observe(settings(server.url, workload, server__headers=names), folder)

    for headers in server.headers:
        assert headers["x-class"] == "critical"
        assert headers["x-tenant"] == "M%C3%BCller %26 S%C3%B6hne"
        assert headers["x-request-id"].startswith("request_")
        assert "authorization" not in headers


def test_key_comes_from_the_environment_and_goes_nowhere_but_to_the_server(
    settings: Settings, folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER_KEY", "sk-very-secret")

    observe(settings(server.url, server__api_key_variable="OTHER_KEY"), folder)

    assert {headers["authorization"] for headers in server.headers} == {"Bearer sk-very-secret"}
    for path in folder.iterdir():
        assert b"sk-very-secret" not in path.read_bytes()


def test_warm_up_says_something_else_and_is_not_recorded(settings: Settings, folder: Path, server: Server) -> None:
    observed = observe(settings(server.url, warm_up_requests=3), folder)

    prompts = [tuple(body["prompt"]) for body in server.bodies]
    assert len(prompts) == len(set(prompts)) == 8
    assert observed.metrics["warm_up"] == {"requests": 3, "ok": 3, "failed": 0}
    assert len(rows(folder)) == 5


def test_metrics_of_the_server_become_a_table(settings: Settings, folder: Path, server: Server) -> None:
    from pyarrow import parquet

    async def count(server: Server, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        n = len(server.bodies)
        server.metrics = metrics(hits=60 * n, queries=100 * n)
        return await plain(server, request, body)

    def metrics(hits: int, queries: int) -> str:
        return (
            "# TYPE vllm:prefix_cache_hits counter\n"
            f'vllm:prefix_cache_hits_total{{engine="0"}} {hits}.0\n'
            "# TYPE vllm:prefix_cache_queries counter\n"
            f'vllm:prefix_cache_queries_total{{engine="0"}} {queries}.0\n'
        )

    server.metrics, server.script = metrics(0, 0), count

    observed = observe(settings(server.url, scrape_s=60), folder)

    assert observed.metrics["server"]["scrapes"] == 2
    assert observed.metrics["server"]["prefix_cache_hit_rate"] == 0.6
    table = parquet.read_table(folder / "server_metrics.parquet").to_pylist()
    assert table[-1]["name"] == "vllm:prefix_cache_queries_total"
    assert (json.loads(table[-1]["labels"]), table[-1]["value"]) == ({"engine": "0"}, 500.0)


def test_server_without_metrics_is_no_failure(settings: Settings, folder: Path, server: Server) -> None:
    observed = observe(settings(server.url, scrape_s=60), folder)

    assert observed.metrics["ok"] == 5
    assert observed.metrics["server"]["scrapes"] == 0
    assert not (folder / "server_metrics.parquet").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"server__model": "tinny", "server__probe": True}, "server serves no 'tinny'; did you mean 'tiny'?"),
        ({"server__models": {"large": "tiny"}}, "server.models: the workload asks for no 'large'"),
    ],
)
def test_models_that_are_not_there_are_refused(
    changes: dict[str, Any], words: str, settings: Settings, folder: Path, server: Server
) -> None:
    with pytest.raises(ConfigError, match=words.replace("?", r"\?")):
        observe(settings(server.url, **changes), folder)
    assert server.bodies == []


def test_adapters_are_asked_for_by_the_names_that_the_server_has(
    settings: Settings, folder: Path, server: Server
) -> None:
    server.models = ("tiny", "sql-lora")
    workload = {**settings(server.url).document["workload"], "adapters": {"sql": 1}}

    observe(settings(server.url, workload, server__models={"sql": "sql-lora"}, server__probe=True), folder)

    assert {body["model"] for body in server.bodies[-5:]} == {"sql-lora"}
