"""Makes a link to a folder a link to the README in it, as a plain view of the files does."""

import re
from pathlib import Path

from sphinx.application import Sphinx

_LINK = re.compile(r"\]\((?!\w+:|#|/)([^)#\s]+)\)")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("source-read", _complete_links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _complete_links(app: Sphinx, page: str, source: list[str]) -> None:
    here = Path(app.env.doc2path(page)).parent

    def completed(link: re.Match[str]) -> str:
        target = link[1].rstrip("/")
        return f"]({target}/README.md)" if (here / target / "README.md").is_file() else link[0]

    source[0] = _LINK.sub(completed, source[0])
