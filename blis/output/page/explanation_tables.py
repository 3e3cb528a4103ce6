"""Why it went so: anomalies, regret and the worst decisions of traced runs, in tables and words."""

from collections.abc import Mapping, Sequence
from typing import Any

from blis.output.page.folder import RunFolder
from blis.output.page.html import Html, definitions, escaped, folded, items, paragraph, table
from blis.output.page.numbers_in_words import NONE, milliseconds, number, percent

HOW_TO_TRACE = (
    "has no trace: run it again with trace=decisions counterfactual=rollout for anomalies, regret, the worst decisions "
    "and KV use over time."
)

_MEASURES = {
    "score regret": "the best score less that of the chosen instance, in the policy's own units: nothing to compare "
    "policies by, and 0 for every policy that takes its best score.",
    "reference regret": "expected TTFT on the chosen instance less the least on any, in ms, by one fixed model that is "
    "the same for all policies: an expectation, not what happened.",
    "rollout regret": "what a request's TTFT or E2E turned out to be less the least on the instances that were tried, "
    "in ms, of sampled decisions: the simulation was forked there and run again with the other choice.",
}


def explained(runs: Sequence[RunFolder]) -> list[tuple[RunFolder, Mapping[str, Any]]]:
    """Those runs that were traced, with their explanations."""
    return [(run, run.explanation) for run in runs if run.explanation is not None]


def untraced_notes(runs: Sequence[RunFolder]) -> Html:
    """How to get what a run has not; empty if all have everything."""
    notes = [f"{run.name} {HOW_TO_TRACE}" for run in runs if run.explanation is None]
    for run, told in explained(runs):
        if run.batches is None:
            notes.append(
                f"{run.name} was traced in summary: run it again with trace=decisions for the distributions of score "
                "and reference regret, and KV use over time."
            )
        if told["regret"].get("rollout") is None:
            notes.append(f"{run.name} tried no decision otherwise: run it again with counterfactual=rollout for that.")
    return "".join(paragraph(text, "muted") for text in notes)


def anomaly_tables(runs: Sequence[RunFolder]) -> Html:
    """Count and rate of every anomaly in every run, then rules and examples of those that were found."""
    traced = explained(runs)
    names = list(dict.fromkeys(name for _, told in traced for name in told["anomalies"]))
    rows, examples, unseen = [], [], {}
    for name in sorted(names, key=lambda name: (-_most(traced, name), name)):
        found = [told["anomalies"].get(name) for _, told in traced]
        first = next(one for one in found if one is not None)
        counts = (NONE if one is None else f"{number(one['count'])} ({percent(one['rate'])})" for one in found)
        rows.append((_title(name, first), first["rate_of"], *counts))
        if any(one is not None and one["count"] for one in found):
            pairs = [(run.name, one) for (run, _), one in zip(traced, found, strict=True)]
            examples.append(_examples(name, first, pairs))
        else:
            unseen[name] = f"{first['rule']}."
    rules = folded("Rules of those that were not found", definitions(unseen)) if unseen else ""
    head = ("anomaly", "rate is a share of", *(f"{run.name}: count (rate)" for run, _ in traced))
    return table(head, rows, 2) + "".join(examples) + rules


def regret_tables(runs: Sequence[RunFolder]) -> Html:
    """The three measures, what they mean, and their figures."""
    rows: list[tuple[str, ...]] = []
    for run, told in explained(runs):
        score, reference, rollout = (told["regret"].get(name) for name in ("score", "reference", "rollout"))
        if score is not None:
            cells = (number(score["mean"], 3), NONE, NONE, number(score["max"], 3), NONE)
            rows.append((run.name, "score regret [policy's own units]", "all", *cells))
        if reference is not None:
            times = (number(reference[f"{one}_ms"], 2) for one in ("mean", "p50", "p99", "max"))
            rows.append((run.name, "reference regret [ms]", "all", *times, percent(reference["best_choice_share"])))
        if rollout is not None:
            tried = number(rollout["decisions"])
            mean, p99, most = (number(rollout[f"ttft_{one}_ms"], 2) for one in ("mean", "p99", "max"))
            cells = (mean, NONE, p99, most, percent(rollout["best_choice_share"]))
            rows.append((run.name, "rollout regret of TTFT [ms]", tried, *cells))
            e2e = (number(rollout["e2e_mean_ms"], 2), NONE, NONE, number(rollout["e2e_max_ms"], 2), NONE)
            rows.append((run.name, "rollout regret of E2E [ms]", tried, *e2e))
    head = ("run", "measure", "decisions", "mean", "p50", "p99", "largest", "best choices")
    return definitions(_MEASURES) + table(head, rows, 2) + _admissions(runs)


def worst_decisions(runs: Sequence[RunFolder]) -> Html:
    """The routing decisions that cost most, in words."""
    parts = []
    for run, told in explained(runs):
        worst = told["worst_decisions"]
        parts.append(f"<h3>{escaped(run.name)}</h3>")
        if not worst:
            parts.append(paragraph("No decision cost anything."))
            continue
        if worst[0]["measured"]:
            parts.append(paragraph("By TTFT, of the decisions that were tried otherwise: measured.", "muted"))
        else:
            parts.append(
                paragraph("By TTFT, of all decisions: expected by the reference model, not measured.", "muted")
            )
        parts.append(items((f"{milliseconds(one['regret_ms'])}: {one['text']}" for one in worst), ordered=True))
    return "".join(parts)


def _most(traced: Sequence[tuple[RunFolder, Mapping[str, Any]]], name: str) -> int:
    return max(int(told["anomalies"][name]["count"]) for _, told in traced if name in told["anomalies"])


def _title(name: str, anomaly: Mapping[str, Any]) -> str:
    return f"{name} (published counter)" if anomaly["compatible"] else name


def _examples(name: str, first: Mapping[str, Any], found: Sequence[tuple[str, Mapping[str, Any] | None]]) -> Html:
    """The rule, and the worst examples of each run."""
    body = paragraph(f"Rule: {first['rule']}.")
    for run_name, one in found:
        if one is not None and one["examples"]:
            texts = (f"at {example['time_s']:,.3f} s: {example['text']}" for example in one["examples"])
            body += paragraph(f"{run_name}, {len(one['examples'])} of {one['count']:,}:") + items(texts)
    return folded(f"{name}: rule and examples", body, is_open=True)


def _admissions(runs: Sequence[RunFolder]) -> Html:
    texts = []
    for run, told in explained(runs):
        rollout = told["regret"].get("rollout")
        if rollout is None:
            continue
        tried = rollout["admissions"]
        if tried["admitted"]:
            texts.append(
                f"{run.name}: rejecting one request that was admitted would have changed the E2E of the others by "
                f"{_signed(tried['others_e2e_change_if_rejected_ms'])} each on average ({tried['admitted']:,} tried)."
            )
        if tried["rejected"]:
            texts.append(
                f"{run.name}: admitting one request that was rejected would have given it a TTFT of "
                f"{milliseconds(tried['ttft_if_admitted_ms'])}, and changed the E2E of the others by "
                f"{_signed(tried['others_e2e_change_if_admitted_ms'])} each, on average ({tried['rejected']:,} tried)."
            )
    return items(texts) if texts else ""


def _signed(value: float | None) -> str:
    return "an unknown time" if value is None else f"{value:+,.2f} ms"
