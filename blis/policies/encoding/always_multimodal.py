"""Encode apart for every request that has images, audio or video.

Wise where media make up much of the prompts, so that steps that encode would keep decodes waiting.

Source: llm-d-router's always-disagg-multimodal-decider.
"""

from typing import NamedTuple

from blis.engine.views import EncodingView, RequestView, RouterView
from blis.foundation.units import Float64Vector


class Params(NamedTuple):
    """No parameters."""


def encode_apart(
    view: RouterView, encoders: EncodingView, request: RequestView, params: Float64Vector, memory: Float64Vector
) -> int:
    """1: nobody else is asked about."""
    return 1
