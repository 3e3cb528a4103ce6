"""Prefer instances where the request can expect an early first token, and quick ones after it, relative to the others.

What is expected, and from what, is in `blis.engine.prediction`.

Source: llm-d-router 0.9, latency-scorer with its weights, for a request without an objective; its score is rounded to
hundredths, this is not.
"""

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector

NEEDS = frozenset({"expected_latency"})

TTFT_WEIGHT, ITL_WEIGHT = 0.8, 0.2


def score(view: RouterView, request: RequestView, out: Float64Vector) -> None:
    """0.8 (longest - TTFT) / (longest - shortest) + 0.2 of the same for ITL; what is equal everywhere has no say."""
    first = view.candidates[0]
    low_ttft = high_ttft = view.expected_ttft_us[first]
    low_itl = high_itl = view.expected_itl_us[first]
    for instance in view.candidates:
        low_ttft = min(low_ttft, view.expected_ttft_us[instance])
        high_ttft = max(high_ttft, view.expected_ttft_us[instance])
        low_itl = min(low_itl, view.expected_itl_us[instance])
        high_itl = max(high_itl, view.expected_itl_us[instance])
    ttft_weight = TTFT_WEIGHT if high_ttft > low_ttft else 0.0
    itl_weight = ITL_WEIGHT if high_itl > low_itl else 0.0
    total = ttft_weight + itl_weight
    for instance in view.candidates:
        value = 0.0
        if ttft_weight > 0.0:
            value += ttft_weight / total * ((high_ttft - view.expected_ttft_us[instance]) / (high_ttft - low_ttft))
        if itl_weight > 0.0:
            value += itl_weight / total * ((high_itl - view.expected_itl_us[instance]) / (high_itl - low_itl))
        out[instance] = value if total > 0.0 else 1.0
