"""What steps of one model on one deployment cost: five curves and surfaces on fixed grids."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from blis.cluster.steps.grid import knots
from blis.cluster.steps.measured import Measured
from blis.foundation.units import Float64Vector

DENSE_OCTAVES, DENSE_BITS = 17, 3  # up to 131,072 tokens of a step, 8 knots an octave
PROMPT_OCTAVES, PAIR_OCTAVES, PAIR_BITS = 17, 40, 1
REQUEST_OCTAVES, CONTEXT_OCTAVES, CONTEXT_BITS = 12, 28, 1  # up to 4,096 decodes, 268 million tokens of context
LOGIT_BITS = 1

#: Name of a part: its shape. The grids of the axes follow from it.
SHAPES = {
    "mixed": (DENSE_OCTAVES * 2**DENSE_BITS + 1,),
    "decode": (DENSE_OCTAVES * 2**DENSE_BITS + 1,),
    "logits": (REQUEST_OCTAVES * 2**LOGIT_BITS + 1,),
    "prompt_attention": (PROMPT_OCTAVES * 2**PAIR_BITS + 1, PAIR_OCTAVES * 2**PAIR_BITS + 1),
    "decode_attention": (REQUEST_OCTAVES * 2**CONTEXT_BITS + 1, CONTEXT_OCTAVES * 2**CONTEXT_BITS + 1),
}
PARTS = tuple(SHAPES)

#: The knots of each part's first axis: tokens, tokens, requests, tokens, requests.
FIRST_AXIS = {
    "mixed": knots(DENSE_OCTAVES, DENSE_BITS),
    "decode": knots(DENSE_OCTAVES, DENSE_BITS),
    "logits": knots(REQUEST_OCTAVES, LOGIT_BITS),
    "prompt_attention": knots(PROMPT_OCTAVES, PAIR_BITS),
    "decode_attention": knots(REQUEST_OCTAVES, CONTEXT_BITS),
}
#: The knots of the second axis: pairs of tokens, tokens of context.
SECOND_AXIS = {
    "prompt_attention": knots(PAIR_OCTAVES, PAIR_BITS),
    "decode_attention": knots(CONTEXT_OCTAVES, CONTEXT_BITS),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """For what a table holds; all of it together names the table."""

    model: str  #: part of the model's id after its vendor, lower-cased
    device: str  #: name of a file in hardware/
    tensor_parallel: int  #: GPUs that divide each layer
    engine: str  #: vllm, sglang or trtllm
    expert_parallel: int = 1  #: groups over which the experts are dealt out
    data_parallel: int = 1  #: ranks of attention, each with requests of its own

    @property
    def name(self) -> str:
        """The name of the table's file, without its ending."""
        parts = [self.model, self.device, f"tp{self.tensor_parallel}"]
        if self.expert_parallel > 1:
            parts.append(f"ep{self.expert_parallel}")
        if self.data_parallel > 1:
            parts.append(f"dp{self.data_parallel}")
        return "--".join([*parts, self.engine])


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTable:
    """Prices of one deployment [µs], each array on the grid of its part.

    No curve falls. No surface falls along its second axis; along the first one its sum with `base_of` does not.
    """

    deployed: Deployed
    source: str  #: package and version, tables' version, licence
    measured: Measured
    mixed: Float64Vector  #: by tokens: everything but attention, of a step that computes prompt tokens
    decode: Float64Vector  #: by tokens: the same of a step that only decodes
    logits: Float64Vector  #: by requests that get a token
    prompt_attention: np.ndarray = field(repr=False)  #: by prompt tokens and the token pairs they attend to
    decode_attention: np.ndarray = field(repr=False)  #: by decodes and the sum of their contexts


def rising(values: np.ndarray, axes: Sequence[int] | None = None) -> np.ndarray:
    """The values with every dip levelled: they fall along no axis, and stray as far up as down.

    Measured kernels have dips of some percent where another tile size begins; a longer step that costs less would
    let a closed loop look into the past. The mean of the least rising bound above and the greatest one below.
    """
    above, below = np.array(values, np.float64), np.array(values, np.float64)
    for axis in range(above.ndim) if axes is None else axes:
        above = np.maximum.accumulate(above, axis)
        below = np.flip(np.minimum.accumulate(np.flip(below, axis), axis), axis)
    return (above + below) / 2.0


def base_of(surface: str, curves: Mapping[str, np.ndarray]) -> np.ndarray:
    """What else a step costs that has so many prompt tokens, or decodes: a column, one price for each row."""
    parts = ("mixed",) if surface == "prompt_attention" else ("decode", "logits")
    axis = FIRST_AXIS[surface]
    prices = sum(np.interp(axis, FIRST_AXIS[part], curves[part]) for part in parts)
    return np.asarray(prices)[:, None]
