"""Finds the shipped folders and tables, in the wheel and in the source tree alike."""

import csv
from pathlib import Path

from blis.checks import nearest
from blis.errors import ConfigError, UnknownChoiceError

PACKAGE_FOLDER = Path(__file__).resolve().parents[1]
DATA_FOLDER = PACKAGE_FOLDER / "data"


def shipped_folder(name: str) -> Path:
    """The folder `name` inside the package (a wheel) or beside it (the source tree), the first that exists.

    Raises
    ------
    ConfigError
        If neither exists: the installation is incomplete.
    """
    places = (PACKAGE_FOLDER / name, PACKAGE_FOLDER.parent / name)
    for place in places:
        if place.is_dir():
            return place
    looked = " nor ".join(str(place) for place in places)
    raise ConfigError(f"folder {name!r} must be shipped with the package; found neither {looked}. Install it again.")


def table_rows(name: str) -> list[dict[str, str]]:
    """The rows of a table in `blis/data`, in file order, by column name."""
    with (DATA_FOLDER / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def rows_of_model(table: str, model: str) -> list[dict[str, str]]:
    """The rows of a table in `blis/data` whose column `model` is the id, in any case, vendor part optional.

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
            f"model must be an id in {table}; got {model!r}{nearest(model, names)} Ids: {', '.join(names)}."
        )
    return found
