"""Whatever the size, the depth or the language tricks of an input: exit status 2, one short line, at once."""

import gzip
import json
import os
import time
from pathlib import Path

import pytest

import blis.convert
import blis.report
import blis.verify
from blis.describe import main as describe

NINES, MANY_NINES = "9" * 400, "9" * 5000
LONG = "x" * 300
BOMB = "\n".join(
    ["a0: &a0 [lol,lol,lol,lol,lol,lol,lol,lol,lol,lol]"]
    + [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
)

FILES = {
    "digits.yaml": f"version: {MANY_NINES}\n",
    "weight.yaml": f"version: 1\nrouting: {{policy: weighted, scorers: [{{name: queue-depth, weight: {NINES}}}]}}\n",
    "bomb.yaml": f"version: 1\n{BOMB}\nlineage: *a8\n",
    "self.yaml": "version: 1\nlineage: &a {parent: *a}\n",
    "date.yaml": "version: 1\nlineage: {when: 2023-13-45}\n",
    "tag.yaml": "version: !!int abc\n",
    "stamp.yaml": "version: !!timestamp abc\n",
    "hex.yaml": "version: 1\nlineage: {n: 0x_}\n",
    "deep.yaml": "version: 1\nlineage: " + "[" * 5000 + "\n",
    "formula.yaml": "version: 1\nrouting: {policy: program, formula: 5}\n",
    "words.yaml": "version: 1\npriority: {policy: program, formula: [age_us, [1], add]}\n",
    "python.yaml": "version: 1\nrouting: json:loads\n",
    "slo.yaml": "tension: one\nnum_requests: 10\nslo: &s {default: *s}\n",
    "load.yaml": "tension: one\nsaturation_rate: 1\nnum_requests: 10\ncluster: {instances: 1}\n"
    f"workload: {{kind: distribution, preset: chatbot}}\nload: {NINES}\n",
    "horizon.yaml": f"aggregate_rate: 10\nhorizon: {2**63 - 1}\nclients:\n  - {{id: a, rate_fraction: 1, "
    "arrival: {process: poisson}, input_distribution: {type: constant, params: {value: 9}}, "
    "output_distribution: {type: constant, params: {value: 9}}}\n",
    "config.yaml": BOMB,
}

WRONG = {
    f"workload.rate={NINES}": "workload.rate must be a finite number > 0 [requests/s]; got a whole number of about 401",
    f"cluster.kv_blocks={NINES}": "cluster.kv_blocks must be an int in [1, 1099511627776] [blocks]; got a whole",
    f"admission=token-bucket admission.capacity_tokens={NINES}": "admission.capacity_tokens must be a finite number",
    f"slo.default.ttft_ms={NINES}": "slo.default.ttft_ms must be a finite number > 0 [ms]; got a whole number",
    f"seed={NINES}": "seed must be an int in [0, 9223372036854775807]; got a whole number of about 401 digits",
    f"seed={MANY_NINES}": "seed must have numbers of at most 1000 digits; got more",
    f"cluster.instances={'[' * 200}{']' * 200}": "cluster.instances must hold values at most 40 deep in one another",
    f"cluster.instances={'[' * 3000}": "cluster.instances must hold values at most 40 deep in one another",
    f"cluster.instances={'[' * 40}{']' * 40}": "cluster.instances[0] must be a mapping of keys to values; got [[",
    "routing=program routing.formula=[1,[2],add]": "routing.formula: word 2 must be a finite number; got [2]",
    "routing=program +routing.formula={a:1}": "routing.formula must be a formula such as 'age_us neg', or a list",
    "routing=.x:f": "routing must be a policy's name; '.x:f' means Python code, which runs only if allow_python=true",
    "routing=.x:f allow_python=true": "routing must be 'module:function'; got '.x:f'",
    "allow_python=5": "allow_python must be true or false; got 5",
    f"routing={LONG}": "routing: no choice named 'xxx",
    f"policies={LONG}": "cannot be read: File name too long",
    f"workload.path={LONG}": "cannot be read: File name too long",
    f"scenario=./{LONG}": "cannot be read: File name too long",
    f"cluster.latency.kind=roofline cluster.hardware_folder=./{LONG}": "cannot be read: File name too long",
    f"cluster.latency.kind=roofline cluster.model=./{LONG}": "cannot be read: File name too long",
    "hydra.run.dir=": "hydra.run.dir must be the path of a folder; got ''. For the working folder give '.'",
    "policies=digits.yaml": "digits.yaml is not a valid YAML file: int must have at most 1000 characters (line 1",
    "policies=weight.yaml": "routing.scorers[0].weight must be a finite number > 0; got a whole number",
    "policies=bomb.yaml": "there must be at most 200000 values, with every alias written out (line 7",
    "policies=self.yaml": "the alias '*a' lies in what it stands for (line 2, column 22)",
    "policies=date.yaml": "'2023-13-45' is not a valid timestamp (month must be in 1..12) (line 2, column 17)",
    "policies=tag.yaml": "'abc' is not a valid int",
    "policies=stamp.yaml": "'abc' is not a valid timestamp",
    "policies=hex.yaml": "'0x_' is not a valid int",
    "policies=deep.yaml": "values must lie at most 40 deep in one another (line 2",
    "policies=formula.yaml": "routing.formula must be a formula such as 'age_us neg', or a list of its words; got 5",
    "policies=words.yaml": "priority.formula: word 2 must be a finite number; got [1]",
    "policies=python.yaml": "routing must be a policy's name; 'json:loads' means Python code, which runs only if allow",
    "scenario=slo.yaml": "the alias '*s' lies in what it stands for",
    "scenario=load.yaml": "load.yaml: load must be a finite number > 0; got a whole number of about 401 digits",
    "workload=spec workload.path=horizon.yaml": "the horizon allows more than 50000000 requests, about 9.2e+13",
    "--config-dir . --config-name config": "there must be at most 200000 values, with every alias written out",
}


@pytest.fixture
def files(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("line", WRONG, ids=lambda line: line[:40])
def test_whatever_is_too_much_is_refused_in_one_short_line(line: str, run) -> None:
    started_s = time.perf_counter()

    ran = run(*line.split(" "))

    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert WRONG[line] in ran.err
    assert len(ran.err) < 1500
    assert time.perf_counter() - started_s < 20


def test_a_configuration_file_cannot_allow_python(run, tmp_path: Path) -> None:
    assert run("cluster.instances=1", "workload.num_requests=5", "hydra.run.dir=first").status == 0
    config = (tmp_path / "first" / "config.yaml").read_text()
    spoiled = config.replace("policy: round-robin", "policy: harmful:route") + "allow_python: true\n"
    overrides = "hydra:\n  overrides:\n    task: ['allow_python=true']\n"
    (tmp_path / "first" / "spoiled.yaml").write_text(spoiled)
    (tmp_path / "first" / "told.yaml").write_text(spoiled + overrides)
    (tmp_path / "harmful.py").write_text("import pathlib\npathlib.Path('ran').touch()\n")

    for name in ("spoiled", "told"):
        ran = run("--config-dir", "first", "--config-name", name, "hydra.run.dir=again")
        assert ran.status == 2
        assert "runs only if allow_python=true is given on the command line" in ran.err

    assert not (tmp_path / "ran").exists()


def test_a_repeated_run_is_recommended_without_the_folder_on_the_path(run, tmp_path: Path) -> None:
    assert run("cluster.instances=1", "workload.num_requests=5", "hydra.run.dir=here").status == 0

    head = (tmp_path / "here" / "config.yaml").read_text().splitlines()[:2]

    assert head[1] == "# blis --config-dir . --config-name config"
    assert "python -m" not in head[0]


def test_a_reused_folder_keeps_nothing_of_the_run_before(run, tmp_path: Path) -> None:
    small = ["cluster.instances=1", "workload.num_requests=5", "hydra.run.dir=here"]
    made = {"latency.png", "load.png", "requests.png", "trace.yaml", "trace.csv"}
    assert run(*small, "plots=true", "export_requests=true", "trace=decisions").status == 0
    assert made <= {path.name for path in (tmp_path / "here").iterdir()}

    assert run(*small).status == 0

    left = {path.name for path in (tmp_path / "here").iterdir()}
    assert left == {"metrics.json", "requests.parquet", "instances.parquet", "config.yaml", "policies.yaml"}


def test_files_of_others_in_a_run_folder_stay(run, tmp_path: Path) -> None:
    small = ["cluster.instances=1", "workload.num_requests=5"]
    assert run(*small, "export_requests=true", "hydra.run.dir=here").status == 0
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "load.png").write_text("mine")

    assert (
        run("workload=trace-v2", "workload.path=here/trace.yaml", "cluster.instances=1", "hydra.run.dir=here").status
        == 0
    )
    assert run(*small, "hydra.run.dir=mine").status == 0

    assert (tmp_path / "here" / "trace.yaml").exists()
    assert (tmp_path / "mine" / "load.png").read_text() == "mine"


def test_notes_are_on_standard_error(run, tmp_path: Path) -> None:
    (tmp_path / "bundle.yaml").write_text("version: 1\nrouting: least-loaded\n")
    arguments = ["cluster.instances=1", "workload.num_requests=5", "policies=bundle.yaml"]

    text, as_json = run(*arguments), run(*arguments, "output=json")

    assert text.err == "note: policies: bundle.yaml answers routing.\n"
    assert "note" not in text.out
    assert (as_json.err, json.loads(as_json.out)["notes"]) == ("", ["policies: bundle.yaml answers routing."])


def test_a_scenario_in_a_file_is_measured_by_its_path(run, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(FILES["load.yaml"].replace(NINES, "0.9").replace("rate: 1", "rate: null"))

    ran = run("scenario=own.yaml")

    assert "python -m blis.saturation scenario=own.yaml" in ran.err


def test_a_description_checks_the_policies_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert describe(["describe", "routing=lest-loaded"]) == 2
    assert "routing: no choice named 'lest-loaded'; did you mean 'least-loaded'?" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["2023-13-45", "0x_", "!!int abc", "&a [*a]", "[" * 3000, MANY_NINES, NINES])
def test_the_value_of_an_option_is_refused_as_a_file_would_be(
    value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    status = blis.convert.main(["azure", "out.jsonl", f"rate={value}"])

    err = capsys.readouterr().err
    assert status == 2
    assert err.startswith(("error: option rate must be a YAML value; got ", "error: from.rate must be a finite number"))
    assert err.count("\n") == 1
    assert len(err) < 700
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("main", [blis.verify.main, blis.report.main])
@pytest.mark.parametrize("path", [LONG, "nosuch", "/dev/null", "a\x00b", ""])
def test_a_path_that_nothing_can_have_is_refused(main, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([path or "./nosuch"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("main", [blis.verify.main, blis.report.main, blis.convert.main])
def test_a_command_line_that_lacks_something_is_refused_in_one_line(main, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([])

    assert left.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="everything may be read by root")
@pytest.mark.parametrize("main", [blis.verify.main, blis.report.main])
def test_a_folder_that_may_not_be_entered_is_refused(main, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    closed = tmp_path / "closed"
    (closed / "inner").mkdir(parents=True)
    closed.chmod(0)
    try:
        assert main([str(closed / "inner")]) == 2
    finally:
        closed.chmod(0o700)
    assert "cannot be read: Permission denied" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("metrics.json", b'{"n_instances": ' + b"9" * 400 + b"}"),
        ("metrics.json", b'{"n_instances": ' + b"9" * 5000 + b"}"),
        ("metrics.json", b"[" * 100_000),
        ("config.yaml", b"when: 2023-13-45\n"),
        ("config.yaml", BOMB.encode()),
        ("policies.yaml", b"a: &a [*a]\n"),
        ("requests.parquet", b"PAR1" + b"\x00" * 100),
    ],
)
def test_a_damaged_run_folder_is_named(
    name: str, data: bytes, run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("cluster.instances=1", "workload.num_requests=5", "hydra.run.dir=here").status == 0
    (tmp_path / "here" / name).write_bytes(data)

    assert blis.report.main(["here"]) == 2

    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert f"here/{name}" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "here" / "report.html").exists()


def test_a_damaged_packed_workload_is_named(run, tmp_path: Path) -> None:
    (tmp_path / "log.yaml.gz").write_bytes(gzip.compress(b"trace_version: 2\n" * 1000)[:40])

    ran = run("workload=trace-v2", "workload.path=log.yaml.gz")

    assert ran.status == 2
    assert "log.yaml.gz cannot be read: " in ran.err
