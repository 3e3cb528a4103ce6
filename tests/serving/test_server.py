"""The server over loopback: what clients ask for, and what they are told."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from blis.engine.laws import check_conservation
from blis.foundation.slo_targets import SHIPPED
from blis.result import simulate
from blis.scenario import Scenario
from blis.serving.recording import record_all, recorded
from blis.serving.running import Ports, engines_of, serving
from blis.serving.settings import ServeSettings
from blis.serving.summary import _of_port
from blis.simulate import Simulation

aiohttp = pytest.importorskip("aiohttp")

CLUSTER = {
    "instances": 1,
    "latency": {"kind": "affine", "alpha_us": [50.0, 1.5, 0.0], "beta_us": [2000.0, 10.0, 5.0]},
    "kv_blocks": 200,
    "max_running_requests": 8,
    "max_model_len_tokens": 1000,
    "served_model_names": ["sim"],
}
ANSWER = {"model": "sim", "max_tokens": 6, "ignore_eos": True}
Talk = Callable[["Client"], Awaitable[Any]]


class Client:
    """Asks a server."""

    def __init__(self, session: Any, ports: Ports) -> None:
        self.session, self.ports = session, ports

    def url(self, path: str, place: int = 0) -> str:
        host, port = self.ports.addresses[place]
        return f"http://{host}:{port}{path}"

    async def post(self, path: str, body: Any, place: int = 0, **headers: str) -> tuple[int, dict[str, Any]]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.session.post(self.url(path, place), data=data, headers=headers) as response:
            self.headers = response.headers
            return response.status, await response.json()

    async def get(self, path: str) -> tuple[int, str]:
        async with self.session.get(self.url(path)) as response:
            return response.status, await response.text()

    async def events(self, path: str, body: dict[str, Any]) -> list[Any]:
        async with self.session.post(self.url(path), json={**body, "stream": True}) as response:
            assert response.status == 200
            assert response.headers["Content-Type"].startswith("text/event-stream")
            lines = (await response.text()).split("\n\n")
        assert lines.pop() == ""
        assert lines.pop() == "data: [DONE]"
        return [json.loads(line.removeprefix("data: ")) for line in lines]


def settings(behind: str = "router", policies: dict[str, Any] | None = None, **given: Any) -> ServeSettings:
    cluster = {**CLUSTER, **given.pop("cluster", {})}
    scenario = Scenario.from_mapping(
        {"cluster": cluster, "workload": {"kind": "distribution"}, "policies": policies or {}}
    )
    return ServeSettings.from_mapping(
        {"port": 0, "speed": 50.0, "behind": behind, **given}, replace(scenario, slo=SHIPPED)
    )


def talk(told: ServeSettings, what: Talk) -> Any:
    """Let somebody talk to a server, and return what comes of it."""

    async def run() -> Any:
        async with serving(told, engines_of(told)) as ports, aiohttp.ClientSession() as session:
            return await asyncio.wait_for(what(Client(session, ports)), 60)

    return asyncio.run(run())


def test_a_completion_has_as_many_words_as_tokens() -> None:
    async def ask(client: Client) -> Any:
        return await client.post("/v1/completions", {**ANSWER, "prompt": "Hello world, how are you?"})

    status, body = talk(settings(), ask)

    assert status == 200
    assert len(body["choices"][0]["text"].split()) == 6
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"] == {
        "prompt_tokens": 7,
        "completion_tokens": 6,
        "total_tokens": 13,
        "prompt_tokens_details": {"cached_tokens": 0},
    }


def test_a_stream_has_all_tokens_and_tells_the_usage_at_its_end() -> None:
    async def ask(client: Client) -> Any:
        body = {**ANSWER, "messages": [{"role": "user", "content": "hi"}], "stream_options": {"include_usage": True}}
        return await client.events("/v1/chat/completions", body)

    first, *chunks, last = talk(settings(), ask)

    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert first["object"] == "chat.completion.chunk"
    # A server that is behind puts several tokens into a chunk.
    assert len("".join(one["choices"][0]["delta"]["content"] for one in chunks).split()) == 6
    assert [one["choices"][0]["finish_reason"] for one in chunks] == [None] * (len(chunks) - 1) + ["length"]
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 6


def test_the_streamed_text_is_the_plain_one_and_the_same_prompt_has_the_same_answer() -> None:
    async def ask(client: Client) -> Any:
        body = {**ANSWER, "prompt": [5, 6, 7]}
        streamed = await client.events("/v1/completions", body)
        plain = (await client.post("/v1/completions", body))[1]
        other = (await client.post("/v1/completions", {**body, "seed": 3}))[1]
        return streamed, plain, other

    streamed, plain, other = talk(settings(), ask)

    text = "".join(one["choices"][0]["text"] for one in streamed)
    assert text == plain["choices"][0]["text"]
    assert text != other["choices"][0]["text"]


def test_a_prompt_that_was_there_before_is_found_in_the_cache_and_so_is_an_answer_that_is_sent_again() -> None:
    async def ask(client: Client) -> Any:
        said = [{"role": "user", "content": "one two three four five six seven eight nine ten " * 4}]
        body = {"model": "sim", "max_tokens": 40, "ignore_eos": True}
        first = (await client.post("/v1/chat/completions", {**body, "messages": said}))[1]
        said += [first["choices"][0]["message"], {"role": "user", "content": "go on"}]
        return first, (await client.post("/v1/chat/completions", {**body, "messages": said}))[1]

    first, second = talk(settings(), ask)

    cached = second["usage"]["prompt_tokens_details"]["cached_tokens"]
    assert first["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
    # All whole blocks of 16 tokens of the first prompt and its answer, whose last token was never computed on.
    assert cached == (first["usage"]["prompt_tokens"] + 40 - 1) // 16 * 16


def test_several_prompts_and_choices_are_answered_together() -> None:
    async def ask(client: Client) -> Any:
        body = {**ANSWER, "prompt": ["one", "two"], "n": 2}
        return (await client.post("/v1/completions", body))[1], await client.events("/v1/completions", body)

    plain, streamed = talk(settings(), ask)

    assert [one["index"] for one in plain["choices"]] == [0, 1, 2, 3]
    assert len({one["text"] for one in plain["choices"]}) == 4
    assert plain["usage"]["completion_tokens"] == 24
    assert {one["choices"][0]["index"] for one in streamed} == {0, 1, 2, 3}


def test_answers_end_by_themselves_unless_the_client_says_otherwise() -> None:
    async def ask(client: Client) -> Any:
        bodies = ({"max_tokens": 50}, {"max_tokens": 50, "min_tokens": 20}, {"max_tokens": 5}, {})
        answers = [(await client.post("/v1/completions", {"prompt": "a b c", **body}))[1] for body in bodies]
        return [(one["usage"]["completion_tokens"], one["choices"][0]["finish_reason"]) for one in answers]

    lengths = talk(settings(output_tokens=10), ask)

    # Without max_tokens a completion has at most 16, as in OpenAI's API.
    assert lengths == [(10, "stop"), (20, "stop"), (5, "length"), (10, "stop")]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/v1/completions", b"{", 400, "must be JSON"),
        ("/v1/completions", b"[]", 400, "JSON object"),
        ("/v1/completions", {"prompt": ""}, 400, "at least one token"),
        ("/v1/completions", {}, 400, "prompt must be"),
        ("/v1/completions", {"prompt": [1, -2]}, 400, "Token id -2 is out of vocabulary"),
        ("/v1/completions", {"prompt": "a", "max_tokens": 0}, 400, "max_tokens must be an integer at least 1, got 0"),
        ("/v1/completions", {"prompt": "a", "max_tokens": float("nan")}, 400, "max_tokens must be an integer"),
        ("/v1/completions", {"prompt": "a", "n": "2"}, 400, "n must be an integer in [1, 128], got '2'"),
        (
            "/v1/completions",
            {"prompt": "a", "max_tokens": 3, "min_tokens": 4},
            400,
            "less than or equal to max_tokens=3",
        ),
        ("/v1/completions", {"prompt": "a", "stream": "yes"}, 400, "stream must be true or false"),
        ("/v1/completions", {"prompt": "a", "stream_options": {"include_usage": True}}, 400, "when stream is true"),
        ("/v1/completions", {"prompt": "a", "echo": True}, 400, "echo is not simulated"),
        ("/v1/completions", {"prompt": "a", "model": "other"}, 404, "The model `other` does not exist"),
        ("/v1/completions", {"prompt": "a " * 999, "max_tokens": 2}, 400, "maximum context length is 1000 tokens"),
        ("/v1/completions", {"prompt": "a " * 1000}, 400, "maximum context length is 1000 tokens"),
        ("/v1/completions", {"prompt": "a", "max_tokens": 990, "ignore_eos": True}, 400, "has room for 799 tokens"),
        ("/v1/chat/completions", {"messages": []}, 400, "at least one message"),
        ("/v1/chat/completions", {"messages": [{"content": "a"}]}, 400, "messages[0] must be an object with a role"),
        ("/v1/nothing", {}, 404, "Not Found"),
    ],
)
def test_what_cannot_be_served_is_refused_in_words(path: str, body: Any, status: int, words: str) -> None:
    async def ask(client: Client) -> Any:
        return await client.post(path, body)

    got, answer = talk(settings(cluster={"kv_blocks": 50}), ask)

    assert got == status
    assert words in answer["error"]["message"]
    assert answer["error"]["code"] == status


def test_whom_admission_refuses_is_told_when_to_come_again() -> None:
    async def ask(client: Client) -> Any:
        got = await client.post("/v1/completions", {**ANSWER, "prompt": "a " * 200})
        return got, client.headers["Retry-After"]

    policies = {"admission": {"policy": "token-bucket", "capacity_tokens": 10, "refill_tokens_per_s": 1}}
    (status, body), retry_after = talk(settings(policies=policies, refusal_status=503, retry_after_s=7), ask)

    assert status == 503
    assert retry_after == "7"
    assert body["error"]["type"] == "ServiceUnavailableError"


def test_each_instance_has_a_port_of_its_own_with_its_own_cache() -> None:
    async def ask(client: Client) -> Any:
        body = {**ANSWER, "prompt": "a " * 64}
        answers = [(await client.post("/v1/completions", body, place))[1] for place in (0, 1, 0)]
        return [one["usage"]["prompt_tokens_details"]["cached_tokens"] for one in answers]

    assert talk(settings("instances", cluster={"instances": 2}), ask) == [0, 0, 48]


def test_metrics_have_the_names_of_vllm() -> None:
    async def ask(client: Client) -> Any:
        await client.post("/v1/completions", {**ANSWER, "prompt": "a " * 64})
        return await client.get("/metrics")

    status, text = talk(settings(), ask)

    assert status == 200
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    labels = '{engine="0",model_name="sim"}'
    assert lines[f"vllm:prompt_tokens_total{labels}"] == "64.0"
    assert lines[f"vllm:generation_tokens_total{labels}"] == "6.0"
    assert lines[f"vllm:num_requests_running{labels}"] == "0.0"
    assert lines[f"vllm:num_requests_waiting{labels}"] == "0.0"
    assert lines[f"vllm:kv_cache_usage_perc{labels}"] == "0.0"
    assert lines[f"vllm:prefix_cache_queries_total{labels}"] == "64.0"
    assert lines[f"vllm:prefix_cache_hits_total{labels}"] == "0.0"
    assert lines[f"vllm:num_preemptions_total{labels}"] == "0.0"
    assert lines[f"vllm:time_to_first_token_seconds_count{labels}"] == "1.0"
    assert lines[f"vllm:inter_token_latency_seconds_count{labels}"] == "5.0"
    assert lines[f"vllm:e2e_request_latency_seconds_count{labels}"] == "1.0"
    assert lines['vllm:request_success_total{engine="0",finished_reason="length",model_name="sim"}'] == "1.0"
    assert (
        'vllm:cache_config_info{block_size="16",enable_prefix_caching="True",engine="0",num_gpu_blocks="200"}' in lines
    )


def test_models_health_version_and_the_tokenizer_are_there() -> None:
    async def ask(client: Client) -> Any:
        ids = (await client.post("/tokenize", {"prompt": "bakado, hi"}))[1]
        text = (await client.post("/detokenize", {"tokens": ids["tokens"][:1]}))[1]
        paths = ("/health", "/version", "/v1/models", "/v1/models/sim", "/v1/models/no")
        return ids, text, [await client.get(path) for path in paths]

    ids, text, answers = talk(settings(), ask)

    assert ids["count"] == 3
    assert text == {"prompt": "bakado"}
    assert [status for status, _ in answers] == [200, 200, 200, 200, 404]
    assert json.loads(answers[2][1])["data"][0]["id"] == "sim"


def test_a_client_that_goes_away_is_counted_and_disturbs_nobody() -> None:
    async def ask(client: Client) -> Any:
        body = {"model": "sim", "prompt": "a", "max_tokens": 900, "ignore_eos": True, "stream": True}
        async with client.session.post(client.url("/v1/completions"), json=body) as response:
            await response.content.readany()
        other = await client.post("/v1/completions", {**ANSWER, "prompt": "b", "max_tokens": 1})
        front = client.ports.fronts[0]
        while not front.counts.disconnected:
            await asyncio.sleep(0.01)
        return other, front

    # So slow that the long answer cannot end before its client has gone.
    (status, _), front = talk(settings(speed=0.05), ask)

    assert status == 200
    assert front.counts.answered == 1
    assert front.engine.n_in_flight == 0


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("behind", ["router", "instances"])
def test_what_nobody_waits_for_any_more_gives_its_place_and_its_blocks_to_others(streams: bool, behind: str) -> None:
    async def ask(client: Client) -> Any:
        body = {"model": "sim", "prompt": "a", "max_tokens": 900, "ignore_eos": True, "n": 3, "stream": streams}
        front = client.ports.fronts[0]
        long = asyncio.create_task(client.post("/v1/completions", body))
        while front.engine.n_in_flight < 3:
            await asyncio.sleep(0.01)
        long.cancel()
        # Each of the three ran alone; so does this one, whose turn would come after 900 tokens of each.
        other = await client.post("/v1/completions", {**ANSWER, "prompt": "b", "max_tokens": 1})
        return other, front, (await client.get("/metrics"))[1]

    one_by_one = {"max_running_requests": 1}
    (status, _), front, metrics = talk(settings(behind, cluster=one_by_one, speed=0.2), ask)

    assert status == 200
    document = _of_port(front)
    assert (document["counts"]["disconnected"], document["cancelled"], document["completed"]) == (1, 3, 1)
    assert document["cancelled_tokens"] < 900
    assert not front.engine.simulation.state.instances.used_blocks.any()
    check_conservation(front.engine.simulation.state)
    aborts = sum(front.engine.statistics.ends["abort"].tolist())
    assert aborts == 3
    assert 'finished_reason="abort",model_name="sim"} 3.0' in metrics


def test_a_log_holds_what_cancelled_requests_had_got(tmp_path: Any) -> None:
    async def ask(client: Client) -> Any:
        body = {"model": "sim", "prompt": "a", "max_tokens": 900, "ignore_eos": True, "stream": True}
        async with client.session.post(client.url("/v1/completions"), json=body) as response:
            await response.content.readany()
        front = client.ports.fronts[0]
        while not front.counts.disconnected:
            await asyncio.sleep(0.01)
        return front.engine

    engine = talk(settings(speed=0.05, record=f"{tmp_path}/trace.csv"), ask)
    _, notes = record_all([engine], tmp_path / "trace.csv")

    (told,) = recorded(engine).output_tokens
    assert 1 <= told == engine.cancelled_tokens < 900
    assert "1 requests were cancelled" in notes[-1]


def test_what_was_served_can_be_simulated_again_with_the_same_times(tmp_path: Any) -> None:
    async def ask(client: Client) -> Any:
        async def one(number: int) -> None:
            words = "shared words of all of them that fill more than a block of the cache " * 3 + f"and {number}"
            headers = {"x-slo-class": "batch" if number % 2 else "critical", "x-tenant-id": f"t{number % 3}"}
            await client.post("/v1/completions", {"prompt": words, "max_tokens": 30}, **headers)

        await asyncio.gather(*map(one, range(40)))
        return client.ports.fronts[0].engine

    policies = {"routing": {"policy": "weighted", "scorers": "prefix-affinity:3,queue-depth:2"}}
    path = tmp_path / "trace.csv"
    told = settings(policies=policies, cluster={"instances": 3}, output_tokens=20, record=str(path))
    engine = talk(told, ask)

    got = engine.simulation.state.requests[:40]
    known = recorded(engine)
    at_once = Simulation(known, engine.prepared, seed=told.scenario.seed).run().state.requests
    (path_written,), _ = record_all([engine], path)
    replayed = Scenario.from_mapping(
        {
            "cluster": {**CLUSTER, "instances": 3},
            "workload": {"kind": "trace-csv", "path": path_written},
            "policies": policies,
            "seed": told.scenario.seed,
        }
    )
    from_file = simulate(replayed).simulation.state.requests
    for name in ("instance", "first_token_us", "finished_us", "cached_blocks", "preemptions"):
        assert at_once[name].tolist() == got[name].tolist()
        shift_us = int(got.arrival_us[0]) if name.endswith("_us") else 0  # a log begins with its first request
        assert (from_file[name] + shift_us).tolist() == got[name].tolist()
    assert set(known.tenants) == {"t0", "t1", "t2"} | ({""} if "" in known.tenants else set())
    assert got["cached_blocks"].max() > 0
