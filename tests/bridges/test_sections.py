"""One text for several policies."""

import pytest

from blis.foundation.errors import ConfigError
from evolve.bridges.contract import contract
from evolve.bridges.sections import joined, parted

BOTH = ("admission", "routing")


def test_sources_come_back_as_they_were_joined() -> None:
    sources = {"admission": "def admit():\n    return 0\n", "routing": "def route():\n    return 0\n"}

    assert {name: text.strip() for name, text in parted(BOTH, joined(sources)).items()} == {
        name: text.strip() for name, text in sources.items()
    }
    assert parted(("routing",), joined({"routing": sources["routing"]})) == {"routing": sources["routing"]}


def test_marks_of_openevolve_are_left_out() -> None:
    assert parted(("routing",), "# EVOLVE-BLOCK-START\nx = 1\n# EVOLVE-BLOCK-END\n") == {"routing": "x = 1\n"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\n", "a line '# === admission ===' must begin"),
        ("# === admission ===\nx = 1\n", "a line '# === routing ===' must begin"),
        ("# === scaling ===\n", "line 1: a heading must name one of"),
        ("# === routing ===\n# === routing ===\n", "line 2: a heading must name"),
    ],
)
def test_a_text_with_other_sections_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parted(BOTH, text)

    assert words in str(caught.value)


def test_the_contract_explains_every_field_that_a_policy_may_read() -> None:
    text = contract(BOTH)

    assert "`queued_requests` [instance] reported; wait queue's length" in text
    assert "`input_tokens` whole prompt" in text
    assert "def admit(view, request, params, memory):" in text
    assert "# === admission ===" in text
    assert "scorer_scores" not in text
