"""Encode apart unless too many tokens of media wait at the instances that encode: then who computes the prompt does it.

Wise where pictures come in bursts that the instances which encode cannot follow: who would only wait there is encoded
with its prompt.

Source: own; as Dynamo's conditional disaggregation does it for prompts (`prefill_load`).
"""

from typing import Annotated, NamedTuple

from blis.engine.views import EncodingView, RequestView, RouterView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds


class Params(NamedTuple):
    """How many may wait."""

    tokens: Annotated[float, Bounds(0, 1e7, "tokens of media that wait, for each instance that encodes")] = 8192.0


def encode_apart(
    view: RouterView, encoders: EncodingView, request: RequestView, params: Float64Vector, memory: Float64Vector
) -> int:
    """1 while no more than that many wait."""
    return 1 if encoders.encode_tokens <= params[0] * encoders.encode_instances else 0
