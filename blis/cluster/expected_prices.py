"""What an instance's steps are expected to cost, as a planner measures it before it plans: four numbers for each pool.

A step of nothing but prompts, as large as the budget lets it be, gives the price of a prompt token; three steps of
nothing but decodes give a plane through the price of a decode step, by the number of requests and the tokens of their
contexts. Planners profile engines the same way (Dynamo's profiler sweeps input lengths for prefill, and contexts and
concurrency for decode).
"""

from typing import NamedTuple

from blis.cluster.instances import Instance
from blis.engine.answers import compiled_answer
from blis.engine.batch_sums import BatchSums

#: Contexts of the two steps that the price of a token of context is measured between [tokens].
SHORT_CONTEXT_TOKENS, LONG_CONTEXT_TOKENS = 128, 2048


class ExpectedPrices(NamedTuple):
    """Prices of steps."""

    prefill_us_per_token: float  #: of a full step of prompts
    decode_us: float  #: of a step of decodes, whatever their number
    decode_us_per_request: float  #: that each adds
    decode_us_per_token: float  #: that each token of their contexts adds


def expected_prices(latency: str, instance: Instance) -> ExpectedPrices:
    """Measure an instance's prices with its own latency model."""
    step_time = compiled_answer("latency", latency)

    def step_us(sums: BatchSums) -> float:
        return float(step_time(sums, instance.latency.coefficients))

    def decodes_us(requests: int, context: int) -> float:
        return step_us(BatchSums(0, 0, 0, 0, 0, requests, requests * context))

    tokens = instance.step_token_budget
    # One prompt that fills the budget: see BatchSums for what its squares are.
    prompt = BatchSums(1, tokens, 0, tokens * (tokens - 1), 3 * tokens * tokens, 0, 0)
    most = max(2, instance.max_running_requests)
    one, many = decodes_us(1, SHORT_CONTEXT_TOKENS), decodes_us(most, SHORT_CONTEXT_TOKENS)
    longer = decodes_us(most, LONG_CONTEXT_TOKENS)
    per_token = max(0.0, (longer - many) / (most * (LONG_CONTEXT_TOKENS - SHORT_CONTEXT_TOKENS)))
    per_request = max(0.0, (many - one) / (most - 1) - SHORT_CONTEXT_TOKENS * per_token)
    return ExpectedPrices(
        max(1e-9, step_us(prompt) / tokens),
        max(1.0, one - per_request - SHORT_CONTEXT_TOKENS * per_token),
        per_request,
        per_token,
    )
