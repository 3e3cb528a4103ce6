"""A case: everything that a scenario and the questions asked of it depend on, and the file that keeps it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from blis.foundation.checks import check_choice, check_int, check_keys
from blis.foundation.errors import ConfigError
from blis.foundation.files import check_path
from blis.foundation.strict_yaml import read_yaml

VERSION = 1
MODES = ("compiled", "bounds", "python")
TRACES = ("none", "summary", "decisions")

#: What a row of a request list may say, and what it says if it does not.
ROW_DEFAULTS: dict[str, Any] = {
    "arrival_us": 0,
    "input_tokens": 1,
    "output_tokens": 0,
    "prefix_group": "",
    "prefix_length": 0,
    "context_of": -1,
    "context_length": 0,
    "slo_class": "",
    "tenant": "",
    "round": 0,
    "session": -1,  # -1: of none
    "after": -1,
    "think_us": 0,
    "keys": None,  # of the leading blocks, instead of group and context
    "prompt": None,  # identity of the prompt; beside keys
    "number": None,
    "adapter": "",
    "image_tokens": 0,
}


@dataclass(frozen=True, slots=True)
class Case:
    """One scenario with its requests, and where to look closely."""

    scenario: dict[str, Any]  #: as `blis.scenario` reads it; its workload counts only without rows
    rows: tuple[dict[str, Any], ...] | None = None  #: the requests one by one, see `ROW_DEFAULTS`
    trace: str = "none"
    choices: int = 0  #: seed of where to stop, to fork and to decide otherwise
    mode: str = "compiled"
    seed: int = 0  #: of the run of the fuzzer that invented it
    number: int = 0  #: within that run
    failures: tuple[str, ...] = field(default=(), compare=False)

    def with_scenario(self, **changes: Any) -> Case:
        """The case with other parts of its scenario."""
        return replace(self, scenario={**self.scenario, **changes})


def case_to_mapping(case: Case) -> dict[str, Any]:
    """The case as plain data; rows say only what differs from the defaults."""
    mapping: dict[str, Any] = {"version": VERSION, **asdict(case)}
    mapping["failures"] = list(case.failures)
    if case.rows is None:
        del mapping["rows"]
    else:
        mapping["rows"] = [
            {key: value for key, value in row.items() if value != ROW_DEFAULTS[key]} for row in case.rows
        ]
    return mapping


def case_from_mapping(where: str, mapping: object) -> Case:
    """The case in plain data.

    Raises
    ------
    ConfigError
        If a key is unknown or a value of the wrong kind; the scenario itself is checked when it is built.
    """
    given = check_keys(where, mapping, ("version", *Case.__dataclass_fields__), ("version", "scenario"))
    if check_int(f"{where}: version", given.pop("version")) != VERSION:
        raise ConfigError(f"{where}: version must be {VERSION}, the one this program reads.")
    if not isinstance(given["scenario"], dict):
        raise ConfigError(f"{where}: scenario must be a mapping; got {given['scenario']!r}.")
    rows = given.get("rows")
    if rows is not None:
        if not isinstance(rows, list) or not rows:
            raise ConfigError(f"{where}: rows must be a list of at least one request; got {rows!r}.")
        rows = tuple(
            ROW_DEFAULTS | check_keys(f"{where}: rows[{place}]", row, ROW_DEFAULTS) for place, row in enumerate(rows)
        )
    for name in ("choices", "seed", "number"):
        given[name] = check_int(f"{where}: {name}", given.get(name, 0), 0)
    check_choice(f"{where}: mode", given.get("mode", "compiled"), MODES)
    check_choice(f"{where}: trace", given.get("trace", "none"), TRACES)
    return Case(**given | {"rows": rows, "failures": tuple(given.get("failures") or ())})


def read_case(path: str) -> Case:
    """The case in a file.

    Raises
    ------
    ConfigError
        If the file is absent, no YAML, or no case.
    """
    where = check_path("case", path)
    return case_from_mapping(str(where), read_yaml(where))


def write_case(case: Case, path: Path) -> None:
    """Keep a case; whoever reads it back has the same one."""
    text = yaml.safe_dump(case_to_mapping(case), sort_keys=False, default_flow_style=None, width=140)
    path.write_text(f"# python -m experiments.fuzz case={path}\n{text}", encoding="utf-8")
