"""The dossier as one HTML page that needs nothing else: no network, no files beside it."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from blis.output.page.html import POLICY
from evolve.comparing import Effect
from evolve.comparing.comparison import by_strength
from evolve.evidence.dossier import Dossier
from evolve.evidence.sweeps import Sweep
from evolve.evidence.text import markdown
from evolve.outcome.figures import COLOURS

#: Rivals that a figure shows, the strongest; tables show all.
MOST_RIVALS = 6
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1b1b; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; border-bottom: 1px solid #ccc; }
table { border-collapse: collapse; font-size: 0.85rem; display: block; overflow-x: auto; }
th, td { padding: 0.25rem 0.7rem; border-bottom: 1px solid #ddd; text-align: left; white-space: nowrap; }
pre { background: #f4f4f4; padding: 0.8rem; overflow-x: auto; }
.verdict { padding: 0.8rem 1rem; border-left: 6px solid; font-weight: 600; }
.better { border-color: #009E73; background: #eef8f4; } .not { border-color: #D55E00; background: #fdf2ea; }
"""


def html(dossier: Dossier) -> str:
    """The page: the tables of the Markdown report, and a figure below the heading to which it belongs."""
    from plotly.offline import get_plotlyjs

    figures = {
        "Against each rival": _gains(dossier),
        "What was to be had": _rooms(dossier),
        "Which parts matter": _parts(dossier),
        "How exact its numbers must be": _changes(dossier),
        "At other loads": _curves(dossier.load, "load, as a factor of the saturation rate [1]"),
        "Under other prices": _prices(dossier.physics),
        "With older signals": _curves(dossier.staleness, "age that reported signals may reach [µs]"),
    }
    kind = "better" if dossier.is_better else "not"
    lines = markdown(dossier).splitlines()
    body = _body(lines[4:], figures)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><title>{escape(dossier.name)}</title>'
        f"<style>{_STYLE}</style><script>{get_plotlyjs()}</script></head><body>\n"
        f'<h1>{escape(lines[0].removeprefix("# "))}</h1>\n<p class="verdict {kind}">{escape(dossier.verdict)}</p>\n'
        f"{body}\n</body></html>\n"
    )


def _body(lines: Sequence[str], figures: Mapping[str, Any]) -> str:
    """Our own Markdown, which has headings, paragraphs, lists, tables and blocks of code, as HTML."""
    parts: list[str] = []
    block: list[str] = []
    is_code = False

    def close() -> None:
        if not block:
            return
        if block[0].startswith("|"):
            parts.append(_html_rows(block))
        elif block[0].startswith("- "):
            parts.append("<ul>" + "".join(f"<li>{escape(line[2:])}</li>" for line in block) + "</ul>")
        else:
            parts.append(f"<p>{escape(' '.join(block))}</p>")
        block.clear()

    for line in lines:
        if line == "```":
            if is_code:
                parts.append(f"<pre>{escape(chr(10).join(block))}</pre>")
                block.clear()
            is_code = not is_code
        elif is_code:
            block.append(line)
        elif line.startswith("## "):
            close()
            title = line.removeprefix("## ")
            parts.append(f"<h2>{escape(title)}</h2>")
            if figures.get(title) is not None:
                parts.append(_embedded(figures[title], len(parts)))
        elif line:
            block.append(line)
        else:
            close()
    close()
    return "\n".join(parts)


def _html_rows(lines: Sequence[str]) -> str:
    def row(line: str, tag: str) -> str:
        cells = line.strip("|").replace("\\|", "\0").split("|")
        texts = [escape(cell.strip().replace("\0", "|")) for cell in cells]
        return "<tr>" + "".join(f"<{tag}>{text}</{tag}>" for text in texts) + "</tr>"

    return "<table>" + row(lines[0], "th") + "".join(row(line, "td") for line in lines[2:]) + "</table>"


def _gains(dossier: Dossier) -> Any:
    bars = [
        _bars(one.rival, ["all", *one.places], [one.overall, *one.places.values()], COLOURS[place % len(COLOURS)])
        for place, one in enumerate(by_strength(dossier.comparisons)[:MOST_RIVALS])
    ]
    return _horizontal(bars, "champion's gain in fitness [%]; right of 0: it is better")


