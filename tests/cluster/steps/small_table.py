"""A table whose prices are simple formulas, so that a step's price can be written down."""

import numpy as np

from blis.cluster.steps.measured import Measured
from blis.cluster.steps.table import FIRST_AXIS, SECOND_AXIS, Deployed, StepTable

DEPLOYED = Deployed(model="small", device="H100", tensor_parallel=1, engine="vllm")


def small_table(deployed: Deployed = DEPLOYED) -> StepTable:
    """5,000 µs and 10 per token; 3 per request that gets a token; 1 per 1,000 pairs; 4 per 1,000 tokens of context."""
    return StepTable(
        deployed=deployed,
        source="invented",
        measured=Measured(step_tokens=16384, decode_requests=256, context_tokens=65536, prompt_tokens=16384),
        mixed=5000 + 10 * FIRST_AXIS["mixed"],
        decode=4000 + 10 * FIRST_AXIS["decode"],
        logits=3 * FIRST_AXIS["logits"],
        prompt_attention=np.tile(SECOND_AXIS["prompt_attention"] / 1000, (len(FIRST_AXIS["prompt_attention"]), 1)),
        decode_attention=np.tile(4 * SECOND_AXIS["decode_attention"] / 1000, (len(FIRST_AXIS["decode_attention"]), 1)),
    )
