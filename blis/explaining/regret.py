"""How much better decisions could have been, by the three measures that `blis.explaining.counterfactual` names."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from blis.engine.records import Records
from blis.engine.rollout import ADMISSION_DECISION, ROUTING_DECISION
from blis.engine.state import TraceLog
from blis.foundation.units import US_PER_MS, BoolVector, Float64Vector, Int64Vector
from blis.metrics.percentiles import Figures
from blis.outcome import RequestOutcome

#: An alternative that is better by less than this [ms] is none worth mentioning.
NOTABLE_MS = 1.0


def score_figures(requests: RequestOutcome) -> Figures:
    """Score regret over all routing decisions, in the policy's own units; None where none was made."""
    regret = requests.routing_regret[~np.isnan(requests.routing_regret)]
    return {
        "mean": float(regret.mean()) if len(regret) else None,
        "max": float(regret.max()) if len(regret) else None,
    }


def reference_figures(trace: TraceLog) -> Figures:
    """Reference regret [ms] over all routing decisions, and how many chose the instance that promised most."""
    regret_ms = reference_regret_ms(trace)
    if not len(regret_ms):
        return dict.fromkeys(("mean_ms", "p50_ms", "p99_ms", "max_ms", "best_choice_share", "expected_ttft_ms"))
    p50, p99 = np.percentile(regret_ms, [50, 99])
    return {
        "mean_ms": float(regret_ms.mean()),
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "max_ms": float(regret_ms.max()),
        "best_choice_share": float((regret_ms == 0).mean()),
        "expected_ttft_ms": float(trace.routings.expected_ttft_us.mean() / US_PER_MS),
    }


def reference_regret_ms(trace: TraceLog) -> Float64Vector:
    """(decisions,) expected TTFT of the chosen instance minus the least one [ms]."""
    regret_us: Float64Vector = trace.routings.expected_ttft_us - trace.routings.least_ttft_us
    return regret_us / US_PER_MS


@dataclass(frozen=True, slots=True)
class TriedDecisions:
    """Routing decisions that were tried otherwise, one entry each; times in ms, NaN where there is none."""

    first: Int64Vector  #: its first row among the rollouts
    best: Int64Vector  #: row of the alternative with the least TTFT
    ttft_regret_ms: Float64Vector  #: how much earlier the first token would have come there, 0 if nowhere
    e2e_regret_ms: Float64Vector  #: how much earlier the last token would have come at its own best place
    others_e2e_change_ms: Float64Vector  #: mean change for the others, with `best`


def tried_decisions(rollouts: Records) -> TriedDecisions:
    """Sum up the routing rollouts by decision."""
    rows = np.flatnonzero(rollouts.kind == ROUTING_DECISION)
    request = rollouts.request[rows]
    starts = np.flatnonzero(np.concatenate([[True], request[1:] != request[:-1]])) if len(rows) else rows
    first = rows[starts]
    sizes = np.diff(np.append(starts, len(rows)))
    ttft, e2e, best = np.zeros(len(first)), np.zeros(len(first)), first.copy()
    for place, (start, size) in enumerate(zip(first.tolist(), sizes.tolist(), strict=True)):
        tried = rollouts[start : start + size]
        ttft_gain, e2e_gain = _gains(tried, "ttft_us"), _gains(tried, "e2e_us")
        best[place] = start + int(np.argmax(ttft_gain))
        ttft[place], e2e[place] = max(0.0, float(ttft_gain.max())), max(0.0, float(e2e_gain.max()))
    chosen = rollouts[best]
    compared = chosen.others_completed
    others = np.where(compared > 0, chosen.others_e2e_us / np.maximum(compared, 1), np.nan)
    return TriedDecisions(first, best, ttft / US_PER_MS, e2e / US_PER_MS, others / US_PER_MS)


def _gains(tried: Records, column: str) -> Float64Vector:
    """How much smaller a time is in each other future [µs]; minus infinity where it does not exist in it."""
    there, real = tried[column], tried[f"real_{column}"]
    gains: Float64Vector = np.where((there >= 0) & (real >= 0), (real - there).astype(np.float64), -np.inf)
    return np.where((there >= 0) & (real < 0), np.inf, gains) if not np.isfinite(gains).all() else gains


