"""Lessons of a world whose best policy is known."""

import numpy as np

from blis.engine.features import ROUTING_FEATURES
from blis.foundation.units import Float64Vector
from evolve.practice import Lessons
from evolve.practice.signals import scorers


def planted_lessons(
    gain: dict[str, float], n_decisions: int = 60, n_instances: int = 4, noise: float = 0.1, seed: int = 1
) -> Lessons:
    """Lessons in which a choice is worth the sum of scores and features times `gain`, and some chance."""
    random = np.random.default_rng(seed)
    rows = n_decisions * n_instances
    scores, features = random.random((rows, len(scorers()))), random.random((rows, len(ROUTING_FEATURES)))
    worth = noise * random.standard_normal(rows)
    for name, factor in gain.items():
        worth = worth + factor * _column(name, scores, features)
    decision = np.repeat(np.arange(n_decisions), n_instances)
    is_chosen = np.arange(rows) % n_instances == 0
    advantage = worth - worth[is_chosen][decision]
    return Lessons(
        decision, np.zeros(rows, np.int64), is_chosen, scores, features, np.stack([advantage, advantage]), scorers(),
        (0.0, 2.0),
    )  # fmt: skip


def _column(name: str, scores: Float64Vector, features: Float64Vector) -> Float64Vector:
    if name in scorers():
        return scores[:, scorers().index(name)]
    return features[:, ROUTING_FEATURES.index(name)]
