"""The command: wrong input in one line, and a server that ends when it is told to."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from blis.serve import main

pytest.importorskip("aiohttp")


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """The one line in which the command refuses its arguments."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> str:
        capsys.readouterr()
        assert main(arguments) == 2
        told = capsys.readouterr()
        assert told.out == ""
        (line,) = [one for one in told.err.splitlines() if not one.startswith(("note:", "serving "))]
        return line

    return command


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("speed=0", "speed must be a finite number in [0.001, 10000]; got 0"),
        ("speed=10001", "speed must be a finite number in [0.001, 10000]; got 10001"),
        ("speed=.nan", "speed must be a finite number in [0.001, 10000]; got "),
        ("port=70000", "port must be an int in [0, 65535]; got 70000"),
        ("host=", "host must be the name or address of an interface"),
        ("behind=rooter", "behind: no choice named 'rooter'; did you mean 'router'? Choices: instances, router."),
        ("prot=8000", "unknown key 'prot'; did you mean 'port'?"),
        ("refusal_status=500", "refusal_status must be 429 or 503; got 500"),
        ("retry_after_s=-1", "retry_after_s must be an int in [0, 86400] [s]; got -1"),
        ("output_tokens=0", "output_tokens must be an int in [1, 2147483647] [tokens]; got 0"),
        ("kv_events.port=0", "kv_events.port must be an int in [1, 65535]; got 0"),
        ("kv_events.topic=[1]", "kv_events.topic must be a text; got [1]"),
        ("kv_events.form=xml", "kv_events.form: no choice named 'xml'. Choices: array, map."),
        ("host=999.1.1.1", "port 8000 on '999.1.1.1' cannot be served: Name or service not known"),
        ("kv_events.from=map", "kv_events: unknown key 'from'; did you mean 'form'?"),
        (
            "record=session.txt",
            "record must be a path that ends in one of .csv, .yaml, .yml, .jsonl; got 'session.txt'",
        ),
        ("record=nowhere/session.csv", "record must be a file in a folder that exists; got 'nowhere/session.csv'"),
        ("duration_s=0", "duration_s must be a finite number > 0 and ≤ 31536000 [s]; got 0"),
        ("duration_s=1e300", "duration_s must be a finite number > 0 and ≤ 31536000 [s]; got 1e+300"),
        ("drain_s=.inf", "drain_s must be a finite number in [0, 86400] [s]; got "),
        ("routing=roud-robin", "did you mean 'round-robin'?"),
        ("cluster=pd", "disaggregation must be served behind=router; got behind=instances"),
    ],
)
def test_wrong_input_is_refused_in_one_line(refused: Callable[..., str], argument: str, words: str) -> None:
    assert words in refused(argument, "cluster.latency.kind=affine" if argument == "never" else "seed=1")


def test_a_port_that_is_taken_is_named(refused: Callable[..., str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert f"port {port} on '127.0.0.1' cannot be served" in refused("cluster.instances=1", f"port={port}")


def test_a_server_that_is_told_to_end_tells_what_it_did(tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "blis.serve", "cluster=llama-8b-h100-affine", "cluster.instances=1", "port=0"),
        *("output=json", f"record={tmp_path}/session.csv", f"hydra.run.dir={tmp_path}/run", "speed=10"),
    ]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
        cwd=Path(__file__).parents[2],
    ) as server:
        assert server.stderr is not None
        line = server.stderr.readline()
        url = line.split(" on ", 1)[1].split()[0]
        body = json.dumps({"prompt": "a b c", "max_tokens": 4, "ignore_eos": True}).encode()
        with urllib.request.urlopen(f"{url}/v1/completions", body) as answer:
            assert json.load(answer)["usage"]["completion_tokens"] == 4
        server.send_signal(signal.SIGTERM)
        out, _ = server.communicate(timeout=120)

    told = json.loads(out)
    assert server.returncode == 0
    assert told["ports"][0]["counts"]["answered"] == 1
    assert told["ports"][0]["output_tokens"] == 4
    assert told["recorded"] == [f"{tmp_path}/session.csv"]
    assert json.loads((tmp_path / "run" / "serve.json").read_text()) == told