def rollout_figures(rollouts: Records, trace: TraceLog) -> dict[str, Any]:
    """Rollout regret [ms] of the sampled routing decisions, and what the sampled admissions did.

    The regret against the best of several alternatives is one in hindsight: among three futures that differ by chance
    one is mostly better, whatever the policy. What could have been known at the time is `foresight`: the real gain
    where the reference model promised more elsewhere, with its standard error.
    """
    tried = tried_decisions(rollouts)
    finite = np.isfinite(tried.ttft_regret_ms)
    ttft, e2e = tried.ttft_regret_ms[finite], tried.e2e_regret_ms[finite & np.isfinite(tried.e2e_regret_ms)]
    n = len(tried.first)
    return {
        "decisions": n,
        "alternatives": int((rollouts.kind == ROUTING_DECISION).sum()),
        "ttft_mean_ms": float(ttft.mean()) if len(ttft) else None,
        "ttft_p99_ms": float(np.percentile(ttft, 99)) if len(ttft) else None,
        "ttft_max_ms": float(ttft.max()) if len(ttft) else None,
        "e2e_mean_ms": float(e2e.mean()) if len(e2e) else None,
        "e2e_max_ms": float(e2e.max()) if len(e2e) else None,
        "improvable_share": float((tried.ttft_regret_ms >= NOTABLE_MS).mean()) if n else None,
        "best_choice_share": float((tried.ttft_regret_ms <= 0).mean()) if n else None,
        "foresight": _foresight_figures(rollouts, trace),
        "admissions": _admission_figures(rollouts),
    }


def _foresight_figures(rollouts: Records, trace: TraceLog) -> dict[str, Any]:
    """Mean real gain [ms of TTFT] at the instance that the reference model preferred by `NOTABLE_MS` or more."""
    regret_ms = np.zeros(int(trace.routings.request.max(initial=0)) + 1)
    quickest = np.full(len(regret_ms), -1)
    regret_ms[trace.routings.request] = reference_regret_ms(trace)
    quickest[trace.routings.request] = trace.routings.quickest
    rows = rollouts[rollouts.kind == ROUTING_DECISION]
    rows = rows[(rows.ttft_us >= 0) & (rows.real_ttft_us >= 0)]
    rows = rows[(regret_ms[rows.request] >= NOTABLE_MS) & (rows.alternative == quickest[rows.request])]
    gains_ms = (rows.real_ttft_us - rows.ttft_us) / US_PER_MS
    n = len(gains_ms)
    return {
        "decisions": n,
        "ttft_gain_ms": float(gains_ms.mean()) if n else None,
        "ttft_gain_error_ms": float(gains_ms.std(ddof=1) / np.sqrt(n)) if n > 1 else None,
    }


def _admission_figures(rollouts: Records) -> dict[str, Any]:
    """What rejecting the admitted, and admitting the rejected, would have changed."""
    rows = rollouts[rollouts.kind == ADMISSION_DECISION]
    admitted, rejected = rows[rows.chosen == 0], rows[rows.chosen != 0]
    served = rejected[rejected.ttft_us >= 0]
    return {
        "admitted": len(admitted),
        "others_e2e_change_if_rejected_ms": _mean_change(admitted),
        "rejected": len(rejected),
        "ttft_if_admitted_ms": float(served.ttft_us.mean() / US_PER_MS) if len(served) else None,
        "e2e_if_admitted_ms": _mean_of_known(rejected.e2e_us),
        "others_e2e_change_if_admitted_ms": _mean_change(rejected),
    }


def _mean_change(rows: Records) -> float | None:
    compared = int(rows.others_completed.sum())
    return float(rows.others_e2e_us.sum() / compared / US_PER_MS) if compared else None


def _mean_of_known(times_us: Int64Vector) -> float | None:
    known: BoolVector = times_us >= 0
    return float(times_us[known].mean() / US_PER_MS) if known.any() else None
