"""Prefer instances that have few prompt tokens to compute, those of the request included, absolutely.

The tokens are the router's own count: what it sent there and has seen no first token of, and what of this prompt it did
not send there before. So a burst is spread even while reports are old.

Source: llm-d-router 0.9, token-load-scorer, with its default threshold and the approximate prefix index.
"""

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector

NEEDS = frozenset({"affinity_blocks", "sent_prompts"})

#: Prompt tokens from which on an instance scores 0 (queueThresholdTokens).
THRESHOLD_TOKENS = 4_194_304


def score(view: RouterView, request: RequestView, out: Float64Vector) -> None:
    """1 - min(1, (tokens sent there + the request's uncached tokens) / 4,194,304)."""
    for instance in range(view.n_instances):
        uncached = max(0, request.input_tokens - view.affinity_blocks[instance] * view.block_size_tokens)
        out[instance] = 1.0 - min(1.0, (view.sent_tokens[instance] + uncached) / THRESHOLD_TOKENS)
