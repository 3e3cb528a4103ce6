"""The command that compares recorded cases with the simulator: its output and its exit status."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from blis.command.ending import WRONG_INPUT
from blis.command.terminating import INTERRUPTED
from blis.verify import AGREES, DIFFERS, main

CASES = Path(__file__).parent.parent / "data" / "cases"
FEBRUARY, OVERLONG, ROOFLINE, SESSIONS = sorted(CASES.iterdir())


@pytest.fixture
def copied(tmp_path):
    folder = tmp_path / "copied"
    shutil.copytree(OVERLONG, folder)
    return folder


def change_cells(folder, changes):
    """Replace cells of expected.csv, given as {(row, column): text}."""
    path = folder / "expected.csv"
    rows = list(csv.DictReader(path.read_text().splitlines()))
    for (row, column), text in changes.items():
        rows[row][column] = text
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def change_aggregates(folder, change):
    path = folder / "expected.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def change_case(folder, **changes):
    path = folder / "case.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))


def verdict_of(folder, capsys):
    """Exit status and the one case's entry in the document."""
    status = main([str(folder), "--json"])
    (case,) = json.loads(capsys.readouterr().out)["cases"]
    return status, case


@pytest.mark.parametrize("folder", [FEBRUARY, OVERLONG, ROOFLINE, SESSIONS], ids=lambda folder: folder.name[:3])
def test_a_recorded_case_agrees(folder, capsys):
    status, case = verdict_of(folder, capsys)

    assert case["examples"] == []
    assert status == AGREES


def test_each_case_has_one_line(capsys):
    status = main([str(CASES)])

    lines = capsys.readouterr().out.splitlines()
    assert status == AGREES
    assert [line.split(":")[0] for line in lines[:4]] == sorted(folder.name for folder in CASES.iterdir())
    assert lines[1] == (
        "p29_overlong_horizon: agrees, 170 requests, 0 of 1360 fields differ, by up to 0 us; 0 of 85 aggregates differ"
    )
    assert lines[4].startswith("4 of 4 cases agree: 1196 requests, 0 of ")
    assert len(lines) == 5


def test_changed_expectations_are_counted_and_shown(copied, capsys):
    change_cells(copied, {(0, "ttft_us"): "20600", (3, "status"): "queued", (5, "cached_blocks"): ""})

    status = main([str(copied)])

    lines = capsys.readouterr().out.splitlines()
    assert status == DIFFERS
    assert lines[0] == (
        "copied: DIFFERS, 170 requests, 3 of 1360 fields differ, by up to 75 us; 0 of 85 aggregates differ"
    )
    assert lines[1] == "    request 0, ttft_us: recorded 20600, simulated 20675"
    assert lines[2] == "    request 3, status: recorded queued, simulated completed"
    assert lines[3].startswith("    request 5, cached_blocks: recorded none, simulated ")
    assert lines[4].startswith("0 of 1 cases agree")


def test_changed_aggregates_are_counted_and_named(copied, capsys):
    def change(document):
        document["completed"] += 1
        document["ttft_ms"]["p99"] *= 1 + 1e-8
        document["e2e_ms"]["p99"] *= 1 + 1e-11  # within the tolerance
        document["per_instance"][1]["cache_hits"] -= 1
        document["routing_trace"]["requests_per_instance"].pop("1")
        document["unheard_of"] = 5

    change_aggregates(copied, change)

    status, case = verdict_of(copied, capsys)

    assert status == DIFFERS
    assert case["mismatches"] == 0
    assert case["aggregate_mismatches"] == 5
    assert {example["field"] for example in case["examples"]} == {
        "completed",
        "ttft_ms.p99",
        "per_instance[1].cache_hits",
        "routing_trace.requests_per_instance.1",
        "unheard_of",
    }


def test_a_missing_instance_is_a_difference(copied, capsys):
    change_aggregates(copied, lambda document: document["per_instance"].pop())

    status, case = verdict_of(copied, capsys)

    assert (status, case["aggregate_mismatches"]) == (DIFFERS, 1)
    assert case["examples"][0]["field"] == "per_instance[1]"


def test_only_comparable_fields_count(copied, capsys):
    change_cells(copied, {(0, "ttft_us"): "1", (0, "e2e_us"): "1"})
    change_aggregates(copied, lambda document: document.update(completed=0, end_us=0))
    change_case(copied, comparable=["instance", "e2e_us", "expected.json: all fields"])

    _, everything = verdict_of(copied, capsys)
    change_case(copied, not_comparable=["e2e_us", "completed", "end_us"])
    status, case = verdict_of(copied, capsys)

    assert (everything["mismatches"], everything["aggregate_mismatches"]) == (1, 2)
    assert everything["largest_difference_us"] == 1121799
    assert (case["mismatches"], case["aggregate_mismatches"], status) == (0, 0, AGREES)
    assert case["fields_compared"] == 170


