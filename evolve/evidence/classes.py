"""Who pays, who gains? The champion and a rival, class by class."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from evolve.records import Phenotype

#: Figures of a class that are shown, as `Result.metrics()` has them in `classes`.
FIGURES = ("slo_attainment", "completion_ratio", "ttft_p99_ms", "request_itl_mean_ms", "e2e_mean_ms")

#: (phenotype, scenario, seed) -> class -> figure -> value; None where it is not defined.
ClassFigures: TypeAlias = Callable[[Phenotype, str, int], Mapping[str, Mapping[str, float | None]]]


@dataclass(frozen=True, slots=True)
class ClassEffect:
    """A figure of one class in one scenario, means over seeds for which both sides have it."""

    scenario: str
    slo_class: str
    figure: str
    champion: float | None
    rival: float | None
    n_seeds: int


def examine(
    champion: Phenotype,
    rival: Phenotype,
    scenarios: Sequence[str],
    seeds: Sequence[int],
    class_figures: ClassFigures,
) -> list[ClassEffect]:
    """Means of the figures of each class."""
    effects = []
    for scenario in scenarios:
        ours = [class_figures(champion, scenario, seed) for seed in seeds]
        theirs = [class_figures(rival, scenario, seed) for seed in seeds]
        for name in dict.fromkeys(name for row in (*ours, *theirs) for name in row):
            for figure in FIGURES:
                pairs = [
                    (one.get(name, {}).get(figure), other.get(name, {}).get(figure))
                    for one, other in zip(ours, theirs, strict=True)
                ]
                both = np.array([pair for pair in pairs if None not in pair], float)
                means = both.mean(axis=0) if len(both) else (None, None)
                effects.append(ClassEffect(scenario, name, figure, _plain(means[0]), _plain(means[1]), len(both)))
    return effects


def _plain(value: float | None) -> float | None:
    return None if value is None else float(value)
