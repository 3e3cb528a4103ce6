"""The command: what it prints and refuses, and how an observation that was cut off goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from blis.observe import main
from tests.observing.loopback import Server
from tests.observing.traces import rows

QUICK = ("workload=distribution", "workload.rate=1000", "workload.num_requests=6", "scrape_s=null")


class Ran(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """The command in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> Ran:
        capsys.readouterr()
        status = main(arguments)
        return Ran(status, *capsys.readouterr())

    return command


def test_results_are_one_json_document_and_the_folder_has_the_trace(
    run: Callable[..., Ran], server: Server, tmp_path: Path
) -> None:
    ran = run(f"server.url={server.url}", *QUICK, "output.folder=here is room", "output=json")

    folder = tmp_path / "here is room"
    assert ran.status == 0
    assert json.loads(ran.out) == json.loads((folder / "metrics.json").read_text())
    assert json.loads(ran.out)["ok"] == 6
    assert len(rows(folder)) == 6
    assert ran.err == ""


def test_tables_say_counts_latencies_and_lateness(run: Callable[..., Ran], server: Server) -> None:
    ran = run(f"server.url={server.url}/v1/", *QUICK, "output.folder=observed")

    assert ran.status == 0
    for words in (
        "latency [ms]",
        "TTFT",
        "between tokens",
        "E2E",
        "lateness",
        "requests/s",
        "outputs as long as asked",
    ):
        assert words in ran.out


def test_scenario_and_member_of_a_family_give_their_workload(run: Callable[..., Ran], server: Server) -> None:
    for scenario in ("bursty", "chat#3"):
        ran = run(f"server.url={server.url}", f"scenario={scenario}", "max_requests=3", "dry_run=true", "output=json")
        assert (ran.status, json.loads(ran.out)["requests"]) == (0, 3)


def test_sweep_has_a_folder_for_each_job(run: Callable[..., Ran], server: Server, tmp_path: Path) -> None:
    ran = run("-m", f"server.url={server.url}", *QUICK, "max_requests=1,2", "output.folder=both")

    assert ran.status == 0
    assert [len(rows(tmp_path / "both" / job)) for job in ("0", "1")] == [1, 2]


def test_dry_run_sends_nothing_and_needs_no_server(run: Callable[..., Ran], closed_url: str, tmp_path: Path) -> None:
    ran = run(f"server.url={closed_url}", *QUICK, "dry_run=true")

    assert ran.status == 0
    assert ran.out.startswith(f"would send 6 requests to {closed_url}/v1/completions, at their times")
    assert list(tmp_path.glob("outputs/**/*.*")) == []


def test_used_folder_is_not_written_over(run: Callable[..., Ran], server: Server) -> None:
    run(f"server.url={server.url}", *QUICK, "output.folder=used")

    ran = run(f"server.url={server.url}", *QUICK, "output.folder=used")

    assert ran.status == 2
    assert "'used' has an observation already; give resume=used to go on with it" in ran.err.replace(
        os.getcwd() + "/", ""
    )


def test_server_that_answers_nothing_well_is_a_failure(run: Callable[..., Ran], closed_url: str) -> None:
    ran = run(
        f"server.url={closed_url}",
        *QUICK,
        "server.probe=false",
        "server.model=tiny",
        "output.folder=none",
        "output=json",
    )

    assert ran.status == 1
    assert "error: no request was answered well: refused connection (6)." in ran.err
    assert json.loads(ran.out)["failed"] == 6


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("workload=chatbot", "server.url must be given; add server.url=http://127.0.0.1:8000."),
        ("server.url=URL", "workload must be given; add workload=NAME or scenario=NAME."),
        ("server.url=URL workload=chatbt", "workload: no choice named 'chatbt'; did you mean 'chatbot'?"),
        ("server.url=URL workload=trace-v2", "workload.path must be given"),
        ("server.url=ftp://x workload=chatbot", "server.url must be an address such as http://127.0.0.1:8000; got"),
        ("server.url=http:// workload=chatbot", "server.url must be an address such as"),
        ("server.url=http://h:99999 workload=chatbot", "server.url must be an address such as"),
        ("server.url=http://me:sk-1@h workload=chatbot", "server.url must not hold a name or a key"),
        (
            "server.url=URL workload=chatbot server.endpiont=chat",
            "server: unknown key 'endpiont'; did you mean 'endpoint'?",
        ),
        ("server.url=URL workload=chatbot server.endpoint=chats", "server.endpoint: no choice named 'chats'; did you"),
        ("server.url=URL workload=chatbot server.timeout_s=0", "server.timeout_s must be a finite number > 0"),
        ("server.url=URL workload=chatbot server.timeout_s=.nan", "server.timeout_s must be a finite number"),
        ("server.url=URL workload=chatbot server.vocabulary=[5,5]", "server.vocabulary[1] must be an int in [6, "),
        ("server.url=URL workload=chatbot server.vocabulary=5", "server.vocabulary must be a list of the lowest and"),
        ("server.url=URL workload=chatbot server.body={stream:true}", "server.body must not hold 'stream'"),
        (
            "server.url=URL workload=chatbot server.headers.tenant=authorization",
            "must be a header that nothing else uses",
        ),
        ("server.url=URL workload=chatbot server.headers.tenant='a:b'", "must be the name of a header, or null"),
        ("server.url=URL workload=chatbot server.api_key_variable=sk-123", "must be the name of a variable"),
        (
            "server.url=URL workload=chatbot server.endpoint=chat server.prompts=tokens",
            "server.prompts must be text or auto",
        ),
        ("server.url=URL workload=chatbot concurrency=0", "concurrency must be an int in [1, 100000]; got 0."),
        ("server.url=URL workload=chatbot max_requests=-1", "max_requests must be an int ≥ 1; got -1."),
        ("server.url=URL workload=chatbot horizon_s=-1", "horizon_s must be a finite number > 0"),
        ("server.url=URL workload=chatbot scrape_s=0", "scrape_s must be a finite number in [0.1, "),
        (
            "server.url=URL workload=chatbot retries.attempts=-1",
            "retries.attempts must be an int in [0, 1000]; got -1.",
        ),
        (
            "server.url=URL workload=chatbot sessions=ordered",
            "sessions: no choice named 'ordered'; did you mean 'in-order'?",
        ),
        ("server.url=URL workload=chatbot output=xml", "output.format: no choice named 'xml'"),
        ("server.url=URL workload=chatbot resume=nowhere", "resume must be the folder of an observation"),
        ("server.url=URL workload=chatbot resume=", "resume must be the folder of an observation; got ''."),
        ("server.url=URL workload=chatbot recover=", "recover must be the folder of an observation; got ''."),
        (
            "server.url=URL workload=chatbot concurency=3",
            "observe: unknown key 'concurency'; did you mean 'concurrency'?",
        ),
    ],
)
def test_wrong_input_is_one_line_and_sends_nothing(
    arguments: str, words: str, run: Callable[..., Ran], closed_url: str, tmp_path: Path
) -> None:
    ran = run(*(argument.replace("URL", closed_url) for argument in arguments.split(" ")))

    assert ran.status == 2
    assert ran.out == ""
    assert ran.err.count("\n") == 1
    assert words in ran.err
    assert "sk-1" not in ran.err
    assert list(tmp_path.rglob("journal.jsonl")) == []


