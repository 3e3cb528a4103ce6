"""How long requests took: distribution functions of TTFT and E2E."""

from collections.abc import Sequence

import numpy as np

from blis.foundation.units import Float64Vector
from blis.output.page.drawing import beside, drawn, laid_out, line, log_axis, plain_name, thinned
from blis.output.page.files import is_text
from blis.output.page.folder import RunFolder
from blis.output.page.html import Html
from blis.output.page.measures import samples

#: A logarithmic axis has no zero.
LEAST_MS = 0.001
MOST_CLASSES = 6

_TIMES = (("ttft", "TTFT"), ("e2e", "E2E"))


def latency_figures(runs: Sequence[RunFolder]) -> Html:
    """A curve per run; those of the classes too where there is one run."""
    curves = [(run.name, samples(run.requests)) for run in runs]
    if len(runs) == 1:
        curves = [("all", curves[0][1]), *_classes(runs[0], curves[0][1])]
    figures = []
    for key, words in _TIMES:
        named = [(name, values[key][~np.isnan(values[key])]) for name, values in curves]
        figures.append(_figure(key, words, named))
    return beside(figures)


def _figure(key: str, words: str, curves: Sequence[tuple[str, Float64Vector]]) -> Html:
    import plotly.graph_objects as go

    figure = go.Figure()
    for place, (name, values) in enumerate(curves):
        if not len(values):
            continue
        values_ms, hundredths = thinned(np.sort(np.maximum(values, LEAST_MS)))
        hover = f"%{{y:.1f}} % within %{{x:,.1f}} ms<extra>{plain_name(name)}</extra>"
        figure.add_scatter(
            x=values_ms, y=hundredths, name=plain_name(name), line=line(place), mode="lines", hovertemplate=hover
        )
    laid_out(figure, 380, showlegend=len(curves) > 1)
    known = [values for _, values in curves if len(values)]
    if known:
        least, most = min(map(np.min, known)), max(map(np.max, known))
        log_axis(figure, f"{words} [ms]", max(float(least), LEAST_MS), max(float(most), LEAST_MS))
    figure.update_yaxes(title="completed requests [%]", range=[0, 101])
    nothing = "" if known else " None did."
    return drawn(figure, f"cdf-{key}", f"{words}: share of completed requests that took at most so long.{nothing}")


def _classes(run: RunFolder, values: dict[str, Float64Vector]) -> list[tuple[str, dict[str, Float64Vector]]]:
    names = [block["slo_class"] for block in run.metrics["classes"]][:MOST_CLASSES]
    if len(names) < 2:
        return []
    masks = [(name, is_text(run.requests, "slo_class", name)) for name in names]
    return [
        (name or "(unnamed)", {key: np.where(own, values[key], np.nan) for key, _ in _TIMES}) for name, own in masks
    ]
