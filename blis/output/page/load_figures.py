"""What instances had to do over time, and which of them requests were sent to."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from blis.foundation.units import Float64Vector
from blis.output.page.drawing import COLOURS, MOST_LINES, SHADES, beside, drawn, laid_out
from blis.output.page.folder import RunFolder
from blis.output.page.html import Html, paragraph
from blis.output.page.over_time import Load, load_over_time, routing_shares

_HEIGHT_PX = 190  #: of one panel


def load_figures(runs: Sequence[RunFolder]) -> Html:
    """Queue, batch and KV use of each instance, on the same scales for all runs."""
    loads = [load_over_time(run) for run in runs]
    last_s = max(float(load.edges_s[-1]) for load in loads)
    most = {
        name: max(float(_panels(load)[name].max(initial=0.0)) for load in loads if name in _panels(load))
        for name in dict.fromkeys(name for load in loads for name in _panels(load))
    }
    scales = paragraph("All runs are drawn on the same scales.", "muted") if len(runs) > 1 else ""
    return scales + beside(
        [_load_figure(*pair, place, last_s, most) for place, pair in enumerate(zip(runs, loads, strict=True))]
    )


def routing_figures(runs: Sequence[RunFolder]) -> Html:
    """Each instance's share of the arrivals over time."""
    return beside([_routing_figure(run, place) for place, run in enumerate(runs)])


def _panels(load: Load) -> dict[str, Float64Vector]:
    panels = {"queue [requests]": load.queue, "batch [requests]": load.batch}
    return panels if load.kv_use is None else {**panels, "KV blocks used [%]": 100 * load.kv_use}


def _load_figure(run: RunFolder, load: Load, place: int, last_s: float, most: dict[str, float]) -> Html:
    from plotly.subplots import make_subplots

    panels = _panels(load)
    figure = make_subplots(rows=len(panels), cols=1, shared_xaxes=True, vertical_spacing=0.06)
    middle_s = ((load.edges_s[:-1] + load.edges_s[1:]) / 2).astype(np.float32)
    are_lines = run.n_instances <= MOST_LINES
    for row, (name, values) in enumerate(panels.items(), 1):
        if are_lines:
            _add_lines(figure, row, middle_s, values)
            figure.update_yaxes(row=row, title=name, range=[0, 1.05 * max(most[name], 1e-6)])
        else:
            bar = {
                "title": {"text": name, "side": "right"},
                "len": 1 / len(panels),
                "y": 1 - (row - 0.5) / len(panels),
                "thickness": 12,
            }
            _add_map(figure, row, middle_s, values, max(most[name], 1e-6), bar)
            figure.update_yaxes(row=row, title="instance")
    laid_out(figure, _HEIGHT_PX * len(panels) + 60, showlegend=are_lines)
    figure.update_xaxes(range=[0, last_s])
    figure.update_xaxes(row=len(panels), title="time [s]")
    source = "" if run.batches is not None else ", from the times of requests (without trace=decisions)"
    piece_s = float(load.edges_s[1])
    return drawn(figure, f"load-{place}", f"{run.name}: means over {piece_s:.3g} s{source}.")


def _add_lines(figure: Any, row: int, middle_s: Any, values: Float64Vector) -> None:
    for instance, own in enumerate(values):
        figure.add_scatter(
            row=row,
            col=1,
            x=middle_s,
            y=own.astype(np.float32),
            name=f"instance_{instance}",
            legendgroup=instance,
            showlegend=row == 1,
            line={"color": COLOURS[instance], "width": 1.3, "shape": "hvh"},
            hovertemplate="%{y:.3~g} at %{x:.2f} s",
        )


def _add_map(figure: Any, row: int, x: Any, values: Float64Vector, most: float, bar: dict[str, Any]) -> None:
    figure.add_heatmap(
        row=row,
        col=1,
        x=x,
        y=np.arange(len(values)),
        z=values.astype(np.float32),
        zmin=0,
        zmax=most,
        colorscale=SHADES,
        colorbar=bar,
        hovertemplate="instance_%{y}: %{z:.3~g} at %{x:.2f} s<extra></extra>",
    )


def _routing_figure(run: RunFolder, place: int) -> Html:
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    edges_s, shares = routing_shares(run)
    middle_s, width_s = (edges_s[:-1] + edges_s[1:]) / 2, float(edges_s[1])
    hundredths = 100 * shares
    if run.n_instances <= MOST_LINES:
        figure = go.Figure()
        for instance, own in enumerate(hundredths):
            figure.add_bar(
                x=middle_s.astype(np.float32),
                y=own.astype(np.float32),
                width=width_s,
                name=f"instance_{instance}",
                marker={"color": COLOURS[instance], "line": {"width": 0}},
                hovertemplate="%{y:.1f} % at %{x:.1f} s",
            )
        laid_out(figure, 320, barmode="stack", showlegend=True)
        figure.update_yaxes(title="arrivals [%]", range=[0, 100])
    else:
        figure = make_subplots(rows=1, cols=1)
        most = float(np.nanmax(hundredths, initial=1.0))
        _add_map(
            figure,
            1,
            middle_s.astype(np.float32),
            hundredths,
            most,
            {"title": {"text": "arrivals [%]", "side": "right"}, "thickness": 12},
        )
        laid_out(figure, 360, showlegend=False)
        figure.update_yaxes(title="instance")
    figure.update_xaxes(title="time of arrival [s]")
    return drawn(
        figure, f"routing-{place}", f"{run.name}: share of admitted arrivals by instance, in {width_s:.3g} s each."
    )
