"""Derives the longest sequence of a model."""

import math

from blis.cluster.catalog import Model

UNSCALED_ROPE_TYPES = ("su", "longrope", "llama3")  # their stated length includes the scaling


def max_model_len(model: Model) -> int:
    """The longest sequence of a model after rope scaling [tokens]; 0: not stated, so unlimited.

    Sliding windows and other length keys are not looked at.
    """
    factor = model.rope_factor
    scaled = factor > 1 and math.isfinite(factor) and model.rope_type not in UNSCALED_ROPE_TYPES
    if not scaled or "gemma3" in model.model_type:
        return model.max_positions
    stretched = model.max_positions
    if model.rope_type == "yarn" and model.rope_original_positions > 0:
        stretched = model.rope_original_positions
    return int(stretched * factor)
