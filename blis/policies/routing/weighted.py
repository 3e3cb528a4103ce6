"""Send a request to the instance with the largest weighted sum of scores.

The router of llm-d: each scorer of `blis.policies.scoring` judges every instance between 0 and 1, and only the ratios
of the weights matter.
"""

from typing import Annotated, NamedTuple

from blis.engine.choice import best_instance
from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import ScorerWeights

SCORES = True


class Params(NamedTuple):
    """The scorers, in the order in which their products are summed, and their weights."""

    scorers: Annotated[tuple[tuple[str, float], ...], ScorerWeights()] = (
        ("prefix-affinity", 3.0),
        ("queue-depth", 2.0),
        ("kv-utilization", 2.0),
    )


def route(
    view: RouterView,
    request: RequestView,
    params: Float64Vector,
    memory: Float64Vector,
    scores: Float64Vector,
) -> int:
    """Instance of the largest composite score."""
    for instance in range(view.n_instances):
        composite = 0.0
        for scorer in range(view.n_scorers):
            score = view.scorer_scores[scorer, instance]
            composite += min(1.0, max(0.0, score)) * params[scorer]
        scores[instance] = composite
    return best_instance(scores, view.tie_draw)
