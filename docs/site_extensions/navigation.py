"""Gives the first page, which stays an ordinary README, the table of contents of the whole site."""

import shutil
from pathlib import Path, PurePosixPath

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_config_value("navigation", {}, "env")
    app.connect("env-get-outdated", _read_first_page_again)
    app.connect("source-read", _append_contents)
    app.connect("env-updated", _write_all_when_pages_come_or_go)
    app.connect("build-finished", _copy_first_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _read_first_page_again(app: Sphinx, *changes: object) -> list[str]:
    """It lists pages, so it changes with them."""
    return [app.config.root_doc]


def _append_contents(app: Sphinx, page: str, source: list[str]) -> None:
    """Add one hidden table of contents per caption to the first page."""
    if page != app.config.root_doc:
        return
    named = {entry for entries in app.config.navigation.values() for entry in entries if "*" not in entry}
    left = sorted(app.env.found_docs - named - {page})
    for caption, entries in app.config.navigation.items():
        pages = []
        for entry in entries:
            pages += [name for name in left if PurePosixPath(name).match(entry)] if "*" in entry else [entry]
            left = [name for name in left if name not in pages]
        contents = "\n".join(f"/{name}" for name in pages)
        source[0] += f"\n\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{contents}\n```\n"


def _write_all_when_pages_come_or_go(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Every page shows the whole table of contents beside it."""
    pages = sorted(env.found_docs)
    is_same = getattr(env, "pages_listed", None) == pages
    env.pages_listed = pages  # type: ignore[attr-defined]
    return [] if is_same else pages


def _copy_first_page(app: Sphinx, failure: Exception | None) -> None:
    """Let the folder itself show the first page."""
    if failure is None and app.builder.name == "html":
        folder = Path(app.outdir)
        shutil.copyfile(folder / f"{app.config.root_doc}.html", folder / "index.html")
