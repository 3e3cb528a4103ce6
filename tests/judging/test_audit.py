"""The command: a table or JSON on standard output, and exit status 1 where policy does not matter."""

import json

import pytest

from evolve.audit import main
from tests.trials.small_suite import small_suite

QUICK = ("seeds=[1,2]", "random=2", "num_requests=150", "evaluator=serial")


@pytest.fixture
def audit(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def command(*arguments):
        capsys.readouterr()
        status = main([*QUICK, *arguments])
        return status, *capsys.readouterr()

    return command


def test_a_scenario_where_policy_matters_passes(audit):
    status, out, err = audit("scenario=kv-pressure", "output=json")

    assert (status, err) == (0, "")
    (found,) = json.loads(out)["scenarios"]
    assert found["scenario"] == "kv-pressure"
    assert found["policy_matters"]
    values = {policy["name"]: policy["value"] for policy in found["policies"]}
    assert values["always-busiest"] < 0.5 < values["llm-d-3-2-2"]
    assert {"round-robin", "least-loaded", "queue-depth", "random-0", "newest-first"} <= set(values)


def test_the_table_names_each_scenario(audit):
    status, out, _ = audit("scenario=[kv-pressure,heterogeneous]")

    assert status == 0
    assert out.index("kv-pressure") < out.index("heterogeneous")
    assert "size-segregation" not in out


def test_a_scenario_where_nothing_matters_is_refused_by_name(audit, tmp_path):
    small_suite(tmp_path)
    text = (tmp_path / "wide.yaml").read_text()
    (tmp_path / "idle.yaml").write_text(
        text.replace("load: 0.9", "load: 0.01").replace("prefix_groups: 4, prefix_tokens: 512, ", "")
    )

    status, out, err = audit(f"scenario=[kv-pressure,{tmp_path}/idle.yaml]")

    assert status == 1
    assert "kv-pressure" in out
    assert err.startswith("error: policy does not matter in idle (the worst pathological policy is worth ")
    assert "kv-pressure" not in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["scenario=kv-presure"], "did you mean 'kv-pressure'?"),
        (["suite=defalt"], "suite: no choice named 'defalt'; did you mean 'default'?"),
        (["output=yaml"], "output: no choice named 'yaml'"),
        (["objectives=[goodput,ttft-p99]"], "objectives must be one mapping"),
        (["seeds=[]"], "seeds must be a list of at least one int ≥ 0"),
        (["+reqests=3"], "audit: unknown key 'reqests'"),
        (["random=-1"], "random must be an int in [0, 10000]; got -1"),
        (["criterion.noise=-1"], "criterion.noise must be a finite number ≥ 0; got -1"),
    ],
)
def test_wrong_input_ends_with_status_2_and_one_line(audit, arguments, message):
    status, out, err = audit(*arguments)

    assert status == 2
    assert message in err
    assert err.count("\n") == 1
    assert out == ""
