"""This file compares the naive simulator with every recorded reference case, field by field."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reference.naive import simulate
from tests.reference.recorded import differences, find_cases, read_case

CASES = find_cases()
FOLDERS = sorted(folder for folder in CASES.iterdir() if folder.is_dir()) if CASES else []
# Cases that take about a second or more in plain Python.
SLOW = ("p02", "p03", "p04", "p06", "p07", "p11", "p17", "p19", "p20")


@pytest.mark.skipif(CASES is None, reason="no shared/reference/cases beside any folder above")
def test_all_recorded_cases_are_found() -> None:
    assert len(FOLDERS) == 37


@pytest.mark.parametrize(
    "folder",
    [
        pytest.param(folder, id=folder.name, marks=pytest.mark.slow if folder.name[:3] in SLOW else ())
        for folder in FOLDERS
    ],
)
def test_every_comparable_field_of_the_recorded_case_agrees(folder: Path) -> None:
    recorded = read_case(folder)

    result = simulate(recorded.case, recorded.requests, recorded.semantics)

    assert differences(recorded, result) == []


@pytest.mark.skipif(CASES is None, reason="no shared/reference/cases beside any folder above")
def test_a_field_that_differs_is_reported() -> None:
    recorded = read_case(next(folder for folder in FOLDERS if folder.name.startswith("p18")))
    result = simulate(recorded.case, recorded.requests, recorded.semantics)

    result["requests"][7]["ttft_us"] += 1
    result["requests"][8]["score"] += 1e-9
    result["end_us"] += 1
    result["ttft_ms"]["p99"] *= 1 + 1e-8
    result["per_instance"][2]["cache_hits"] -= 1

    found = differences(recorded, result)
    fields = [line.split(":")[0] for line in found]
    assert fields == [
        "request 7 ttft_us",
        "request 8 score",
        "end_us",
        "ttft_ms.p99",
        "per_instance[2].cache_hits",
    ]
