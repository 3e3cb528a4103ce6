"""What it means to put a champion in the place of what runs today: what changes, what to expect, and when not to."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from blis.policies.bundle import complete_policy
from evolve.comparing.comparison import Comparison
from evolve.comparing.verdict import count
from evolve.evidence.classes import ClassEffect
from evolve.evidence.dossier import Dossier
from evolve.evidence.sweeps import Sweep
from evolve.evidence.text import class_table, table
from evolve.outcome.endpoint_picker import endpoint_picker
from evolve.records import Phenotype
from evolve.trackers.flat import flat

#: What runs today, among the champion's rivals.
TODAY = "today"
FILE = "apply.md"

#: A class whose attainment falls by more than a percentage point pays for the others.
_CLASS_PAYS = 0.01


def apply_text(dossier: Dossier, today: Phenotype) -> str:
    """The page, as Markdown.

    Parameters
    ----------
    dossier : Dossier
        Of which `TODAY` is a rival, and the one against whom classes are compared.
    today : Phenotype
        What runs today.
    """
    comparison = next(one for one in dossier.comparisons if one.rival == TODAY)
    lines = [f"# In the place of what runs today: {dossier.name}", "", f"**{_advice(comparison, dossier)}**", ""]
    lines += ["## What changes", "", *_changes(dossier, today), ""]
    lines += ["## In llm-d's router", "", *_router(dossier.policies, today.policies), ""]
    lines += ["## What to expect", "", *_expected(comparison)]
    if dossier.classes:
        lines += ["", f"Champion / {TODAY}, means over seeds; - where a figure is not defined.", ""]
        lines += class_table(dossier)
    lines += ["", "## When not to", "", *_reasons_against(comparison, dossier)]
    if dossier.notes:
        lines += ["", "## Notes", "", *(f"- {note}" for note in dossier.notes)]
    return "\n".join(lines) + "\n"


def _advice(comparison: Comparison, dossier: Dossier) -> str:
    found, runs = comparison.overall, count(comparison.overall.n_pairs, "paired run")
    if comparison.is_equal:
        return f"Nothing is gained: no run of {runs} differed in what counts."
    if dossier.violation > 0.0 or comparison.champion_failures:
        what = "breaks the constraints" if dossier.violation > 0.0 else "fails in some runs"
        return f"Do not apply it: it {what} on the held-out scenarios ({found} over what runs today, {runs})."
    said = {
        "better": "Better than what runs today",
        "worse": "Do not apply it: worse than what runs today",
        "unclear": "Not shown to be better than what runs today",
    }
    return f"{said[found.reading]}: {found} by {runs} on {count(len(comparison.scenarios), 'held-out scenario')}."


def _changes(dossier: Dossier, today: Phenotype) -> list[str]:
    before = {**flat(_complete(today.policies)), **today.limits}
    after = {**flat(_complete(dossier.policies)), **dossier.limits}
    rows = [
        (name, _cell(before.get(name)), _cell(after.get(name)))
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    ]
    return table(("setting", TODAY, "champion"), rows) if rows else ["Nothing: both have the same policies."]


def _complete(policies: Mapping[str, Any]) -> dict[str, Any]:
    """With defaults written out: what is left out is set nevertheless."""
    return {question: complete_policy(question, policy) for question, policy in policies.items()}


def _cell(value: Any) -> str:
    return "-" if value is None else str(value)


def _router(champion: Mapping[str, Any], today: Mapping[str, Any]) -> Iterator[str]:
    """The change of the EndpointPickerConfig, where both can be said there."""
    (after, note), (before, why_not) = endpoint_picker(champion), endpoint_picker(today)
    if after is None:
        yield f"The champion cannot be said there: {note}"
        return
    yield note
    if before is None:
        yield f"What runs today cannot be said there: {why_not} `endpoint-picker.yaml` is all of it."
        return
    yield ""
    if before == after:
        yield "Nothing changes there."
        return
    names = (f"{TODAY}/endpoint-picker.yaml", "champion/endpoint-picker.yaml")
    yield from ("```", *difflib.unified_diff(before.splitlines(), after.splitlines(), *names, lineterm=""), "```")


def _expected(comparison: Comparison) -> list[str]:
    rows = [("all", str(comparison.overall), comparison.overall.reading)]
    rows += [(name, str(effect), effect.reading) for name, effect in comparison.scenarios.items()]
    lines = table(("scenario", "gain over what runs today", "champion is"), rows)
    expected = comparison.elsewhere
    if expected is not None:
        lines += ["", f"On other scenarios of this kind expect {expected} in the mean (random effects)."]
    return lines


def _reasons_against(comparison: Comparison, dossier: Dossier) -> Iterator[str]:
    """Where the lead over what runs today is not there, and who pays for it."""
    if dossier.violation > 0.0:
        yield f"- It breaks constraints on the held-out scenarios (by {dossier.violation:.3g})."
    if comparison.champion_failures:
        yield f"- {comparison.champion_failures} runs of it failed."
    for name, effect in comparison.scenarios.items():
        if effect.reading == "worse":
            yield f"- Where traffic is like {name}: {effect}."
    for sweep, where in (
        (dossier.load, "at a load of {} times what the cluster carries"),
        (dossier.staleness, "with signals that may be {} µs old"),
        (dossier.physics, "if steps cost what `{}` says"),
    ):
        yield from _lost(sweep, where)
    for one in dossier.classes:
        if _pays(one):
            yield (
                f"- If class {one.slo_class} may not pay in {one.scenario}: its attainment falls from {one.rival:.1%} "
                f"to {one.champion:.1%}."
            )
    yield "- If your cluster, prompts or promises are not those of the scenarios; what was measured says `report.md`."


def _lost(sweep: Sweep, where: str) -> Iterator[str]:
    """A line for each value at which it is worse, and one for all at which it is not shown to be better."""
    effects = dict(zip(sweep.values, sweep.gains[TODAY], strict=True))
    for value, effect in effects.items():
        if effect.reading == "worse":
            yield f"- It is worse {where.format(_number(value))}: {effect}."
    unclear = {value: effect for value, effect in effects.items() if effect.reading == "unclear"}
    if unclear:
        gains = [effect.gain_percent for effect in unclear.values()]
        yield (
            f"- Not shown to be better {where.format(', '.join(map(_number, unclear)))}: gains of {min(gains):+.1f} to "
            f"{max(gains):+.1f} % by {next(iter(unclear.values())).n_pairs} runs each; sweep_seeds asks for more."
        )


def _number(value: Any) -> str:
    return f"{value:,.10g}" if isinstance(value, int | float) else str(value)


def _pays(one: ClassEffect) -> bool:
    return (
        one.figure == "slo_attainment"
        and one.champion is not None
        and one.rival is not None
        and one.rival - one.champion > _CLASS_PAYS
    )
