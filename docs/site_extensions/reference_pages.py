"""Writes one page per public module and folder of the packages, found by walking them.

A folder's page holds its docstring, which is the contract, and then each of its files; folders below it have pages of
their own.
"""

import pkgutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from sphinx.application import Sphinx

FOLDER = "docs/reference"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_config_value("reference_packages", [], "env")
    app.add_config_value("reference_hidden", [], "env")
    app.add_config_value("reference_modules", [], "env")
    app.connect("builder-inited", _write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _write_pages(app: Sphinx) -> None:
    """Write the pages that changed, and remove those whose module is gone."""
    folder = Path(app.srcdir) / FOLDER
    folder.mkdir(exist_ok=True)
    pages = {name: _section(name, "=") for name in app.config.reference_modules}
    for package in app.config.reference_packages:
        pages.update(_pages(package, frozenset(app.config.reference_hidden)))
    for old in folder.glob("*.rst"):
        if old.stem not in pages:
            old.unlink()
    for name, text in pages.items():
        path = folder / f"{name}.rst"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _pages(package: str, hidden: frozenset[str], *, is_top: bool = True) -> Iterator[tuple[str, str]]:
    """Names and texts of the page of a package and of all pages below it."""
    inside = [
        (f"{package}.{info.name}", info.ispkg)
        for info in pkgutil.iter_modules(_places(package))
        if not info.name.startswith("_") and f"{package}.{info.name}" not in hidden
    ]
    modules = [name for name, is_folder in inside if not is_folder]
    folders = [name for name, is_folder in inside if is_folder]
    with_pages = [*modules, *folders] if is_top else folders
    sections = [] if is_top else modules

    parts = [_title(package, "="), f".. automodule:: {package}\n"]
    if with_pages:
        parts.append(".. toctree::\n   :maxdepth: 1\n\n" + "".join(f"   {name}\n" for name in with_pages))
    parts += [_section(name, "-") for name in sections]
    yield package, "\n".join(parts)
    if is_top:
        for name in modules:
            yield name, _section(name, "=")
    for name in folders:
        yield from _pages(name, hidden, is_top=False)


def _places(package: str) -> list[str]:
    spec = find_spec(package)
    return list(spec.submodule_search_locations or ()) if spec else []


def _section(module: str, line: str) -> str:
    return "\n".join([_title(module, line), f".. automodule:: {module}\n"])


def _title(module: str, line: str) -> str:
    return f"{module}\n{line * len(module)}\n"
