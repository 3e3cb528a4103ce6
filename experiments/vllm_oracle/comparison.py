"""Where two recordings of the same scenarios first say different things."""

from __future__ import annotations

from dataclasses import dataclass, field

from blis.foundation.errors import ConfigError
from experiments.vllm_oracle.recording import COLUMNS, STEP_COLUMNS, Recorded
from experiments.vllm_oracle.scenario import Scenario

MOST_SCENARIOS = 20  #: that are told of; the others are counted


@dataclass(slots=True)
class Verdict:
    """What a comparison found."""

    lines: list[str] = field(default_factory=list)
    differs: bool = False


def compare(
    scenarios: list[Scenario], one_name: str, one: dict[str, Recorded], other_name: str, other: dict[str, Recorded]
) -> Verdict:
    """Compare all scenarios, request by request, and step by step where both sides know theirs.

    Raises
    ------
    ConfigError
        If a side lacks a scenario, or has another number of requests for it.
    """
    verdict = Verdict()
    n_requests = n_equal = n_scenarios = 0
    for scenario in scenarios:
        sides = [_of(scenario, one_name, one), _of(scenario, other_name, other)]
        rows = list(zip(sides[0].requests, sides[1].requests, strict=True))
        n_requests += len(rows)
        n_equal += sum(left == right for left, right in rows)
        lines = _differences(rows, *sides)
        if not lines:
            continue
        verdict.differs = True
        n_scenarios += 1
        if n_scenarios <= MOST_SCENARIOS:
            verdict.lines += [f"{scenario.name}: {line}" for line in lines]
    if n_scenarios > MOST_SCENARIOS:
        verdict.lines.append(f"and {n_scenarios - MOST_SCENARIOS} scenarios more")
    verdict.lines.append(f"{n_equal:,} of {n_requests:,} requests equal, in {len(scenarios)} scenarios")
    return verdict


def _of(scenario: Scenario, name: str, recording: dict[str, Recorded]) -> Recorded:
    if scenario.name not in recording:
        raise ConfigError(f"{name} must hold every scenario; {scenario.name!r} is not there.")
    found = recording[scenario.name]
    if len(found.requests) != len(scenario.requests):
        raise ConfigError(
            f"{name}: {scenario.name} must have {len(scenario.requests)} requests, as the scenario has; got "
            f"{len(found.requests)}."
        )
    return found


def _differences(rows: list[tuple[list[int | None], list[int | None]]], one: Recorded, other: Recorded) -> list[str]:
    """The first request, and the first step, that differ."""
    lines = []
    for place, (left, right) in enumerate(rows):
        if left != right:
            n_more = sum(a != b for a, b in rows[place + 1 :])
            lines.append(f"request {place}: {_fields(COLUMNS, left, right)}; and {n_more} requests more")
            break
    if one.steps is not None and other.steps is not None:
        for place, (before, after) in enumerate(zip(one.steps, other.steps, strict=False)):
            if before != after:
                lines.append(f"step {place} at {before[0]} µs: {_fields(STEP_COLUMNS, before, after)}")
                return lines
    if one.n_steps is not None and other.n_steps is not None and one.n_steps != other.n_steps:
        lines.append(f"{one.n_steps} steps against {other.n_steps}")
    return lines


def _fields(names: tuple[str, ...], left: list[int | None] | list[int], right: list[int | None] | list[int]) -> str:
    return ", ".join(f"{name} {a} against {b}" for name, a, b in zip(names, left, right, strict=True) if a != b)
