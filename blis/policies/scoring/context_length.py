"""Prefer instances that are meant for prompts of the request's length, narrow ranges and room above it before others.

Pools say what they are meant for by `context_length_range`. Wise where long prompts have instances of their own, with
more memory or smaller batches, and short ones should not wait behind them.

Source: llm-d-router 0.9, context-length-aware; `enableFiltering`, which makes the range a must, is not here.
"""

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector


def score(view: RouterView, request: RequestView, out: Float64Vector) -> None:
    """In the range 0.3 + 0.7 (0.7 / (1 + width / 10,000) + 0.3 room / width), else 0.3 / (1 + distance / 1,000).

    0.5 where an instance has no range; a width of 0 counts as full of room.
    """
    length = request.input_tokens
    for instance in view.candidates:
        low, high = view.context_low_tokens[instance], view.context_high_tokens[instance]
        if low < 0:
            out[instance] = 0.5
        elif length < low or length > high:
            distance = low - length if length < low else length - high
            out[instance] = 0.3 / (1.0 + distance / 1000.0)
        else:
            width = high - low
            room = 1.0 if width == 0 else (high - length) / width
            out[instance] = 0.3 + 0.7 * (0.7 / (1.0 + width / 10000.0) + 0.3 * room)
