"""The dossier as Markdown: for people at a terminal, and for a file."""

from collections.abc import Iterator, Sequence

from evolve.comparing import Effect
from evolve.evidence.ceiling import Ceiling
from evolve.evidence.dossier import Dossier
from evolve.evidence.sweeps import Sweep

_STRONGEST = "Only the strongest rivals are shown."


def summary(dossier: Dossier) -> str:
    """What fits on a screen: the verdict, the comparisons and the dead genes."""
    lines = [dossier.verdict, *_outlook(dossier), "", *_comparisons(dossier), ""]
    if dossier.ceiling is not None:
        lines += [dossier.ceiling.sentence, "", *_rooms(dossier.ceiling), ""]
    dead = [part.name for part in dossier.parts if part.reading == "dead"]
    if dead:
        lines += [f"Dead genes, which change nothing: {', '.join(dead)}.", ""]
    return "\n".join([*lines, *(f"note: {note}" for note in dossier.notes)]).rstrip() + "\n"


def markdown(dossier: Dossier) -> str:
    """The whole dossier."""
    lines = [f"# Evidence: {dossier.name}", "", f"**{dossier.verdict}**", *_outlook(dossier), ""]
    lines += ["## Champion", "", "```", *dossier.description, "```", ""]
    lines += [
        "## Against each rival",
        "",
        f"Held-out scenarios: {', '.join(dossier.scenarios)}; the same requests for all, with seeds that",
        f"belong to this search alone. Runs went where they narrow the interval most ({_runs(dossier)}),",
        f"until it is within {dossier.precision.half_width:.1%} on either side or {dossier.precision.most_runs:,} runs",
        f"are spent. A gain is the weighted geometric mean of the ratios of {_weights(dossier)};",
        "5 % is a ratio of 1.05, in brackets its 95 % interval.",
        "",
        *_comparisons(dossier),
        "",
        *_families(dossier),
        "By scenario:",
        "",
        *_by(dossier, "scenarios"),
        "",
        "By objective:",
        "",
        *_by(dossier, "objectives"),
        "",
    ]
    lines += [*_ceiling(dossier), *_classes(dossier), *_parts(dossier), *_changes(dossier)]
    lines += [
        "## At other loads",
        "",
        f"Load is the arrival rate as a factor of the measured saturation rate. {_STRONGEST}",
        "",
        *_sweep(dossier.load, "load", "{:g}"),
        "",
        "## With older signals",
        "",
        f"Reported signals may be as old as that; the router's own bookkeeping is never old. {_STRONGEST}",
        "",
        *_sweep(dossier.staleness, "snapshot_refresh_us", "{:,.0f}"),
        "",
        "## Under other prices",
        "",
        "What a step costs, as kinds of latency models say it; the load is the same factor of what the cluster then",
        f"carries. The first is what the scenarios have. {_STRONGEST}",
        "",
        *_sweep(dossier.physics, "cluster.latency.kind", "{}"),
        "",
    ]
    if dossier.notes:
        lines += ["## Notes", "", *(f"- {note}" for note in dossier.notes), ""]
    return "\n".join(lines)


def _families(dossier: Dossier) -> list[str]:
    """A row for each rival by families, where scenarios are members of some."""
    if not dossier.hardest.families:
        return []
    return ["By family, with intervals over its members:", "", *_by(dossier, "families"), ""]


def _ceiling(dossier: Dossier) -> Iterator[str]:
    if dossier.ceiling is None:
        return
    extent = dossier.ceiling.extent
    looking = extent.looking
    yield from ("## What was to be had", "", dossier.ceiling.sentence, "")
    yield f"Gains over the baseline that is best in a scenario, in {extent.n_seeds} runs of at most"
    yield f"{extent.num_requests:,} requests. The honest look-ahead tries every instance at every routing decision,"
    yield f"in {looking.futures} other futures, which this baseline, or the champion where it is better, continues for"
    yield f"{looking.horizon_s:g} s: it knows neither who will come nor how long answers will be. Hindsight knows all"
    yield "that, and improves the places of requests one by one."
    yield "No head-room found: what the look-ahead gains is no more than noise, so that nobody can have a part of it."
    yield ""
    yield from _rooms(dossier.ceiling)
    yield ""


