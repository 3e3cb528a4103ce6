"""Cases in which the fuzzer found the engine to be wrong stay right."""

from pathlib import Path

import pytest

from experiments.fuzz.case import read_case
from experiments.fuzz.examination import examine

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_what_was_found_is_right(path: Path) -> None:
    verdict = examine(read_case(path))

    assert verdict.refused == ""
    assert verdict.failures == ()
