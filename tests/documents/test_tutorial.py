"""The tutorial shows what its blocks print today."""

from pathlib import Path

from tests.documents.executed_page import executed

ROOT = Path(__file__).resolve().parents[2]


def test_the_tutorial_shows_what_its_blocks_print() -> None:
    page = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    assert executed(page) == page, "make tutorial writes the outputs anew"
