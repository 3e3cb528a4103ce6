"""How figures look, and how they become HTML.

Colours are those of Okabe and Ito (Color Universal Design, 2008), which all kinds of colour vision tell apart; lines
of runs also differ in style.
"""

import math
from typing import Any

import numpy as np

from blis.foundation.units import Float64Vector
from blis.output.page.html import Html, escaped

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("solid", "dash", "dot", "dashdot")
#: One hue from light to dark, for maps.
SHADES = "Blues"
#: More instances than this are rows of a map instead of lines.
MOST_LINES = len(COLOURS)
#: Points of a curve; more are not seen.
MOST_POINTS = 1500

#: Draws all figures once the page stands, since only then their widths are known.
DRAW = """
for (const node of document.querySelectorAll("script[data-figure]")) {
  const figure = JSON.parse(node.textContent);
  Plotly.newPlot(node.dataset.figure, figure.data, figure.layout, {responsive: true, displayModeBar: false});
}
"""

_INK, _GRID = "#1b1b1b", "#e3e7eb"


def line(place: int) -> dict[str, Any]:
    """Colour and style of the line of that number."""
    return {"color": COLOURS[place % len(COLOURS)], "dash": DASHES[place % len(DASHES)], "width": 2}


def plain_name(name: object) -> str:
    """A name for a legend or an axis, where the drawing library would read markup."""
    return escaped(name)


def thinned(ordered: Float64Vector) -> tuple[Float64Vector, Float64Vector]:
    """Ascending values, and how many hundredths are at most as large; at most about `MOST_POINTS` of them.

    The hundred largest are all kept, so that no tail is cut.
    """
    n = len(ordered)
    places = np.arange(n)
    if n > MOST_POINTS:
        even = np.linspace(0, n - 1, MOST_POINTS - 100).round().astype(np.int64)
        places = np.union1d(even, places[-100:])
    return ordered[places].astype(np.float32), (100 * (places + 1) / n).astype(np.float32)


def laid_out(figure: Any, height_px: int, **more: Any) -> Any:
    """Give a figure the looks that all share."""
    figure.update_layout(
        template="none",
        height=height_px,
        margin={"l": 56, "r": 12, "t": 28, "b": 48},
        font={"family": "system-ui, 'Liberation Sans', sans-serif", "size": 13, "color": _INK},
        paper_bgcolor="#fff",
        plot_bgcolor="#fff",
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "xanchor": "left", "x": 0, "traceorder": "normal"},
        hoverlabel={"namelength": -1},
        **more,
    )
    figure.update_xaxes(showline=True, linecolor=_INK, gridcolor=_GRID, zeroline=False, ticks="outside")
    figure.update_yaxes(showline=True, linecolor=_INK, gridcolor=_GRID, zeroline=False, automargin=True)
    return figure


def log_axis(figure: Any, title: str, least: float, most: float) -> None:
    """Make x logarithmic, with its marks written out: 20 and 50, not 2 and 5."""
    decades = math.log10(most / least)
    steps = (1, 2, 5) if decades < 1.7 else (1, 3) if decades < 3.5 else (1,)
    exponents = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
    marks = [step * 10.0**exponent for exponent in exponents for step in steps]
    texts = [f"{mark:,.0f}" if mark >= 1 else f"{mark:.3g}" for mark in marks]
    figure.update_xaxes(type="log", title=title, tickvals=marks, ticktext=texts, tickangle=0)


def drawn(figure: Any, name: str, caption: str) -> Html:
    """The figure with its caption; `name` is its own on the page, where `DRAW` draws it."""
    data = figure.to_json(validate=False).replace("<", "\\u003c")  # no text in it can end the script
    return (
        f'<figure><figcaption>{escaped(caption)}</figcaption><div id="{name}" role="img" '
        f'aria-label="{escaped(caption)}" style="height: {figure.layout.height}px"></div>'
        f'<script type="application/json" data-figure="{name}">{data}</script></figure>'
    )


def beside(figures: list[Html]) -> Html:
    """Figures beside one another, or below one another on a narrow screen."""
    return f'<div class="figures">{"".join(figures)}</div>'
