"""A traced run in a page of text that a person or a language model can act on; the same text for the same run."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from blis.explaining.regret import NOTABLE_MS, reference_regret_ms
from blis.policies.binding import DEFAULT_POLICIES
from blis.policies.bundle import complete_policy, without_unasked
from blis.result import Result

MOST_ISSUES = 5
EXAMPLES_EACH = 2
MOST_DECISIONS = 5
#: Share of decisions from which something counts as a habit.
LARGE_SHARE = 0.25
#: SLO attainment from which a run is served well.
WELL_SERVED = 0.99
MOST_HINTS = 3


def summary_text(result: Result, metrics: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    """The summary as Markdown.

    Parameters
    ----------
    result : Result
        With a trace.
    metrics : mapping
        `result.metrics()`.
    told : mapping
        `blis.explaining.explanation.explanation(result)`.
    """
    sections = [
        ("Outcome against targets", _outcome(result, metrics)),
        ("Top issues", _issues(told["anomalies"])),
        ("What the decisions cost", _costs(result, told)),
        ("Worst decisions", _worst(told["worst_decisions"])),
        ("Suggested focus", _focus(result, metrics, told)),
    ]
    lines = ["# Summary of a run", "", *_setting(result)]
    for title, section in sections:
        lines += ["", f"## {title}", "", *section]
    return "\n".join(lines) + "\n"


def _worst(decisions: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"- {one['text']}" for one in decisions[:MOST_DECISIONS]] or ["- None cost anything."]


def _setting(result: Result) -> list[str]:
    chosen = {**DEFAULT_POLICIES, **result.scenario.policies}
    policies = []
    completed = {question: complete_policy(question, choice) for question, choice in chosen.items()}
    for question, complete in without_unasked(completed, result.cluster.gateway is not None).items():
        values = ", ".join(f"{key}={_short(value)}" for key, value in complete.items() if key != "policy")
        policies.append(f"{question} `{complete['policy']}`" + (f" ({values})" if values and len(values) < 200 else ""))
    return [
        f"{len(result.requests):,} requests of workload `{result.scenario.workload.kind}`, seed {result.seed}, on "
        f"{_instances(result)}. Policies: {', '.join(policies)}."
    ]


def _instances(result: Result) -> str:
    """How many instances there are, or may be."""
    fleet = result.cluster.fleet
    if fleet is None or fleet.autoscaling is None:
        return f"{len(result.cluster.instances)} instances"
    fewest, most = sum(pool.minimum for pool in fleet.pools), sum(pool.maximum for pool in fleet.pools)
    return f"{fewest} to {most} instances, {sum(pool.initial for pool in fleet.pools)} at the start"


def _short(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(f"{one['name']}:{one['weight']:g}" if isinstance(one, Mapping) else str(one) for one in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _outcome(result: Result, metrics: Mapping[str, Any]) -> list[str]:
    lines = [
        f"- {metrics['completed_requests']:,} of {metrics['arrived_requests']:,} arrived requests completed, "
        f"{metrics['rejected_requests']:,} were rejected, {metrics['dropped_requests']:,} dropped; "
        f"{_number(metrics['responses_per_sec'])} requests/s and {_number(metrics['tokens_per_sec'], 0)} output "
        "tokens/s.",
        f"- SLO attainment {_percent(metrics['slo_attainment'])}, goodput {_number(metrics['goodput_rps'])} "
        "requests/s.",
        f"- TTFT p50 / p99: {_ms(metrics['ttft_p50_ms'])} / {_ms(metrics['ttft_p99_ms'])}; E2E p50 / p99: "
        f"{_ms(metrics['e2e_p50_ms'])} / {_ms(metrics['e2e_p99_ms'])}; time between tokens p99: "
        f"{_ms(metrics['itl_p99_ms'])}.",
        f"- Load: longest queue {metrics['queue_peak_requests']}, {metrics['preemptions']:,} preemptions, cache hit "
        f"rate {_percent(metrics['cache_hit_rate'])}, KV memory in use {_percent(metrics['kv_mean_use'])} on average "
        "and "
        f"{_percent(metrics['kv_peak_use'])} at most.",
    ]
    if result.outcome.gateway is not None:
        lines.append(
            f"- Gateway: up to {metrics['gateway_peak_requests']:,} waited, p50 / p99 "
            f"{_ms(metrics['gateway_wait_p50_ms'])} / {_ms(metrics['gateway_wait_p99_ms'])}; "
            f"{metrics['gateway_rejected_requests']:,} found it full, {metrics['gateway_expired_requests']:,} expired, "
            f"{metrics['gateway_displaced_requests']:,} went for more urgent ones, clients gave up "
            f"{metrics['timed_out_requests']:,}, {metrics['gateway_queued_requests']:,} still wait."
        )
    if "retries" in metrics:
        lines.append(f"- {metrics['retried_requests']:,} requests came again, {metrics['retries']:,} times in all.")
    groups = metrics.get("classes") or []
    if len(groups) > 1:
        lines += [
            f"- Class `{group['slo_class'] or 'unnamed'}`: {group['arrived_requests']:,} requests, attainment "
            f"{_percent(group['slo_attainment'])}, TTFT p99 {_ms(group['ttft_p99_ms'])}, E2E p99 "
            f"{_ms(group['e2e_p99_ms'])}."
            for group in groups
        ]
    return lines


def _issues(anomalies: Mapping[str, Mapping[str, Any]]) -> list[str]:
    found = [(name, one) for name, one in anomalies.items() if one["count"] and not one["compatible"]]
    found.sort(key=lambda pair: (-(pair[1]["rate"] or 0.0), pair[0]))
    if not found:
        return ["- No detector found anything."]
    lines = []
    for name, one in found[:MOST_ISSUES]:
        share = "" if one["rate"] is None else f", {_percent(one['rate'])} of {one['rate_of']}"
        lines.append(f"- **{name}**: {one['count']:,}{share}.")
        lines += [
            f"  - at {example['time_s']:.1f} s: {example['text']}." for example in one["examples"][:EXAMPLES_EACH]
        ]
    if len(found) > MOST_ISSUES:
        lines.append(
            f"- and {len(found) - MOST_ISSUES} more kinds: {', '.join(name for name, _ in found[MOST_ISSUES:])}."
        )
    return lines


def _costs(result: Result, told: Mapping[str, Any]) -> list[str]:
    reference, tried = told["regret"]["reference"], told["regret"]["rollout"]
    lines = []
    if reference["mean_ms"] is None:
        lines.append("- No request was routed.")
    else:
        lines.append(
            f"- Reference regret: {_ms(reference['mean_ms'])} of expected TTFT per decision on average (p99 "
            f"{_ms(reference['p99_ms'])}, expected TTFT {_ms(reference['expected_ttft_ms'])}); "
            f"{_percent(reference['best_choice_share'])} of the choices were the best by that model."
        )
        lines += _causes(result)
    if tried is None:
        lines.append("- No decision was tried otherwise; add `counterfactual=rollout`.")
        return lines
    if tried["decisions"]:
        lines.append(
            f"- Rollouts: of {tried['decisions']} sampled routing decisions, {_percent(tried['improvable_share'])} "
            f"turned out to have an alternative with a first token at least {NOTABLE_MS:g} ms sooner, on average over "
            f"all {_ms(tried['ttft_mean_ms'])} (at most {_ms(tried['ttft_max_ms'])}), and E2E shorter by "
            f"{_ms(tried['e2e_mean_ms'])}. That is hindsight, which no policy has: of several futures the best is "
            "mostly better."
        )
        lines.append(_foresight(tried["foresight"]))
    doors = tried["admissions"]
    if doors["others_e2e_change_if_rejected_ms"] is not None:
        lines.append(
            f"- Admission: rejecting one admitted request would have changed the E2E of each other request nearby by "
            f"{doors['others_e2e_change_if_rejected_ms']:+.2f} ms on average ({doors['admitted']} tried)."
        )
    if doors["rejected"]:
        lines.append(
            f"- Rejected requests, had they been admitted: TTFT {_ms(doors['ttft_if_admitted_ms'])}, E2E "
            f"{_ms(doors['e2e_if_admitted_ms'])}, E2E of others {_signed(doors['others_e2e_change_if_admitted_ms'])} "
            f"({doors['rejected']} tried)."
        )
    return lines


def _foresight(found: Mapping[str, Any]) -> str:
    """What could have been known at the time."""
    if not found["decisions"]:
        return f"- Foresight: the reference model promised {NOTABLE_MS:g} ms or more elsewhere for none of them."
    error = found["ttft_gain_error_ms"]
    spread = "" if error is None else f" ± {error:.1f} ms (standard error)"
    return (
        f"- Foresight: where the reference model promised {NOTABLE_MS:g} ms or more elsewhere ({found['decisions']} of "
        f"them), going there would have brought the first token {found['ttft_gain_ms']:+.1f} ms{spread} sooner."
    )


def _is_gain(found: Mapping[str, Any]) -> bool:
    """Whether following the model would have helped, beyond chance."""
    error = found["ttft_gain_error_ms"]
    return error is not None and found["ttft_gain_ms"] > 2 * error


def _causes(result: Result) -> list[str]:
    """What the better instance had that the chosen one had not."""
    routings, regret = result.trace.routings, reference_regret_ms(result.trace)
    bad = regret >= NOTABLE_MS
    n = int(bad.sum())
    if not n:
        return [f"- No choice was worse than the best by {NOTABLE_MS:g} ms or more of expected TTFT."]
    loaded = int((bad & (routings.effective_load > routings.least_load)).sum())
    colder = int((bad & (routings.cached_blocks < routings.most_cached_blocks)).sum())
    return [
        f"- {n:,} choices ({_percent(n / len(regret))}) were worse by {NOTABLE_MS:g} ms or more: in "
        f"{_percent(loaded / n)} of them another instance had fewer requests, in {_percent(colder / n)} another had "
        "more of the prompt cached."
    ]


def _routing_hints(result: Result, told: Mapping[str, Any]) -> list[tuple[float, str]]:
    """What routing leaves on the table, with its weight [ms of TTFT per decision]."""
    routing, routings = result.policies["routing"], result.trace.routings
    regret, tried = reference_regret_ms(result.trace), told["regret"]["rollout"]
    cost = float(regret.mean()) if len(regret) else 0.0
    bad = regret >= NOTABLE_MS
    crowded = routings.effective_load > routings.least_load
    gains = tried is None or _is_gain(tried["foresight"])
    if not routing.flag("LOOKS", True):
        if not crowded.any():
            return []
        text = (
            f"Routing: `{routing.name}` looks at no instance: {_percent(float(crowded.mean()))} of its choices passed "
            "over an instance with fewer requests. "
        )
        if gains:
            text += f"A choice costs {_ms(cost)} of expected TTFT; compare `least-loaded` and `weighted`."
        else:
            text += "At this load that cost nothing that the rollouts could show; it will under bursts and high load."
        return [(cost, text)]
    if not gains:
        return []
    hints = []
    if bad.any() and crowded[bad].mean() >= LARGE_SHARE:
        text = f"Routing: `{routing.name}` underrates load; each choice costs {_ms(cost)} of expected TTFT."
        hints.append((cost, text))
    if bad.any() and (routings.cached_blocks < routings.most_cached_blocks)[bad].mean() >= LARGE_SHARE:
        hints.append((cost, f"Routing: `{routing.name}` underrates cached prefixes; warm instances were passed over."))
    return hints


def _focus(result: Result, metrics: Mapping[str, Any], told: Mapping[str, Any]) -> list[str]:
    """What to change first, by rules on the figures above."""
    anomalies, hints = told["anomalies"], _routing_hints(result, told)
    advice = {
        "load-imbalance": "Spread the load: one instance queues while another has room.",
        "cache-thrashing": "Keep prefixes where they are, or add KV blocks: they are evicted before their reuse.",
        "head-of-line-blocking": "Order queues by size (`sjf`): small requests wait behind large ones.",
        "preemption-storm": "Admit less or lower `max_running_requests`: KV memory is overcommitted.",
        "priority-inversion": "Scheduling works against the priorities: use `priority-fcfs` with the one meant.",
        "starvation": "Let age count in the priority (`linear` with a weight on age): some requests wait without end.",
        "rejection-storm": "Admission refuses most of the traffic: raise its limits, or scale out.",
        "slo-violation-burst": "Shed the less urgent classes (`tier-shed`), or scale out: targets are missed.",
        "livelock": "Give instances more KV blocks or smaller batches: they preempt without completing anything.",
    }
    for name, text in advice.items():
        if anomalies[name]["count"]:
            hints.append((1e3 * (anomalies[name]["rate"] or 1.0), text))
    if not hints and metrics["slo_attainment"] is None:
        return ["- No request arrived: give the run a longer horizon."]
    if not hints and metrics["slo_attainment"] < WELL_SERVED:
        return [
            f"- SLO attainment is {_percent(metrics['slo_attainment'])}, but no detector found a pattern: either a "
            "horizon came before many requests were done, or single requests are too slow for their targets."
        ]
    if not hints:
        return [
            f"- Nothing stands out at this load (SLO attainment {_percent(metrics['slo_attainment'])}): try a higher "
            "one before tuning policies."
        ]
    hints.sort(key=lambda hint: (-hint[0], hint[1]))
    return [f"{place}. {text}" for place, (_, text) in enumerate(hints[:MOST_HINTS], 1)]


def _number(value: float | None, digits: int = 2) -> str:
    return "none" if value is None else f"{value:,.{digits}f}"


def _ms(value: float | None) -> str:
    return "none" if value is None else f"{value:,.1f} ms"


def _signed(value: float | None) -> str:
    return "unknown" if value is None else f"{value:+,.2f} ms"


def _percent(share: float | None) -> str:
    return "none" if share is None or np.isnan(share) else f"{100 * share:.1f} %"
