"""Runs the Python blocks of a Markdown page in order, and puts what each prints into the block of text after it.

    python -m tests.documents.executed_page docs/tutorial.md

writes the outputs into the page; a test holds the page to them. Blocks share their names, as cells of a notebook do,
and run in an empty folder.
"""

import contextlib
import io
import os
import re
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

_CODE = re.compile(r"```python\n(?P<code>.*?)```\n(?:\n(?P<fence>`{3,})text\n(?:.*?\n)??(?P=fence)\n)?", re.DOTALL)
_WIDTH = 110  #: characters after which a printed line is broken


def executed(text: str) -> str:
    """The page with the outputs that its blocks have now; an error ends it, as it would end a reader."""
    names = {"__name__": "__main__"}
    number = 0

    def with_output(block: re.Match[str]) -> str:
        nonlocal number
        number += 1
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block["code"], f"<block {number}>", "exec"), names)
        return f"```python\n{block['code']}```\n" + _shown(printed.getvalue())

    with _empty_folder():
        return _CODE.sub(with_output, text)


def _shown(printed: str) -> str:
    """A block of text, within a fence that does not occur in it."""
    lines = [part for line in printed.strip("\n").splitlines() for part in _broken(line.rstrip())]
    fence = "````" if any(line.startswith("```") for line in lines) else "```"
    return "\n".join(["", f"{fence}text", *lines, fence, ""]) if lines else ""


def _broken(line: str) -> list[str]:
    fits = len(line) <= _WIDTH
    return [line] if fits else textwrap.wrap(line, _WIDTH, subsequent_indent="  ", break_on_hyphens=False)


@contextlib.contextmanager
def _empty_folder() -> Iterator[None]:
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(here)


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(executed(page.read_text(encoding="utf-8")), encoding="utf-8")
