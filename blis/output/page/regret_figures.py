"""How much better decisions could have been, as distributions; the three measures each have their own figure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from blis.foundation.units import Float64Vector
from blis.output.page.drawing import beside, drawn, laid_out, line, log_axis, plain_name, thinned
from blis.output.page.files import is_text, numbers
from blis.output.page.folder import RunFolder
from blis.output.page.html import Html

if TYPE_CHECKING:
    import pyarrow


def regret_figures(runs: Sequence[RunFolder]) -> Html:
    """Figures of those measures that a run has."""
    score = [None if run.routings is None else numbers(run.routings, "score_regret") for run in runs]
    reference = [None if run.routings is None else numbers(run.routings, "reference_regret_ms") for run in runs]
    figures = [
        _figure("score", "score regret [policy's own units]", runs, score),
        _figure("reference", "reference regret of TTFT [ms]", runs, reference),
    ]
    for column, words in (("ttft_change_ms", "TTFT"), ("e2e_change_ms", "E2E")):
        tried = [None if run.rollouts is None else rollout_regret_ms(run.rollouts, column) for run in runs]
        figures.append(_figure(f"rollout-{words.lower()}", f"rollout regret of {words} [ms]", runs, tried))
    return beside([one for one in figures if one])


def rollout_regret_ms(rollouts: "pyarrow.Table", column: str) -> Float64Vector:
    """(tried routing decisions,) how much smaller the time would have been at its best alternative, 0 if at none.

    NaN where the request has no such time in any pair of futures.
    """
    rows = rollouts.filter(is_text(rollouts, "decision", "routing"))
    request, gain_ms = numbers(rows, "request"), -numbers(rows, column)
    decisions, place = np.unique(request, return_inverse=True)
    best_ms = np.full(len(decisions), np.nan)
    np.fmax.at(best_ms, place, gain_ms)
    regret_ms: Float64Vector = np.maximum(best_ms, 0.0)
    return regret_ms


def _figure(key: str, measure: str, runs: Sequence[RunFolder], regrets: Sequence[Float64Vector | None]) -> Html:
    """Share of decisions with more than so much regret; empty where there is nothing to draw."""
    import plotly.graph_objects as go

    figure, told, drawn_values = go.Figure(), [], []
    for place, (run, values) in enumerate(zip(runs, regrets, strict=True)):
        if values is None or not len(values):
            continue
        ordered = np.sort(values[~np.isnan(values)])
        costly = ordered[ordered > 0]
        unknown = len(values) - len(ordered)
        rest = f" ({unknown:,} more never got that far)" if unknown else ""
        told.append(f"{run.name}: {len(costly):,} of {len(ordered):,} decisions have any{rest}")
        if not len(costly):
            continue
        more, hundredths = thinned(costly)
        drawn_values += [costly[0], costly[-1]]
        figure.add_scatter(
            x=more,
            y=(100 - hundredths) * len(costly) / len(ordered),
            name=plain_name(run.name),
            mode="lines",
            line={**line(place), "shape": "hv"},
            hovertemplate=f"%{{y:.1f}} % above %{{x:,.3~g}}<extra>{plain_name(run.name)}</extra>",
        )
    if not drawn_values:
        return ""  # the table says that all is 0
    laid_out(figure, 320, showlegend=len(runs) > 1)
    log_axis(figure, measure, min(drawn_values), max(drawn_values))
    figure.update_yaxes(title="decisions [%]", rangemode="tozero")
    words = measure.partition(" [")[0]
    return drawn(figure, f"regret-{key}", f"Share of decisions with a {words} above so much. {'; '.join(told)}.")
