"""What became of scenarios, as files hold it: written by `run`, by vLLM's side, or cut down for a test."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any, NamedTuple

from blis.foundation.errors import ConfigError
from blis.foundation.files import check_path, opened, write_whole
from blis.foundation.words import shown

#: What is known of a request, in the order of a recording's columns.
COLUMNS = ("ttft_us", "e2e_us", "delay_us", "cached_tokens", "preemptions")
#: What is known of a step.
STEP_COLUMNS = ("begin_us", "length_us", "prompt_tokens", "decodes")


class Recorded(NamedTuple):
    """One scenario."""

    requests: list[list[int | None]]  #: a row for each, of `COLUMNS`
    steps: list[list[int]] | None  #: a row for each, of `STEP_COLUMNS`; None: not known
    n_steps: int | None  #: None: not known


def read_recording(path: str) -> dict[str, Recorded]:
    """What a file says of each scenario.

    Raises
    ------
    ConfigError
        If it is absent, no JSON, or no recording.
    """
    found = read_json(check_path("recording", path))
    scenarios = found.get("scenarios", found) if isinstance(found, dict) else None
    if not isinstance(scenarios, dict) or not scenarios:
        raise ConfigError(f"{path} must hold the scenarios of a recording by name; got {shown(found)}.")
    return {name: _recorded(f"{path}: {name}", one) for name, one in scenarios.items()}


def read_json(path: Path) -> Any:
    """What a file of JSON holds, unpacked if its name ends in .gz.

    Raises
    ------
    ConfigError
        If it cannot be read, or is no JSON.
    """
    try:
        with opened(path) as file:
            return json.load(file)
    except (OSError, EOFError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} must be a file of JSON: {error}.") from None


def write_json(path: str, document: Any) -> None:
    """Write a file of JSON whole or not at all, packed if its name ends in .gz."""
    text = json.dumps(document, separators=(",", ":")).encode()
    data = gzip.compress(text, mtime=0) if path.endswith(".gz") else text
    write_whole("OUT.json", Path(path), lambda aside: aside.write_bytes(data))


def _recorded(where: str, mapping: object) -> Recorded:
    if not isinstance(mapping, dict) or not isinstance(mapping.get("requests"), list):
        raise ConfigError(f"{where} must be a mapping with requests; got {shown(mapping)}.")
    columns = mapping.get("columns", list(COLUMNS))
    if list(columns) != list(COLUMNS):
        raise ConfigError(f"{where}.columns must be {', '.join(COLUMNS)}; got {shown(columns)}.")
    rows = [_row(f"{where}.requests[{place}]", row) for place, row in enumerate(mapping["requests"])]
    steps = mapping.get("steps")
    if isinstance(steps, list):
        known = [_step(f"{where}.steps[{place}]", step) for place, step in enumerate(steps)]
        known = [step for step in known if step[1] > 0]  # vLLM's side also writes those that serve nobody
        return Recorded(rows, known, len(known))
    return Recorded(rows, None, steps if isinstance(steps, int) else None)


def _row(where: str, row: object) -> list[int | None]:
    values = [row.get(name) for name in COLUMNS] if isinstance(row, dict) else row
    if not isinstance(values, list) or len(values) != len(COLUMNS):
        raise ConfigError(f"{where} must have {len(COLUMNS)} values; got {shown(row)}.")
    return values


def _step(where: str, step: object) -> list[int]:
    if isinstance(step, list) and len(step) == len(STEP_COLUMNS):
        return step
    try:
        assert isinstance(step, dict)
        end_us = step.get("end", step["clock"] + step["us"])
        prompt_tokens = sum(n for _, n, kind in step["shares"] if kind == "p")
        decodes = sum(kind == "d" for _, _, kind in step["shares"])
        return [end_us - step["us"], step["us"], prompt_tokens, decodes]
    except (AssertionError, KeyError, TypeError, ValueError):
        raise ConfigError(f"{where} must have {len(STEP_COLUMNS)} values; got {shown(step)}.") from None
