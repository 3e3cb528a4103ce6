"""How large an adapter (LoRA) of a model is: two narrow matrices beside each matrix of attention and feed-forward.

Beside a matrix from `inputs` to `outputs` an adapter of rank r has r · (inputs + outputs) weights. Of Llama 3.1 8B
that is r · 81,920 in each of 32 layers, 41.9 million at rank 16. With tensor parallelism half of it is split, as in
vLLM (`vllm/lora/layers`): of a matrix that is split by its outputs the wide side, of one by its inputs the other.
Routed experts have none: adapters of mixtures are mostly made for attention.
"""

from typing import NamedTuple

from blis.cluster.catalog import Model
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown

WEIGHT_BYTES = 2  #: adapters are kept in 16 bits


class LoraShape(NamedTuple):
    """What an adapter of rank 1 is, all layers together."""

    layers: int
    rank_bytes: float  #: of one GPU
    whole_rank_bytes: float  #: of the file
    rank_flop: float  #: of one GPU, for a token
    token_bytes: float  #: of one GPU, for a token: inputs that are read and outputs that are added to


class _Matrix(NamedTuple):
    """A matrix with an adapter; fused ones share their input."""

    inputs: int
    outputs: int
    is_split_by_outputs: bool
    shares_input: bool = False  #: with the matrix before it


def lora_shape(model: Model, tensor_parallel: int, where: str) -> LoraShape:
    """The adapters of a model, on so many GPUs.

    Raises
    ------
    ConfigError
        If the model's attention is none of those whose matrices follow from its fields.
    """
    if model.kv_lora_rank > 0 or model.states:
        raise ConfigError(
            f"{where} must give adapter_mb, host_load_ms, disk_load_ms, step_us, adapter_us and token_us for model "
            f"{shown(model.name)}: adapters are derived for layers of ordinary attention alone."
        )
    rank_bytes = whole = flop = token_bytes = 0.0
    for one in _matrices(model):
        inputs = one.inputs if one.is_split_by_outputs else one.inputs / tensor_parallel
        outputs = one.outputs / tensor_parallel if one.is_split_by_outputs else one.outputs
        rank_bytes += WEIGHT_BYTES * (inputs + outputs)
        whole += WEIGHT_BYTES * (one.inputs + one.outputs)
        flop += 2 * (inputs + outputs)
        token_bytes += WEIGHT_BYTES * (2 * outputs + (0 if one.shares_input else inputs))
    n = model.layers
    return LoraShape(n, n * rank_bytes, n * whole, n * flop, n * token_bytes)


def _matrices(model: Model) -> tuple[_Matrix, ...]:
    """Those of a layer, in the mean."""
    head_dim = model.head_dim or model.hidden // model.heads
    queries, keys = model.heads * head_dim, model.kv_heads * head_dim
    attention = (
        _Matrix(model.hidden, queries, True),
        *(_Matrix(model.hidden, keys, True, shares_input=True),) * 2,
        _Matrix(queries, model.hidden, False),
    )
    width = model.shared_expert_intermediate if model.mixture_layers else model.intermediate
    if width == 0:
        return attention
    return (
        *attention,
        _Matrix(model.hidden, width, True),
        _Matrix(model.hidden, width, True, shares_input=True),
        _Matrix(width, model.hidden, False),
    )
