"""The page: which parts it has, in which order."""

from collections.abc import Sequence

from blis.output.page.drawing import DRAW
from blis.output.page.explanation_tables import (
    anomaly_tables,
    explained,
    regret_tables,
    untraced_notes,
    worst_decisions,
)
from blis.output.page.folder import RunFolder
from blis.output.page.headline_tables import headline, runs_table, sentence, settings_that_differ
from blis.output.page.html import Html, Section, escaped, folded, items, page, paragraph, preformatted, table
from blis.output.page.latency_figures import latency_figures
from blis.output.page.load_figures import load_figures, routing_figures
from blis.output.page.numbers_in_words import number
from blis.output.page.regret_figures import regret_figures
from blis.output.page.service_tables import service_tables


def document(runs: Sequence[RunFolder]) -> Html:
    """One HTML document of one run, or of several; the same text for the same folders. It needs no network."""
    from plotly.offline import get_plotlyjs

    title = f"Run {runs[0].name}" if len(runs) == 1 else f"Comparison of {', '.join(run.name for run in runs)}"
    opening = items(f"{run.name}: {sentence(run)}" for run in runs) + untraced_notes(runs)
    return page(title, opening, _sections(runs), get_plotlyjs(), DRAW)


def _sections(runs: Sequence[RunFolder]) -> list[Section]:
    sections = [
        Section("Headline", headline(runs) + _fitness(runs)),
        Section("Runs", runs_table(runs) + settings_that_differ(runs)),
        Section("Latency", latency_figures(runs)),
        Section("Service by class and tenant", service_tables(runs)),
        Section("Load over time", load_figures(runs)),
        Section("Routing over time", routing_figures(runs)),
    ]
    if explained(runs):
        sections += [
            Section("Anomalies", anomaly_tables(runs)),
            Section("Regret", regret_tables(runs) + regret_figures(runs)),
            Section("Worst decisions", worst_decisions(runs)),
        ]
    return [*sections, Section("Policies, configuration and notes", _as_written(runs))]


def _fitness(runs: Sequence[RunFolder]) -> Html:
    """The weighted fitness of those runs that were told to compute it."""
    rows = []
    for run in runs:
        fitness = run.metrics.get("fitness")
        if fitness is not None:
            parts = ", ".join(f"{key} {number(value, 6)}" for key, value in fitness["components"].items())
            rows.append((run.name, number(fitness["score"], 6), parts))
    return table(("run", "fitness", "components"), rows, 3) if rows else ""


def _as_written(runs: Sequence[RunFolder]) -> Html:
    """The files themselves, and what the runs had to note."""
    parts = []
    for run in runs:
        notes = run.metrics["notes"]
        parts.append(f"<h3>{escaped(run.name)}</h3>")
        parts.append(items(map(str, notes)) if notes else paragraph("No notes.", "muted"))
        parts.append(folded("policies.yaml", preformatted(run.policies_text)))
        parts.append(folded("config.yaml", preformatted(run.config_text)))
        if run.summary is not None:
            parts.append(folded("summary.md", preformatted(run.summary)))
    return "".join(parts)
