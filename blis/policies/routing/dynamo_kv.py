"""Send a request where the blocks to prefill and the blocks in use are fewest.

NVIDIA Dynamo's KV router: both are counted in KV blocks and added. Wise where decoding is bound by memory; a cached
prefix counts no more than as many blocks in use.

Source: Dynamo, components/router: prefill_load_scale · max(active prefill blocks + request blocks - overlap credit, 0)
+ decode blocks; router_temperature draws by exp(-(cost - least) / ((most - least) · temperature)).
"""

from typing import Annotated, NamedTuple

from blis.engine.picking import PICKERS, picked_instance
from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

SCORES = True
NEEDS = frozenset({"cached_blocks"})
_SOFTMAX = PICKERS.index("softmax")


class Params(NamedTuple):
    """What a block to prefill weighs beside one in use, what a cached one is credited with, and how freely is drawn."""

    prefill_load_scale: Annotated[float, Bounds(0.0, 1000.0, "blocks in use")] = 1.0
    overlap_score_credit: Annotated[float, Bounds(0.0, 1.0, "blocks")] = 1.0
    temperature: Annotated[float, Bounds(0.0, 10.0, "of the spread of costs; 0: the least cost")] = 0.0


def route(
    view: RouterView,
    request: RequestView,
    params: Float64Vector,
    memory: Float64Vector,
    scores: Float64Vector,
) -> int:
    """Instance of the least cost, or one that is drawn by the costs."""
    blocks = -(-request.input_tokens // view.block_size_tokens)
    for instance in range(view.n_instances):
        waiting = view.queued_tokens[instance] / view.block_size_tokens
        prefill = max(0.0, waiting + blocks - params[1] * view.cached_blocks[instance])
        scores[instance] = -(params[0] * prefill + view.used_blocks[instance] + blocks)
    return picked_instance(scores, view.candidates, _SOFTMAX, 0, params[2], view.tie_draw, view.draw)