def test_aggregates_are_left_alone_where_they_are_not_comparable(copied, capsys):
    change_aggregates(copied, lambda document: document.update(completed=0))
    change_case(copied, comparable=["instance"])

    status, case = verdict_of(copied, capsys)

    assert (status, case["aggregates_compared"]) == (AGREES, 0)


def test_single_aggregates_may_be_comparable(copied, capsys):
    change_case(copied, comparable=["expected.json: ttft_ms, per_instance"])

    status, case = verdict_of(copied, capsys)

    assert (status, case["aggregates_compared"], case["fields_compared"]) == (AGREES, 34, 0)


def test_without_counterfactuals_every_regret_is_zero(copied, capsys):
    change_case(copied, routing_trace={"counterfactual_k": 0})

    status, _ = verdict_of(copied, capsys)

    assert status == AGREES  # least-loaded regrets nothing anyway


def test_json_is_the_only_thing_on_stdout(copied, capsys):
    change_cells(copied, {(0, "ttft_us"): "20600"})

    status = main([str(copied), str(ROOFLINE), "--json"])

    document = json.loads(capsys.readouterr().out)
    assert status == DIFFERS
    assert set(document) == {"cases", "totals", "problems"}
    assert [case["name"] for case in document["cases"]] == ["copied", "p31_roofline_cached"]
    assert set(document["cases"][0]) == {
        "name",
        "semantics",
        "agrees",
        "requests",
        "fields_compared",
        "mismatches",
        "largest_difference_us",
        "aggregates_compared",
        "aggregate_mismatches",
        "error",
        "examples",
    }
    assert document["cases"][0]["examples"] == [
        {"where": "request 0", "field": "ttft_us", "recorded": 20600, "simulated": 20675}
    ]
    assert document["totals"]["cases"] == 2
    assert document["totals"]["cases_that_differ"] == 1
    assert document["totals"]["mismatches"] == 1
    assert document["totals"]["requests"] == 490


def test_cases_and_folders_of_cases_may_be_mixed_and_count_once(capsys):
    status = main([str(ROOFLINE), str(CASES), str(ROOFLINE), "--json"])

    document = json.loads(capsys.readouterr().out)
    assert status == AGREES
    assert [case["name"][:3] for case in document["cases"]] == ["p31", "p24", "p29", "p36"]


@pytest.mark.parametrize("name", ["absent", "empty"])
def test_a_path_without_a_case_is_wrong_input(tmp_path, capsys, name):
    (tmp_path / "empty").mkdir()

    status = main([str(tmp_path / name)])

    captured = capsys.readouterr()
    assert status == WRONG_INPUT
    assert captured.out == ""
    assert ("there is no such folder" if name == "absent" else "no case found") in captured.err


def test_a_malformed_case_is_wrong_input_and_the_others_are_still_run(copied, capsys):
    (copied / "case.yaml").unlink()

    status = main([str(copied), str(ROOFLINE)])

    captured = capsys.readouterr()
    assert status == WRONG_INPUT
    assert "case.yaml is missing; a recorded case needs it" in captured.err
    assert captured.out.startswith("p31_roofline_cached: agrees")


def test_wrong_input_leaves_stdout_a_json_document(tmp_path, capsys):
    status = main([str(tmp_path), "--json"])

    captured = capsys.readouterr()
    assert status == WRONG_INPUT
    assert json.loads(captured.out)["cases"] == []
    assert "no case found" in captured.err


def test_a_run_that_breaks_off_differs(copied, capsys):
    change_case(copied, horizon_us=None)  # a request that can never complete is preempted for ever

    status = main([str(copied)])

    assert status == DIFFERS
    assert capsys.readouterr().out.startswith(
        "copied: FAILED, 170 requests, the run used up its event budget: instance"
    )


def test_a_run_that_the_user_interrupts_says_so(monkeypatch, capsys):
    def interrupt(folder):
        raise KeyboardInterrupt

    monkeypatch.setattr("blis.recorded.case.read_case", interrupt)

    assert main([str(ROOFLINE)]) == INTERRUPTED
    assert "interrupted" in capsys.readouterr().err


def test_on_a_terminal_there_is_a_table(copied, monkeypatch, capsys):
    change_cells(copied, {(0, "ttft_us"): "20600"})
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")

    status = main([str(copied)])

    out = capsys.readouterr().out
    assert status == DIFFERS
    assert "aggregates" in out
    assert "request 0, ttft_us: recorded 20600, simulated 20675" in out
    assert "0 of 1 cases agree" in out


def test_help_needs_no_compiler():
    code = "import sys, blis.verify\ntry: blis.verify.main(['--help'])\nexcept SystemExit: pass\n"
    code += "print(sorted({'numba', 'numpy', 'rich'} & set(sys.modules)))"

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.splitlines()[0].startswith("usage: python -m blis.verify")
    assert run.stdout.splitlines()[-1] == "[]"


def test_no_path_at_all_is_wrong_input(capsys):
    with pytest.raises(SystemExit) as stopped:
        main([])

    assert stopped.value.code == WRONG_INPUT
    assert "PATH" in capsys.readouterr().err
