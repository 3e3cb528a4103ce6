"""Tokens that the instances hold or have been sent, against the tokens that their KV blocks have room for.

Wise where requests differ in length: it counts in the unit that runs out. It adds to the blocks that are reported in
use the prompts that wait in the instances' queues and those that are on their way, and can leave room for outputs.
Between two reports it sees nothing of what has been sent; `concurrency` with `mode: tokens` does.

A form of our own of what token-based analysers of capacity do.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import GatewayView, RouterView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

READS_RECORDS = False


class Params(NamedTuple):
    """What is left free."""

    headroom: Annotated[float, Bounds(0.0, 0.99, "share of the KV blocks")] = 0.1


def measure(view: RouterView, gateway: GatewayView, params: Float64Vector, memory: Float64Vector) -> float:
    """Demand over what may be used."""
    held, room = gateway.in_transit_tokens * 1.0, 0.0
    for instance in view.candidates:
        total = view.total_blocks[instance] * view.block_size_tokens
        used = view.used_blocks[instance] * view.block_size_tokens + view.queued_tokens[instance]
        held += used if view.is_known[instance] else total
        room += total
    return float(held / (room * (1.0 - params[0])))
