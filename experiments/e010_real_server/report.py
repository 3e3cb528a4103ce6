"""Writes down what was predicted of each level beside what was measured, as tables and as JSON."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.e010_real_server.judging import METRICS, Judgement
from experiments.e010_real_server.levels import HELD_OUT, LEVELS, REPEAT, TRAIN

TITLES = {"ttft": "TTFT", "tpot": "time per output token", "e2e": "E2E"}
PERCENTILES = ("p50", "p90", "p99")
_ROLES = {TRAIN: "learnt from", REPEAT: "repeated", HELD_OUT: "held out"}


def written(judgement: Judgement, folder: Path) -> str:
    """The tables, which `report.md` in the folder holds; `report.json` has every figure."""
    text = "\n".join([*_levels(judgement), "", *_noise(judgement)]) + "\n"
    (folder / "report.md").write_text(text, encoding="utf-8")
    document = {
        "unfitted": judgement.unfitted,
        "fit": judgement.fit,
        "fitted": judgement.fitted,
        "noise": judgement.noise,
    }
    (folder / "report.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return text


def _levels(judgement: Judgement) -> list[str]:
    """A table for each metric, a line for each level."""
    unfitted, fitted = by_level(judgement.unfitted), by_level(judgement.fitted)
    lines: list[str] = []
    for metric in METRICS:
        head = ("level", "", "measured mean [ms]", "predicted", "mean off", *(f"{name} off" for name in PERCENTILES))
        lines += ["", f"**{TITLES[metric]}**", "", _row((*head, "MAPE [95 %]", "band", "unfitted: mean off"))]
        lines.append("|---|---|" + "---|" * 8 + "---|")
        for level in LEVELS:
            found, before = fitted[level.name]["metrics"][metric], unfitted[level.name]["metrics"][metric]
            lines.append(_row((level.name, _ROLES[level.role], *_cells(found), _percent(before["bias"]))))
    return lines[1:]


def _cells(found: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = found["mape_interval"]
    return (
        *(f"{found['measured_mean_ms']:,.1f}", f"{found['simulated_mean_ms']:,.1f}", _percent(found["bias"])),
        *(_percent(found["percentiles"][name]["error"]) for name in PERCENTILES),
        f"{100 * found['mape']:.1f} % [{100 * low:.1f}, {100 * high:.1f}]",
        found["band"],
    )


def _noise(judgement: Judgement) -> list[str]:
    """How far the server is from itself."""
    cells = ", ".join(f"{TITLES[name]} {100 * value:.1f} %" for name, value in judgement.noise.items())
    return [f"The same requests at the same times, sent twice, are apart by (MAPE, request by request): {cells}."]


def by_level(calibration: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What a calibration says of each level."""
    return {run["name"]: run for run in calibration["runs"]}


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:+.1f} %"


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
