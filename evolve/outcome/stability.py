"""Does the choice of the champion rest on a single scenario? The finals again, with each scenario left out in turn.

A scenario without which somebody else would have won is one that the choice hinges on: whoever believes in the champion
believes in that scenario. Of families, whole families are left out: that one member tips the scales is chance.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evolve.plan import Plan
from evolve.records import Genome, Score
from evolve.selection.individual import Individual

#: Scenarios of which people are told who would have won without them; of the others only the names.
_MOST_TOLD = 3


@dataclass(frozen=True, slots=True)
class Stability:
    """How the finalists that were judged to the end rank when a scenario is left out."""

    places: Mapping[str, tuple[int, ...]]  #: scenario -> place of each finalist without it, from 1; the champion first
    leads: Mapping[str, float]  #: scenario -> the champion's fitness without it over that of the best of the others

    @property
    def n_finalists(self) -> int:
        """How many were judged to the end; 0 if nothing could be left out."""
        return len(next(iter(self.places.values()), ()))

    @property
    def hinges(self) -> tuple[str, ...]:
        """Scenarios without which another finalist would be champion, the one with the largest loss first."""
        lost = [scenario for scenario, places in self.places.items() if places[0] > 1]
        return tuple(sorted(lost, key=lambda scenario: self.leads[scenario]))

    def winner(self, scenario: str) -> int:
        """Which of the finalists would be champion without a scenario: its place in the finals, from 0."""
        return self.places[scenario].index(1)


def stability(scores: Sequence[Mapping[str, Score]], sizes: Sequence[float]) -> Stability:
    """How stable a ranking is.

    Parameters
    ----------
    scores : sequence of mappings of scenario to Score
        Of each finalist, the champion first: its score without that scenario.
    sizes : sequence of float
        Their complexities: of equals the simpler one wins, and of those whoever won with all scenarios.
    """
    places: dict[str, tuple[int, ...]] = {}
    leads: dict[str, float] = {}
    for scenario in scores[0]:
        without = [own[scenario] for own in scores]
        merits = [merit(score, size) for score, size in zip(without, sizes, strict=True)]
        order = sorted(range(len(merits)), key=lambda finalist: merits[finalist], reverse=True)  # ties keep their order
        places[scenario] = tuple(int(place) + 1 for place in np.argsort(order))
        leads[scenario] = _lead(without)
    return Stability(places, leads)


def merit(score: Score, size: float) -> tuple[bool, float, float]:
    """What the champion has most of; of equals the simpler one wins."""
    return score.is_feasible, score.fitness, -size


def _lead(scores: Sequence[Score]) -> float:
    """The first one's fitness over the best of the others; 1 where there is no ratio, as constraints are broken."""
    others = [score.fitness for score in scores[1:] if score.is_feasible]
    if not others or not scores[0].is_feasible:
        return 1.0
    return scores[0].fitness / max(others)


def finalist_names(plan: Plan, finalists: Sequence[Individual]) -> list[str]:
    """What to call each finalist: by its name if it is a known policy, else by its place."""
    known = {plan.problem.digest(genome): name for name, genome in _known(plan)}
    return [
        known.get(finalist.digest, f"finalist {place} (of generation {finalist.generation})")
        for place, finalist in enumerate(finalists, 1)
    ]


def _known(plan: Plan) -> Iterator[tuple[str, Genome]]:
    for name, phenotype in plan.baselines.items():
        genome = None if phenotype.allows_python else plan.problem.encode(phenotype.policies, phenotype.limits)
        if genome is not None:
            yield name, genome


def stability_text(found: Stability, names: Sequence[str]) -> str:
    """What people should know of it.

    Parameters
    ----------
    found : Stability
    names : sequence of str
        What to call each finalist, the champion first.
    """
    if not found.places:
        return "One scenario chose the champion: nothing can be left out."
    if found.n_finalists < 2:
        return "One finalist was judged to the end: nobody else could have been chosen."
    if not found.hinges:
        least = min(found.leads, key=lambda scenario: found.leads[scenario])
        return (
            "The choice hinges on no single scenario: the champion stays first whichever of the "
            f"{len(found.places)} is left out. It is closest without {least}, where it leads by "
            f"{_percent(found.leads[least])}."
        )
    told = [
        f"without {scenario}, {names[found.winner(scenario)]} would be champion, ahead by "
        f"{_percent(1.0 / found.leads[scenario])}"
        for scenario in found.hinges[:_MOST_TOLD]
    ]
    more = len(found.hinges) - _MOST_TOLD
    rest = f"; and without {more} more somebody else, too" if more > 0 else ""
    return f"The choice HINGES on {_listed(found.hinges)}: {'; '.join(told)}{rest}."


def _percent(ratio: float) -> str:
    return f"{100.0 * (ratio - 1.0):.2f} %"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
