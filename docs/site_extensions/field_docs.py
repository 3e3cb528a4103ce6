"""Keeps comments on fields as they are written, and says what a policy's `Params` bounds."""

import importlib
from typing import Any, get_type_hints

from docutils.nodes import document
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.ext.napoleon import NumpyDocstring

from blis.policies.parameters import Bounds, Formula, OneOf, ScorerWeights

_BEFORE_NAPOLEON, _AFTER_NAPOLEON = 400, 600


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    written: dict[str, list[str]] = {}

    def keep(app: Sphinx, what: str, name: str, field: Any, options: Any, lines: list[str]) -> None:
        if what in ("attribute", "data", "property"):
            written[name] = _described(name, lines)

    def restore(app: Sphinx, what: str, name: str, field: Any, options: Any, lines: list[str]) -> None:
        # Napoleon reads "None: not asked for" as a type and its description, and no sections of a property.
        if name in written:
            kept = written.pop(name)
            sections = what == "property"
            lines[:] = NumpyDocstring(kept, app.config, app, "method", name).lines() if sections else kept

    app.connect("autodoc-process-docstring", keep, _BEFORE_NAPOLEON)
    app.connect("autodoc-process-docstring", restore, _AFTER_NAPOLEON)
    app.connect("doctree-read", _link_exact_names_alone)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _described(name: str, lines: list[str]) -> list[str]:
    """The field's own words, or its bounds instead of those that Python gives to every field of a named tuple."""
    if not lines or not lines[0].startswith("Alias for field number"):
        return list(lines)
    module, owner, field = name.rsplit(".", 2)
    record = getattr(importlib.import_module(module), owner, None)
    hint = get_type_hints(record, include_extras=True).get(field) if record else None
    return [_in_words(getattr(hint, "__metadata__", ()))]


def _in_words(marks: tuple[Any, ...]) -> str:
    for mark in marks:
        if isinstance(mark, Bounds):
            return f"{mark.low:g} to {mark.high:g} {mark.unit}".strip()
        if isinstance(mark, ScorerWeights):
            return "scorers and their weights, which are scaled to sum 1"
        if isinstance(mark, OneOf):
            return f"one of {', '.join(mark.words)}"
        if isinstance(mark, Formula):
            return f"postfix program over the features of {mark.question}"
    return ""


def _link_exact_names_alone(app: Sphinx, page: document) -> None:
    """A word such as "tokens" in the place of a type is no link to some field of that name."""
    for link in page.findall(pending_xref):
        link.attributes.pop("refspecific", None)
