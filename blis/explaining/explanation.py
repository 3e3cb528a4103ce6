"""Why a run went as it did: decisions, regret and anomalies of a traced run, as plain data."""

from typing import Any

import numpy as np

from blis.explaining.anomalies import Evidence, Finding
from blis.explaining.evicted_blocks import eviction_figures
from blis.explaining.findings import findings, findings_document
from blis.explaining.regret import reference_figures, rollout_figures, score_figures
from blis.explaining.worst_decisions import worst_decisions_document
from blis.metrics.served import served_requests
from blis.result import Result


def evidence_of(result: Result) -> Evidence:
    """What detectors may look at."""
    targets = result.scenario.slo
    served = served_requests(result.requests, result.outcome, targets)
    return Evidence(result.requests, result.cluster, result.outcome, dict(result.policies), targets, served.meets_slo)


def explanation(result: Result) -> dict[str, Any]:
    """Decisions, the three kinds of regret, anomalies, and the worst decisions, ready for JSON.

    Raises
    ------
    ConfigError
        If the run was not traced.
    """
    trace, evidence = result.trace, evidence_of(result)
    return {
        "decisions": decision_counts(result),
        "regret": {
            "score": score_figures(result.outcome.requests),
            "reference": reference_figures(trace),
            "eviction": eviction_figures(evidence),
            "rollout": None if result.rollouts is None else rollout_figures(result.rollouts, trace),
        },
        "anomalies": findings_document(findings(evidence)),
        "worst_decisions": worst_decisions_document(result),
    }


def decision_counts(result: Result) -> dict[str, Any]:
    """How many were admitted and rejected, and where they went."""
    trace = result.trace
    admitted = int((trace.admissions.verdict == 0).sum())
    places = np.bincount(trace.routings.instance, minlength=len(result.cluster.instances))
    return {
        "admissions": len(trace.admissions),
        "admitted": admitted,
        "rejected": len(trace.admissions) - admitted,
        "routings": len(trace.routings),
        "targets": {f"instance_{place}": int(count) for place, count in enumerate(places.tolist())},
        "unique_targets": int((places > 0).sum()),
        "preemptions": len(trace.preemptions),
    }


def trace_figures(result: Result) -> dict[str, float | None]:
    """The same as flat figures, for searches: anomaly/<name> is a rate, or a count where there is none."""
    found: dict[str, Finding] = findings(evidence_of(result))
    figures: dict[str, float | None] = {
        f"anomaly/{name}": finding.rate if finding.rate is not None else float(finding.count)
        for name, finding in found.items()
    }
    reference = reference_figures(result.trace)
    figures["regret/reference_mean_ms"] = reference["mean_ms"]
    figures["regret/reference_p99_ms"] = reference["p99_ms"]
    figures["regret/score_mean"] = score_figures(result.outcome.requests)["mean"]
    if result.rollouts is not None:
        tried = rollout_figures(result.rollouts, result.trace)
        figures["regret/rollout_ttft_mean_ms"] = tried["ttft_mean_ms"]
        figures["regret/rollout_e2e_mean_ms"] = tried["e2e_mean_ms"]
    return figures
