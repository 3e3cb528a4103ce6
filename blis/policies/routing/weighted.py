"""Send a request to the instance with the largest weighted sum of scores, or to one that is drawn by these sums.

The router of llm-d: each scorer of `blis.policies.scoring` judges every instance between 0 and 1, and only the ratios
of the weights matter. Drawing is wise where signals are old or several routers share the instances: not everybody runs
to the same one.
"""

from typing import Annotated, NamedTuple

from blis.engine.picking import PICKERS, picked_instance
from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds, OneOf, ScorerWeights

SCORES = True


class Params(NamedTuple):
    """The scorers, in the order in which their products are summed, their weights, and who is picked by the sums."""

    scorers: Annotated[tuple[tuple[str, float], ...], ScorerWeights()] = (
        ("prefix-affinity", 3.0),
        ("queue-depth", 2.0),
        ("kv-utilization", 2.0),
    )
    picker: Annotated[str, OneOf(PICKERS)] = "largest"
    best: Annotated[int, Bounds(0, 1024, "instances, for random-of-best; 0: all")] = 0
    temperature: Annotated[float, Bounds(0.0, 1000.0, "for softmax; 0: the largest")] = 0.0


def route(
    view: RouterView,
    request: RequestView,
    params: Float64Vector,
    memory: Float64Vector,
    scores: Float64Vector,
) -> int:
    """Instance that the picker takes by composite scores."""
    scores[:] = 0.0
    for scorer in range(view.n_scorers):
        weight = params[scorer]
        for instance in range(view.n_instances):  # the inner loop: so several are added up at a time
            scores[instance] += min(1.0, max(0.0, view.scorer_scores[scorer, instance])) * weight
    after = view.n_scorers
    return picked_instance(
        scores, view.candidates, int(params[after]), int(params[after + 1]), params[after + 2], view.tie_draw, view.draw
    )
