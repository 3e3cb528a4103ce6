"""Wrong input of the commands that export and import: one line that names it, and status 2."""

from pathlib import Path

import pytest

from evolve.export import main as export
from evolve.import_policy import main as import_policy

CHAMPION = "version: 1\nrouting: {policy: least-loaded}\n"
FILES = {"empty.yaml": b"", "broken.yaml": b"a: [1", "bytes.yaml": b"\xff\xfe\x00", "list.yaml": b"[]"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a champion and files that are none."""
    monkeypatch.chdir(tmp_path)
    Path("champion.yaml").write_text(CHAMPION)
    Path("flags.txt").write_text("--router-mode kv")
    Path("folder").mkdir()
    for name, content in FILES.items():
        Path(name).write_bytes(content)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("to=", "to: "),
        ("to=slang", "to: no choice named 'slang'; did you mean 'sglang'?"),
        ("to=sglang from=x", "options: unknown key 'from'"),
        ("to=sglang require=perfect", "require: no choice named 'perfect'"),
        ("to=sglang gateway=5", "gateway must be a mapping"),
        ("to=sglang gateway={bogus: 1}", "gateway: unknown key 'bogus'"),
        ("to=sglang gateway={ttl_ms: .nan}", "gateway.ttl_ms must be a finite number > 0"),
        ("to=sglang instances=0", "instances must be an int in [1, 100000]; got 0."),
        ("to=sglang instances=.inf", "instances must be an int in [1, 100000]; got inf."),
        ("to=sglang overwrite=maybe", "overwrite must be true or false; got 'maybe'."),
        ("to=sglang output.file=", "output.file must be a path; got None."),
        ("to=sglang output.file=folder", "output.file must be a file in a folder that exists; got 'folder'."),
        ("to=sglang output.file=none/x", "output.file must be a file in a folder that exists; got 'none/x'."),
    ],
)
def test_export_refuses_wrong_options(folder: Path, capsys: pytest.CaptureFixture[str], words: str, told: str) -> None:
    first, _, rest = words.partition(" ")

    assert export(["champion.yaml", first, *([rest] if rest else [])]) == 2

    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert told in error


@pytest.mark.parametrize("name", [*FILES, "folder", "none.yaml"])
def test_files_that_are_no_policies_are_refused_by_their_names(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    for command in (lambda: export([name, "to=sglang"]), lambda: import_policy([name])):
        assert command() == 2
        out, error = capsys.readouterr()
        assert (out, error.count("\n")) == ("", 1)
        assert name in error


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("from=nobody", "from: no choice named 'nobody'"),
        ("to=llm-d", "options: unknown key 'to'"),
        ("output.file=", "output.file must be a path; got None."),
        ("output=xml", "output: no choice named 'xml'"),
    ],
)
def test_import_refuses_wrong_options(folder: Path, capsys: pytest.CaptureFixture[str], words: str, told: str) -> None:
    assert import_policy(["flags.txt", words]) == 2

    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert told in error


@pytest.mark.parametrize("router", ["llm-d", "sglang", "vllm", "production-stack", "dynamo"])
def test_scorers_as_a_command_line_writes_them_are_those_of_a_bundle(
    folder: Path, capsys: pytest.CaptureFixture[str], router: str
) -> None:
    told = []
    for scorers in ("{queue-depth: 2, prefix-affinity: 3}", "'queue-depth:2, prefix-affinity:3'"):
        Path("champion.yaml").write_text(f"version: 1\nrouting: {{policy: weighted, scorers: {scorers}}}\n")
        told.append((export(["champion.yaml", f"to={router}"]), capsys.readouterr()))

    assert told[0] == told[1]
