"""Let every instance encode what the prompts that it computes need.

Wise where media are few, or no instance is to spare for them.

Source: llm-d-router's disagg-profile-handler without a decider for the stage encode.
"""

from typing import NamedTuple

from blis.engine.views import EncodingView, RequestView, RouterView
from blis.foundation.units import Float64Vector

NEVER_ENCODES_APART = True


class Params(NamedTuple):
    """No parameters."""


def encode_apart(
    view: RouterView, encoders: EncodingView, request: RequestView, params: Float64Vector, memory: Float64Vector
) -> int:
    """0."""
    return 0
