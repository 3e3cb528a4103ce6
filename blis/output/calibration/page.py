"""The page of a calibration: one self-contained HTML file."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from blis.calibrating.bands import LEAST_VARIATION, THRESHOLDS
from blis.calibrating.calibration import TOGETHER, CalibratedRun, Calibration, Judged, itl_of
from blis.calibrating.pairing import METRICS
from blis.output.calibration.drawing import NEAR, extent, quantiles, thinned_pairs
from blis.output.calibration.text import lines
from blis.output.calibration.words import HEAD, NOTHING, cells, gap_cells
from blis.output.page.drawing import COLOURS, DRAW, beside, drawn, laid_out, plain_name
from blis.output.page.html import Html, Section, definitions, folded, items, page, paragraph, preformatted, table
from blis.output.printing import json_text

_WORDS = {
    "bias": "sum of simulated minus sum of measured, as a share of the measured; + is over-prediction. Behind ±: "
    "half the width of its interval, from requests drawn again in stretches.",
    "MAPE": "mean absolute percentage error, over requests whose measured value is not 0.",
    "p50 ... p99": "error of that percentile: simulated over measured, less one.",
    "Pearson": "correlation of the pairs.",
    "ITL": "times between tokens, chunk by chunk, where they were recorded: two distributions, whose single times "
    "have no partners; n are tokens.",
    "KS": "largest distance of the two distribution functions, 0 to 1.",
    "band": "; ".join(f"{name}: MAPE below {100 * a:.0f} %, Pearson above {b:g}" for name, a, b in THRESHOLDS)
    + f"; else unusable. Where measured values vary by less than {100 * LEAST_VARIATION:.0f} %, Pearson is not asked.",
}


def calibration_page(found: Calibration, document: Mapping[str, Any]) -> Html:
    """One HTML document; the same text for the same calibration. It needs no network."""
    from plotly.offline import get_plotlyjs

    opening = paragraph(
        "Each measured request beside the same request in the simulator: sent at the same time, with the same lengths."
    ) + items(_sentence(name, metrics) for name, metrics in _verdicts(found))
    return page("Calibration", opening, _sections(found, document), get_plotlyjs(), DRAW)


def _verdicts(found: Calibration) -> list[tuple[str, tuple[Judged, ...]]]:
    verdicts = [(one.run.name, one.metrics) for one in found.runs]
    return [*verdicts, (TOGETHER, found.together)] if len(found.runs) > 1 else verdicts


def _sentence(name: str, metrics: tuple[Judged, ...]) -> str:
    parts = []
    for one in metrics:
        error = None if one.comparison is None else one.comparison.mape
        parts.append(f"{one.metric.name.upper()} {one.band}" + ("" if error is None else f" ({100 * error:.3g} %)"))
    return f"{name}: {', '.join(parts)}"


def _sections(found: Calibration, document: Mapping[str, Any]) -> list[Section]:
    figures = [_figures(found, place, metric.words) for place, metric in enumerate(METRICS)]
    sections = [Section("Figures", _tables(found) + definitions(_WORDS))]
    sections += [Section(metric.name.upper(), body) for metric, body in zip(METRICS, figures, strict=True)]
    classes = "".join(_classes(one) for one in found.runs)
    if classes:
        sections.append(Section("By class", classes))
    notes = "".join(_told(one) for one in found.runs)
    whole = folded("calibration.json", preformatted(json_text(document)))
    return [*sections, Section("Who is not compared, and notes", notes + whole)]


def _tables(found: Calibration) -> Html:
    rows = [
        (name, one.metric.name.upper(), NOTHING if one.comparison is None else f"{one.comparison.n:,}", *cells(one))
        for name, metrics in _verdicts(found)
        for one in metrics
    ]
    sides = [(one.run.name, itl_of([one])) for one in found.runs]
    sides += [(TOGETHER, itl_of(found.runs))] if len(found.runs) > 1 else []
    rows += [(name, "ITL", f"{itl.n_measured:,}", *gap_cells(itl)) for name, itl in sides if itl is not None]
    return table(("run", "metric", "n", *HEAD), rows, 2)


def _classes(one: CalibratedRun) -> Html:
    rows = [
        (name, judged.metric.name.upper(), f"{judged.comparison.n:,}" if judged.comparison else NOTHING, *cells(judged))
        for name, metrics in one.classes.items()
        for judged in metrics
    ]
    return paragraph(one.run.name) + table(("class", "metric", "n", *HEAD), rows, 2) if rows else ""


def _told(one: CalibratedRun) -> Html:
    return paragraph(f"{one.run.name} ({one.run.form}, {len(one.run):,} requests)") + items([*lines(one), *one.notes])


def _figures(found: Calibration, place: int, words: str) -> Html:
    name = METRICS[place].name
    return beside(
        [
            drawn(_scatter(found, place, thinned_pairs), f"{name}-requests", f"Requests: {words}; grey: within 25 %"),
            drawn(_scatter(found, place, quantiles), f"{name}-quantiles", f"Quantiles, 0.5 % to 99.5 %: {words}"),
        ]
    )


def _scatter(found: Calibration, place: int, points: Any) -> Any:
    import plotly.graph_objects as go

    figure = laid_out(go.Figure(), 440, showlegend=len(found.runs) > 1)
    sides = [(one, points(one.paired.pairs[place])) for one in found.runs if len(one.paired.pairs[place].row)]
    low, high = extent([side for _, both in sides for side in both])
    for factor, dash in ((NEAR[0], "dot"), (1.0, "solid"), (NEAR[1], "dot")):
        ends = [low, high]
        line = {"color": "#1b1b1b" if factor == 1 else "#8b949e", "width": 1, "dash": dash}
        figure.add_scatter(
            x=ends, y=[factor * end for end in ends], mode="lines", line=line, showlegend=False, hoverinfo="skip"
        )
    for number, (one, (measured, simulated)) in enumerate(sides):
        figure.add_scattergl(
            x=measured.astype(np.float32),
            y=simulated.astype(np.float32),
            mode="markers",
            marker={"size": 5, "opacity": 0.5, "color": COLOURS[number % len(COLOURS)]},
            name=plain_name(one.run.name),
        )
    for update, title in ((figure.update_xaxes, "measured [ms]"), (figure.update_yaxes, "simulated [ms]")):
        update(type="log", title=title, range=[float(np.log10(low)), float(np.log10(high))])
    return figure
