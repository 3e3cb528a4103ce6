"""Finds the rows of the shipped tables of coefficients and presets."""

import csv
from pathlib import Path

from blis.foundation.checks import nearest
from blis.foundation.errors import UnknownChoiceError
from blis.foundation.words import shown

DATA_FOLDER = Path(__file__).resolve().parent / "data"


def table_rows(name: str) -> list[dict[str, str]]:
    """The rows of a table in `data/`, in file order, by column name."""
    with (DATA_FOLDER / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def rows_of_model(table: str, model: str) -> list[dict[str, str]]:
    """The rows of a table in `data/` whose column `model` is the id, in any case, vendor part optional.

    Raises
    ------
    UnknownChoiceError
        If there is none; the message gives the nearest id and all of them.
    """
    rows = table_rows(table)
    wanted = model.lower()
    found = [row for row in rows if wanted in (row["model"], row["model"].partition("/")[2])]
    if not found:
        names = sorted({row["model"] for row in rows})
        raise UnknownChoiceError(
            f"model must be an id in {table}; got {shown(model)}{nearest(model, names)} Ids: {', '.join(names)}."
        )
    return found
