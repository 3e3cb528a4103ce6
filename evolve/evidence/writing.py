"""The files of a report, beside the search that it is on."""

import json
from pathlib import Path

from evolve.comparing import comparison
from evolve.evidence.applying import FILE as APPLY
from evolve.evidence.applying import apply_text
from evolve.evidence.dossier import Dossier
from evolve.evidence.page import MOST_RIVALS, html
from evolve.evidence.text import markdown
from evolve.outcome.figures import Interval, gain_figure, save
from evolve.outcome.files import write_text_whole
from evolve.records import Phenotype


def write_dossier(folder: Path, dossier: Dossier, today: Phenotype | None = None) -> list[Path]:
    """Write report.html, report.md, report.json, figures/gains.png and, beside what runs today, apply.md; their paths.

    Raises
    ------
    ConfigError
        If the folder cannot be written.
    """
    texts = {
        "report.html": html(dossier),
        "report.md": markdown(dossier),
        "report.json": json.dumps(dossier.plain(), indent=2, allow_nan=False, ensure_ascii=False) + "\n",
    }
    if today is not None:
        texts[APPLY] = apply_text(dossier, today)
    for name, text in texts.items():
        write_text_whole(folder / name, text)
    gains = {
        one.rival: {
            name: Interval(effect.gain_percent, effect.low_percent, effect.high_percent)
            for name, effect in {"all": one.overall, **one.places}.items()
        }
        for one in comparison.by_strength(dossier.comparisons)[:MOST_RIVALS]
    }
    title = f"Champion against each rival on held-out scenarios: {dossier.name}"
    figure = save(gain_figure(gains, title), folder / "figures" / "gains.png")
    return [*(folder / name for name in texts), figure]
