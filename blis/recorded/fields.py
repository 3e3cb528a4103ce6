"""Keys of a recorded configuration: those with a meaning, and those that only inform."""

from collections.abc import Mapping, Sequence
from typing import Any

from blis.foundation.checks import check_keys

#: Keys that only inform people; allowed at every level, whatever they hold.
INFORMATION = frozenset(
    {
        "author",
        "changes",
        "comment",
        "comments",
        "cost",
        "created",
        "date",
        "description",
        "exercises",
        "generated_by",
        "label",
        "limits",
        "meaning",
        "name",
        "note",
        "notes",
        "origin",
        "outcome",
        "program",
        "provenance",
        "purpose",
        "reason",
        "remark",
        "remarks",
        "requests",
        "seed",
        "source",
        "tags",
        "title",
        "url",
        "verified",
        "version",
    }
)


def fields(where: str, mapping: object, required: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Any]:
    """Return the keys with a meaning, if all that are required are there and the others are optional or inform.

    Raises
    ------
    ConfigError
        If it is no mapping, lacks a required key, or has one that might change the run but is not known.
    """
    known = (*required, *optional)
    if isinstance(mapping, Mapping):
        mapping = {key: value for key, value in mapping.items() if key in known or key not in INFORMATION}
    return check_keys(where, mapping, known, required)