SLOW = ("workload=distribution", "workload.rate=20", "workload.num_requests=20", "workload.arrival=constant")
LENGTHS = tuple(
    f"workload.output_tokens_{key}={value}" for key, value in (("mean", 3), ("stdev", 0), ("min", 3), ("max", 3))
)


def started(server: Server, folder: Path) -> "subprocess.Popen[str]":
    """The command in a process of its own, once the server has answered some requests."""
    words = [
        f"server.url={server.url}",
        *SLOW,
        *LENGTHS,
        f"output.folder={folder}",
        "scrape_s=null",
        "server.probe=false",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "blis.observe", *words, "server.model=tiny"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while len(server.bodies) < 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_observation_is_kept_and_goes_on_with_what_is_missing(
    signal_number: int, run: Callable[..., Ran], server: Server, tmp_path: Path
) -> None:
    folder = tmp_path / "cut"
    process = started(server, folder)

    process.send_signal(signal_number)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert err.splitlines()[-1] == "error: interrupted"
    cut = rows(folder)
    n_ok = sum(row["status"] == "ok" for row in cut)
    assert (len(cut), {row["status"] for row in cut}) == (20, {"ok", "error"})
    assert all("interrupted" in row["error_message"] for row in cut if row["status"] == "error")

    n_before = len(server.bodies)
    ran = run(f"resume={folder}", "output=json")

    assert ran.status == 0
    assert len(server.bodies) - n_before == 20 - n_ok
    assert (json.loads(ran.out)["ok"], json.loads(ran.out)["parts"]) == (20, 2)
    assert rows(folder)[:n_ok] == cut[:n_ok]


def test_killed_observation_loses_nothing_that_was_recorded(
    run: Callable[..., Ran], server: Server, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    process = started(server, folder)
    deadline = time.monotonic() + 60
    while (folder / "journal.jsonl").read_bytes().count(b"\n") < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    with (folder / "journal.jsonl").open("ab") as journal:
        journal.write(b'{"number": 19, "arr')
    n_before = len(server.bodies)

    ran = run(f"recover={folder}", "output=json")

    assert ran.status == 0
    assert json.loads(ran.out)["ok"] >= 3
    assert len(rows(folder)) == 20
    assert len(server.bodies) == n_before
    assert "the last line of the journal was cut off, and is left out" in json.loads(ran.out)["notes"]


@pytest.mark.parametrize(
    "change", ["workload.rate=30", "seed=7", "concurrency=2", "max_requests=3", "workload=chatbot"]
)
def test_other_requests_than_those_that_were_recorded_are_refused(
    change: str, run: Callable[..., Ran], server: Server
) -> None:
    run(f"server.url={server.url}", *QUICK, "output.folder=done")
    n_before = len(server.bodies)

    ran = run("resume=done", *QUICK, change)

    assert ran.status == 2
    assert "resume goes on with the requests of 'done', and" in ran.err
    assert len(server.bodies) == n_before


def test_changed_log_is_not_gone_on_with(run: Callable[..., Ran], server: Server, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,10,5\n")
    run(f"server.url={server.url}", "workload=azure", f"workload.path={log}", "scrape_s=null", "output.folder=done")
    log.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,11,5\n")

    ran = run("resume=done")

    assert ran.status == 2
    assert "resume: the requests of the workload must be those that were recorded" in ran.err


def test_complete_observation_has_nothing_to_go_on_with(run: Callable[..., Ran], server: Server) -> None:
    run(f"server.url={server.url}", *QUICK, "output.folder=done", "server.probe=false", "server.model=tiny")
    n_before = len(server.bodies)

    ran = run("resume=done", *QUICK, "output=json")

    assert ran.status == 0
    assert json.loads(ran.out)["ok"] == 6
    assert len(server.bodies) == n_before
