"""The table of published findings holds every finding, and the command prints them for programs."""

import json
from pathlib import Path

import pytest

from experiments.validate.__main__ import FINDINGS, main

TABLE = Path(__file__).parents[2] / "experiments" / "validate" / "README.md"


def test_every_finding_has_a_row_with_its_verdict() -> None:
    rows = [line.split(" | ") for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| V-")]

    assert [row[0].removeprefix("| ") for row in rows] == [one.name for one in FINDINGS]
    verdicts = {row[0].removeprefix("| "): row[-1].removesuffix(" |") for row in rows}
    assert set(verdicts.values()) == {"yes", "**no**"}
    directions = [verdicts[one.name] == "yes" for one in FINDINGS if not one.is_exact]
    assert f"{sum(directions)} of {len(directions)} directions hold." in TABLE.read_text(encoding="utf-8")
    assert sum(directions) >= 25
    for row in rows:
        assert row[-1] == "yes |" or ";" in row[2], f"{row[0]} does not hold and says no reason"


def test_findings_are_printed_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["only=V-ZEROKV", "--json"]) == 0

    (found,) = json.loads(capsys.readouterr().out)
    assert (found["name"], found["kind"], found["holds"]) == ("V-ZEROKV", "closed form", True)
    assert found["figures"] == {"refused of 2": 2.0}