def _rooms(ceiling: Ceiling) -> list[str]:
    rooms = {**ceiling.scenarios, "all": ceiling.overall}
    rows = [
        (
            name,
            room.best,
            str(room.champion),
            room.built_on,
            str(room.lookahead),
            str(room.hindsight),
            room.closed,
        )
        for name, room in rooms.items()
    ]
    titles = (
        *("scenario", "best baseline", "champion's gain over it"),
        *("looked ahead with", "honest look-ahead's gain", "hindsight's", "closed"),
    )
    return table(titles, rows)


def _parts(dossier: Dossier) -> Iterator[str]:
    yield from ("## Which parts matter", "")
    yield "Each part is replaced, one at a time. Contribution: gain of the champion over itself without the part."
    yield ""
    rows = [
        (part.name, part.instead, str(part.contribution), str(part.changed_runs), part.reading)
        for part in dossier.parts
    ]
    yield from table(("part", "replaced by", "contribution", "runs that changed", "reading"), rows)
    yield ""


def _changes(dossier: Dossier) -> Iterator[str]:
    yield from ("## How exact its numbers must be", "")
    yield "Consequence: gain of the changed policy over the champion."
    yield ""
    rows = [(one.name, f"{one.value:g}", f"{one.factor:g}", str(one.consequence)) for one in dossier.changes]
    yield from table(("number", "value", "times", "consequence"), rows)
    yield ""


def _comparisons(dossier: Dossier) -> list[str]:
    rows = [
        (
            one.rival,
            str(one.overall),
            one.overall.reading,
            f"{one.wins} / {one.losses}",
            _won(list(one.scenarios.values())),
            f"{one.champion_failures} / {one.rival_failures}",
        )
        for one in dossier.comparisons
    ]
    titles = (
        "rival",
        "champion's gain",
        "champion is",
        "runs won / lost",
        "scenarios won / lost / unclear",
        "failed runs",
    )
    return table(titles, rows)


def _won(effects: Sequence[Effect]) -> str:
    readings = [effect.reading for effect in effects]
    return " / ".join(str(readings.count(name)) for name in ("better", "worse", "unclear"))


def _by(dossier: Dossier, what: str) -> list[str]:
    names = list(getattr(dossier.comparisons[0], what))
    rows = [(one.rival, *(str(getattr(one, what)[name]) for name in names)) for one in dossier.comparisons]
    return table(("gain over", *names), rows)


def _classes(dossier: Dossier) -> Iterator[str]:
    if not dossier.classes:
        return
    yield "## Class by class"
    yield ""
    yield f"Champion / {dossier.class_rival}, means over seeds; - where a figure is not defined."
    yield ""
    yield from class_table(dossier)
    yield ""


def class_table(dossier: Dossier) -> list[str]:
    """The champion and the rival against whom classes are compared, class by class."""
    figures = list(dict.fromkeys(one.figure for one in dossier.classes))
    found = {(one.scenario, one.slo_class, one.figure): one for one in dossier.classes}
    rows = []
    for scenario, slo_class in dict.fromkeys((one.scenario, one.slo_class) for one in dossier.classes):
        cells = [found[scenario, slo_class, figure] for figure in figures]
        rows.append((scenario, slo_class, *(f"{_short(one.champion)} / {_short(one.rival)}" for one in cells)))
    return table(("scenario", "class", *figures), rows)


def _sweep(sweep: Sweep, title: str, form: str) -> list[str]:
    rows = [(rival, *map(str, effects)) for rival, effects in sweep.gains.items()]
    return table((f"gain over, at {title}", *(form.format(value) for value in sweep.values)), rows)


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table whose columns line up, as lines."""
    if not rows:
        return ["(nothing to show)"]
    cells = [[text.replace("|", "\\|") for text in row] for row in (titles, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(titles))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def _weights(dossier: Dossier) -> str:
    return ", ".join(f"{name} ({weight:g})" for name, weight in dossier.objectives.items())


def _outlook(dossier: Dossier) -> list[str]:
    return ["", dossier.outlook] if dossier.outlook else []


def _runs(dossier: Dossier) -> str:
    """Runs of each scenario against the strongest rival."""
    return ", ".join(f"{name} {effect.n_pairs}" for name, effect in dossier.hardest.scenarios.items())


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:,.4g}"