def _rooms(dossier: Dossier) -> Any:
    if dossier.ceiling is None:
        return None
    rooms = {**dossier.ceiling.scenarios, "all": dossier.ceiling.overall}
    kinds = {"champion": "champion", "lookahead": "honest look-ahead", "hindsight": "hindsight"}
    bars = [
        _bars(title, list(rooms), [getattr(room, kind) for room in rooms.values()], COLOURS[place])
        for place, (kind, title) in enumerate(kinds.items())
    ]
    return _horizontal(bars, "gain in fitness over the best baseline [%]")


def _parts(dossier: Dossier) -> Any:
    parts = list(dossier.parts)
    if not parts:
        return None
    bars = [_bars("", [part.name for part in parts], [part.contribution for part in parts], COLOURS[0])]
    return _horizontal(bars, "contribution to fitness [%]; right of 0: the part helps")


def _changes(dossier: Dossier) -> Any:
    factors = sorted({one.factor for one in dossier.changes})
    bars = []
    for place, factor in enumerate(factors):
        own = [one for one in dossier.changes if one.factor == factor]
        effects = [one.consequence for one in own]
        bars.append(_bars(f"times {factor:g}", [one.name for one in own], effects, COLOURS[place]))
    return _horizontal(bars, "change of fitness [%]; left of 0: the champion's number is better") if bars else None


def _prices(sweep: Sweep) -> Any:
    kinds = list(sweep.values)
    bars = [
        _bars(rival, kinds, effects, COLOURS[place % len(COLOURS)])
        for place, (rival, effects) in enumerate(sweep.gains.items())
    ]
    return _horizontal(bars, "champion's gain in fitness [%]; right of 0: it is better") if bars and kinds else None


def _curves(sweep: Sweep, title: str) -> Any:
    import plotly.graph_objects as go

    figure = go.Figure()
    at = list(sweep.values)
    for place, (rival, effects) in enumerate(sweep.gains.items()):
        colour = COLOURS[place % len(COLOURS)]
        low, high = [one.low_percent for one in effects], [one.high_percent for one in effects]
        band = {"x": at + at[::-1], "y": high + low[::-1], "fill": "toself", "fillcolor": colour, "opacity": 0.15}
        figure.add_scatter(
            **band, line={"width": 0}, mode="lines", hoverinfo="skip", showlegend=False, legendgroup=rival
        )
        value = [one.gain_percent for one in effects]
        line = {"color": colour, "dash": ("solid", "dash", "dot", "dashdot")[place % 4]}
        figure.add_scatter(x=at, y=value, mode="lines+markers", name=rival, line=line, legendgroup=rival)
    figure.add_hline(0.0, line_color="#1b1b1b", line_width=1)
    figure.update_layout(**_layout(380), xaxis_title=title, yaxis_title="champion's gain in fitness [%]")
    return figure


def _bars(name: str, labels: Sequence[str], effects: Sequence[Effect], colour: str) -> dict[str, Any]:
    value = [one.gain_percent for one in effects]
    above = [one.high_percent - one.gain_percent for one in effects]
    below = [one.gain_percent - one.low_percent for one in effects]
    error = {"type": "data", "array": above, "arrayminus": below, "thickness": 1, "width": 3, "color": "#1b1b1b"}
    return {"x": value, "y": list(labels), "name": name, "error_x": error, "marker": {"color": colour}}


def _horizontal(bars: Sequence[Mapping[str, Any]], title: str) -> Any:
    import plotly.graph_objects as go

    figure = go.Figure()
    for bar in bars:
        figure.add_bar(**bar, orientation="h")
    rows = max(len(bar["y"]) for bar in bars)
    figure.update_layout(**_layout(120 + rows * (16 + 12 * len(bars))), barmode="group", xaxis_title=title)
    figure.update_layout(yaxis={"autorange": "reversed", "automargin": True}, showlegend=len(bars) > 1)
    figure.add_vline(0.0, line_color="#1b1b1b", line_width=1)
    return figure


def _layout(height_px: int) -> dict[str, Any]:
    return {"template": "simple_white", "height": height_px, "margin": {"l": 60, "r": 20, "t": 20, "b": 50}}


def _embedded(figure: Any, number: int) -> str:
    from plotly.io import to_html

    options = {"displaylogo": False, "responsive": True}
    text = to_html(figure, full_html=False, include_plotlyjs=False, div_id=f"figure-{number}", config=options)
    return str(text)
