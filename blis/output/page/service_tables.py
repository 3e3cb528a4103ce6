"""Who was served how well: a table and a figure of SLO classes, and one of tenants."""

from collections.abc import Sequence
from typing import Any

from blis.output.page.drawing import COLOURS, drawn, laid_out, plain_name
from blis.output.page.folder import RunFolder
from blis.output.page.html import Html, paragraph, table
from blis.output.page.numbers_in_words import number, percent

#: Rows of a table, bars of a figure.
MOST_SHOWN = 32

_HEAD = (
    "arrived",
    "completed",
    "rejected",
    "within SLO",
    "good req/s",
    "TTFT p50 [ms]",
    "TTFT p99 [ms]",
    "E2E p99 [ms]",
)


def service_tables(runs: Sequence[RunFolder]) -> Html:
    """Attainment by class and by tenant; the latter where there are several."""
    parts = [_groups(runs, "classes", "slo_class", "class")]
    if any(len(run.metrics["tenants"]) > 1 for run in runs):
        parts.append(_groups(runs, "tenants", "tenant", "tenant"))
    else:
        parts.append(paragraph("There is one tenant.", "muted"))
    return "".join(parts)


def _groups(runs: Sequence[RunFolder], blocks: str, key: str, words: str) -> Html:
    names = list(dict.fromkeys(block[key] for run in runs for block in run.metrics[blocks]))
    by_name = [{block[key]: block for block in run.metrics[blocks]} for run in runs]
    shown = names[:MOST_SHOWN]
    rows = [
        (name or "(unnamed)", run.name, *_figures(found[name]))
        for name in shown
        for run, found in zip(runs, by_name, strict=True)
        if name in found
    ]
    more = len(names) - len(shown)
    rest = paragraph(f"{more:,} more of {len(names):,}: see metrics.json.", "muted") if more else ""
    figure = _attainment_figure(runs, by_name, shown, blocks, words) if len(shown) > 1 else ""
    return figure + table((words, "run", *_HEAD), rows, 2) + rest


def _figures(block: dict[str, Any]) -> tuple[str, ...]:
    shares = (percent(block[name]) for name in ("completion_ratio", "rejection_ratio", "slo_attainment"))
    times = (number(block[name], 1) for name in ("ttft_p50_ms", "ttft_p99_ms", "e2e_p99_ms"))
    return (number(block["arrived_requests"]), *shares, number(block["goodput_rps"], 2), *times)


def _attainment_figure(
    runs: Sequence[RunFolder], by_name: Sequence[dict[str, Any]], names: Sequence[str], blocks: str, words: str
) -> Html:
    import plotly.graph_objects as go

    figure = go.Figure()
    labels = [plain_name(name or "(unnamed)") for name in names]
    for place, (run, found) in enumerate(zip(runs, by_name, strict=True)):
        shares = [found[name]["slo_attainment"] if name in found else None for name in names]
        figure.add_bar(
            y=labels,
            x=[None if share is None else 100 * share for share in shares],
            name=plain_name(run.name),
            orientation="h",
            marker={"color": COLOURS[place % len(COLOURS)]},
            hovertemplate="%{y}: %{x:.1f} %",
        )
    height_px = 110 + len(names) * max(24, 16 * len(runs))
    laid_out(figure, height_px, barmode="group", showlegend=len(runs) > 1)
    figure.update_xaxes(title="arrived requests that met their SLO targets [%]", range=[0, 101], dtick=20)
    figure.update_yaxes(autorange="reversed", type="category")
    return drawn(figure, f"attainment-{blocks}", f"SLO attainment by {words}.")
