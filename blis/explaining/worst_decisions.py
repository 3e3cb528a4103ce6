"""The routing decisions that cost most, told in words."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from blis.engine.records import Records
from blis.engine.rollout import ROUTING_DECISION
from blis.explaining.regret import reference_regret_ms, tried_decisions
from blis.foundation.units import US_PER_MS, US_PER_S
from blis.result import Result

MOST = 10


@dataclass(frozen=True, slots=True)
class WorstDecision:
    """One decision, what it was, and what would have been better."""

    request: int  #: its number
    time_s: float
    chosen: int
    better: int
    regret_ms: float  #: of TTFT
    measured: bool  #: by a rollout; else expected by the reference model
    text: str


def worst_decisions(result: Result) -> list[WorstDecision]:
    """At most `MOST` routing decisions with the largest regret of TTFT, worst first; those without regret are left out.

    Rollout regret where decisions were tried otherwise, reference regret where they were not.
    """
    rollouts = result.rollouts
    if rollouts is None or not (rollouts.kind == ROUTING_DECISION).any():
        return _expected(result)
    return _measured(result, rollouts)


def worst_decisions_document(result: Result) -> list[dict[str, Any]]:
    """The same as plain data."""
    return [asdict(one) for one in worst_decisions(result)]


def _measured(result: Result, rollouts: Records) -> list[WorstDecision]:
    tried = tried_decisions(rollouts)
    regret = np.where(np.isfinite(tried.ttft_regret_ms), tried.ttft_regret_ms, 0.0)
    entry_of = {int(request): entry for entry, request in enumerate(result.trace.routings.request.tolist())}
    worst = []
    for place in np.argsort(-regret, kind="stable")[:MOST].tolist():
        if regret[place] <= 0:
            break
        row = rollouts[tried.best[place]]
        e2e = ""
        if row.e2e_us >= 0 and row.real_e2e_us >= 0:
            e2e = f", its last {_sooner((row.real_e2e_us - row.e2e_us) / US_PER_MS)}"
        others = tried.others_e2e_change_ms[place]
        effect = ""
        if row.others_completed > 0:
            effect = f"; the E2E of {row.others_completed} others would have changed by {others:+.2f} ms"
        ttft_ms = (row.real_ttft_us - row.ttft_us) / US_PER_MS
        text = (
            f"{_what(result, entry_of[int(row.request)])}; on instance_{row.alternative} its first token would "
            f"have come {_sooner(ttft_ms)}{e2e}{effect}."
        )
        worst.append(
            _decision(result, entry_of[int(row.request)], int(row.alternative), float(regret[place]), True, text)
        )
    return worst


def _expected(result: Result) -> list[WorstDecision]:
    routings, regret = result.trace.routings, reference_regret_ms(result.trace)
    worst = []
    for entry in np.argsort(-regret, kind="stable")[:MOST].tolist():
        if regret[entry] <= 0:
            break
        one = routings[entry]
        text = (
            f"{_what(result, entry)}; instance_{one.quickest} promised a first token after "
            f"{one.least_ttft_us / US_PER_MS:.1f} ms instead of {one.expected_ttft_us / US_PER_MS:.1f} ms."
        )
        worst.append(_decision(result, entry, int(one.quickest), float(regret[entry]), False, text))
    return worst


def _decision(result: Result, entry: int, better: int, regret_ms: float, measured: bool, text: str) -> WorstDecision:
    one = result.trace.routings[entry]
    number = int(result.requests.number[one.request])
    return WorstDecision(number, float(one.clock_us / US_PER_S), int(one.instance), better, regret_ms, measured, text)


def _what(result: Result, entry: int) -> str:
    one = result.trace.routings[entry]
    number, prompt = result.requests.number[one.request], result.requests.input_tokens[one.request]
    text = (
        f"request_{number} ({prompt} prompt tokens) at {one.clock_us / US_PER_S:.3f} s went to "
        f"instance_{one.instance} with load "
        f"{one.effective_load} (least: {one.least_load})"
    )
    if one.most_cached_blocks > 0:
        text += f" and {one.cached_blocks} of its prompt blocks cached (most anywhere: {one.most_cached_blocks})"
    return text


def _sooner(milliseconds: float) -> str:
    return f"{abs(milliseconds):.1f} ms {'sooner' if milliseconds >= 0 else 'later'}"
