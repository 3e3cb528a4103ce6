"""What counts as better, read off the records of runs."""

from evolve.comparing import Objective
from evolve.judging.goals import Goals, family
from evolve.records import Record


def read_objectives(goals: Goals) -> list[Objective]:
    """What counts as better, as the evidence reads it; each of several values weighs alike."""
    weights: dict[str, float] = {}
    for group in goals.groups:
        for name, weight in group.items():
            weights[name] = weights.get(name, 0.0) + weight / len(goals.groups)
    return [_objective(name, weight) for name, weight in weights.items()]


def _objective(name: str, weight: float) -> Objective:
    module = family(name)

    def value(record: Record) -> float | None:
        found: float | None = module.value(name, record, 0.0)
        return found

    return Objective(name, weight, module.JUDGED[name], value)
