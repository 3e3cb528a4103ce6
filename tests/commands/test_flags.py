"""A flag that there is not is one error of one line, whichever command is given it."""

from importlib import import_module

import pytest


@pytest.mark.parametrize("flag", ["--nope", "-1e308", "-.inf"])
@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("blis.run", []),
        ("blis.describe", ["describe"]),
        ("blis.saturation", ["scenario=unfair"]),
        ("evolve.run", ["suite=quick"]),
        ("evolve.audit", []),
        ("evolve.report", ["."]),
        ("evolve.compare", ["a.yaml", "b.yaml"]),
    ],
)
def test_an_unknown_flag_is_refused_in_one_line(
    module: str, words: list[str], flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = import_module(module).main([*words, flag])

    told = capsys.readouterr()
    assert status == 2
    assert told.out == ""
    assert told.err.startswith(f"error: no flag named '{flag}'")
    assert told.err.count("\n") == 1
