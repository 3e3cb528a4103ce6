"""Pieces of HTML. Whatever comes from a file passes through `escaped`, so no name can become markup."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import NamedTuple

#: A piece of finished HTML.
Html = str

_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem 1.25rem 4rem; max-width: 1280px; background: #fff; color: #1b1b1b;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .5rem 0; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; padding-top: .5rem; border-top: 1px solid #c9d1d9; }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; overflow-wrap: anywhere; }
p, ul, ol, dl { margin: .4rem 0; max-width: 75rem; overflow-wrap: anywhere; }
li { margin: .3rem 0; }
dt { font-weight: 600; }
dd { margin: 0 0 .4rem 1.25rem; }
nav { font-size: .9rem; }
nav a { margin-right: .9rem; white-space: nowrap; }
a { color: #0b4f8a; }
.muted { color: #57606a; }
.warning { border-left: 4px solid #b35900; background: #fff6ea; padding: .4rem .75rem; }
.scroll { overflow-x: auto; margin: .5rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #e3e7eb; white-space: nowrap;
  vertical-align: top; }
.word { text-align: left; }
.wraps td { white-space: normal; overflow-wrap: break-word; min-width: 5rem; }
.wraps td:last-child { min-width: 14rem; }
tr > :first-child { position: sticky; left: 0; background: #fff; }
thead th { border-bottom: 2px solid #8b949e; vertical-align: bottom; }
td.better { color: #00543c; }
td.worse { color: #8a3200; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: .5rem 1rem; }
figure { margin: .5rem 0; min-width: 0; }
figcaption { font-size: .92rem; }
details { margin: .4rem 0; }
summary { cursor: pointer; overflow-wrap: anywhere; }
pre { background: #f6f8fa; padding: .75rem; overflow-x: auto; font-size: .85rem; line-height: 1.4; }
@media (max-width: 640px) { body { padding: .75rem .75rem 3rem; font-size: 15px; } th, td { padding: .2rem .4rem; }
  tr > :first-child { white-space: normal; max-width: 9rem; } }
"""

#: The page may run its own scripts and nothing else: no browser fetches anything for it.
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"


class Cell(NamedTuple):
    """A cell of a table that stands out."""

    text: str
    kind: str  #: class of the style sheet


class Section(NamedTuple):
    """A part of the page with its title."""

    title: str
    body: Html


def escaped(text: object) -> Html:
    """Any text as HTML."""
    return escape(str(text), quote=True)


def paragraph(text: str, kind: str = "") -> Html:
    """A paragraph of plain text."""
    return f"<p{_class(kind)}>{escaped(text)}</p>"


def items(texts: Iterable[str], ordered: bool = False) -> Html:
    """A list of plain texts."""
    tag = "ol" if ordered else "ul"
    return f"<{tag}>{''.join(f'<li>{escaped(text)}</li>' for text in texts)}</{tag}>"


def definitions(words: Mapping[str, str]) -> Html:
    """What terms mean."""
    pairs = (f"<dt>{escaped(term)}</dt><dd>{escaped(text)}</dd>" for term, text in words.items())
    return f"<dl>{''.join(pairs)}</dl>"


def table(head: Sequence[str], rows: Iterable[Sequence[str | Cell]], n_words: int = 1, wraps: bool = False) -> Html:
    """A table of plain texts that scrolls sideways where it is too wide.

    The first `n_words` columns are words, the others numbers; long words break only if it `wraps`.
    """
    top = "".join(_cell(text, "th", place < n_words) for place, text in enumerate(head))
    body = "".join(f"<tr>{''.join(_cell(cell, 'td', k < n_words) for k, cell in enumerate(row))}</tr>" for row in rows)
    kind = "wraps" if wraps else ""
    return f'<div class="scroll"><table{_class(kind)}><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def folded(title: str, body: Html, is_open: bool = False) -> Html:
    """Something that can be shown and hidden."""
    return f"<details{' open' if is_open else ''}><summary>{escaped(title)}</summary>{body}</details>"


def preformatted(text: str) -> Html:
    """A text as it is in its file."""
    return f"<pre>{escaped(text)}</pre>"


def page(title: str, opening: Html, sections: Sequence[Section], library: str, script: str) -> Html:
    """The whole document, with a library of JavaScript, and a script that runs when everything is there."""
    links = " ".join(f'<a href="#part-{place}">{escaped(one.title)}</a>' for place, one in enumerate(sections))
    parts = "\n".join(
        f'<section id="part-{place}"><h2>{escaped(one.title)}</h2>\n{one.body}</section>'
        for place, one in enumerate(sections)
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escaped(title)}</title>\n<style>{_STYLE}</style>\n<script>{library}</script></head>\n"
        f"<body><h1>{escaped(title)}</h1>\n{opening}\n<nav>{links}</nav>\n"
        "<noscript><p class='warning'>Figures need JavaScript; the tables do not.</p></noscript>\n"
        f"{parts}\n<script>{script}</script></body></html>\n"
    )


def _cell(cell: str | Cell, tag: str, is_word: bool) -> Html:
    text, kind = (cell.text, cell.kind) if isinstance(cell, Cell) else (cell, "")
    kinds = " ".join(one for one in (kind, "word" if is_word else "") if one)
    return f"<{tag}{_class(kinds)}>{escaped(text)}</{tag}>"


def _class(kind: str) -> Html:
    return f' class="{escaped(kind)}"' if kind else ""
