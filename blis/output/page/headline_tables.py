"""The opening tables: which runs these are, their main figures, and how much they differ."""

from collections.abc import Mapping, Sequence
from typing import Any

from blis.fitness.objectives import OBJECTIVES
from blis.foundation.answers import QUESTIONS
from blis.output.page.comparison import PERCENT, Comparison, Difference, compare
from blis.output.page.folder import RunFolder
from blis.output.page.html import Cell, Html, paragraph, table
from blis.output.page.measures import MEASURES, Measure
from blis.output.page.numbers_in_words import NONE, number, of_unit, percent, signed

#: Completion ratios that differ by more make latencies of completed requests hard to compare.
FAIR_COMPLETION = 0.005
#: What a run is told about its output, not about the cluster.
_NOT_COMPARED = ("output", "plots", "trace", "counterfactual", "export_requests", "fitness", "policies", *QUESTIONS)


def headline(runs: Sequence[RunFolder]) -> Html:
    """The main figures of one run, or of all with their differences from the first."""
    if len(runs) == 1:
        rows = [(one.words, of_unit(runs[0].metrics[one.key], one.unit)) for one in MEASURES]
        return table(("figure", runs[0].name), rows)
    comparisons = [compare(runs[0], run) for run in runs[1:]]
    head = ["figure", f"{runs[0].name} (baseline)"]
    for run in runs[1:]:
        head += [run.name, "difference", f"{PERCENT} % interval", "verdict"]
    return table(head, [_row(one, runs, comparisons) for one in MEASURES]) + _legend(runs, comparisons)


def runs_table(runs: Sequence[RunFolder]) -> Html:
    """What was run."""
    rows = [
        (
            run.name,
            str(run.path),
            f"{run.metrics['injected_requests']:,}",
            str(run.n_instances),
            str(run.metrics["seed"]),
            ", ".join(
                f"{question} {_policy_name(run, question)}" for question in QUESTIONS if question in run.policies
            ),
        )
        for run in runs
    ]
    return table(("run", "folder", "requests", "instances", "seed", "policies"), rows, len(rows[0]), wraps=True)


def settings_that_differ(runs: Sequence[RunFolder]) -> Html:
    """A row per key of configuration or policies that is not the same in all runs; empty for one run."""
    flat = [
        {**_flat(run.policies), **_flat({key: one for key, one in run.config.items() if key not in _NOT_COMPARED})}
        for run in runs
    ]
    keys = dict.fromkeys(key for one in flat for key in one)
    rows = [(key, *(one.get(key, NONE) for one in flat)) for key in keys if len({one.get(key) for one in flat}) > 1]
    if len(runs) == 1:
        return ""
    if not rows:
        return paragraph("All runs have the same configuration and policies.")
    return paragraph("What differs between them:") + table(
        ("key", *(run.name for run in runs)), rows, len(rows[0]), wraps=True
    )


def sentence(run: RunFolder) -> str:
    """The outcome of a run in one sentence."""
    metrics = run.metrics
    return (
        f"{metrics['completed_requests']:,} of {metrics['injected_requests']:,} requests completed; "
        f"{percent(metrics['slo_attainment'])} of those that arrived met their SLO targets; TTFT p99 "
        f"{_milliseconds(metrics['ttft_p99_ms'])}, E2E p99 {_milliseconds(metrics['e2e_p99_ms'])}; "
        f"{number(metrics['goodput_rps'], 2)} good requests/s."
    )


def _milliseconds(value: float | None) -> str:
    return of_unit(value, "ms")


def _row(measure: Measure, runs: Sequence[RunFolder], comparisons: Sequence[Comparison]) -> list[str | Cell]:
    cells: list[str | Cell] = [measure.words, of_unit(runs[0].metrics[measure.key], measure.unit)]
    for run, comparison in zip(runs[1:], comparisons, strict=True):
        difference = comparison.differences[measure.key]
        cells += [of_unit(run.metrics[measure.key], measure.unit), signed(difference.value, measure.unit)]
        cells += [_interval(difference, measure.unit), _verdict(measure, difference)]
    return cells


def _interval(difference: Difference, unit: str) -> str:
    if difference.low is None:
        return NONE
    low, high = (signed(bound, unit).partition(" ")[0] for bound in (difference.low, difference.high))
    return f"{low} to {high}"


def _verdict(measure: Measure, difference: Difference) -> str | Cell:
    if difference.low is None or difference.value is None:
        return NONE
    if difference.low == difference.high == 0:
        return "same"
    if not difference.is_clear:
        return "unclear"
    is_better = difference.low * OBJECTIVES[measure.key].direction > 0
    return Cell("better", "better") if is_better else Cell("worse", "worse")


def _legend(runs: Sequence[RunFolder], comparisons: Sequence[Comparison]) -> Html:
    """How to read the intervals, and what makes the runs hard to compare."""
    parts = [
        f"Differences are from the first run. Intervals: percentile bootstrap over requests, {PERCENT} %; a verdict "
        "needs one that leaves 0 out. Requests that queued together are not independent, so that other seeds may "
        f"differ by more. A {NONE} stands where a figure is no statistic of single requests, or does not exist."
    ]
    notes = []
    for run, comparison in zip(runs[1:], comparisons, strict=True):
        if comparison.is_paired:
            parts.append(f"{run.name}: paired, both runs met the same requests; {comparison.n_resamples:,} resamples.")
        else:
            notes.append(
                f"{run.name} met other requests than {runs[0].name} (their number, arrivals or lengths differ): its "
                f"intervals are unpaired ({comparison.n_resamples:,} resamples), so that workloads count too."
            )
        gap = comparison.differences["completion_ratio"].value
        if gap is not None and abs(gap) > FAIR_COMPLETION:
            notes.append(
                f"{run.name} and {runs[0].name} completed different shares of their requests: latencies are of those "
                "that completed, so that whoever rejects or drops looks fast. Compare what is within SLO targets."
            )
    return "".join(paragraph(text, "muted") for text in parts) + "".join(paragraph(text, "warning") for text in notes)


def _policy_name(run: RunFolder, question: str) -> str:
    answer = run.policies.get(question, NONE)
    return str(answer.get("policy", NONE)) if isinstance(answer, Mapping) else str(answer)


def _flat(node: object, path: str = "") -> dict[str, str]:
    """Every value of nested mappings by its dotted path."""
    if not isinstance(node, Mapping) or not node:
        return {path: _value(node)}
    found: dict[str, str] = {}
    for key, part in node.items():
        found |= _flat(part, f"{path}.{key}" if path else str(key))
    return found


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(
            ":".join(str(part) for part in one.values()) if isinstance(one, Mapping) else str(one) for one in value
        )
    return "null" if value is None else str(value)
