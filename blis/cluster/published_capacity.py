"""Derives the KV blocks of an instance as the reference simulator published them.

Source: capacity rules of the BLIS reference simulator, August 2026, which follow a public planner. They
divide the memory of the whole tensor-parallel group by the block bytes of one GPU, so the count is
`tensor_parallel` times what the group can hold. The reference semantics use them, nothing else:
`blis.cluster.kv_capacity` counts what fits.
"""

import math

from blis.cluster.catalog import Device, Model
from blis.foundation.checks import check_int, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown

BYTES_PER_GIB = 2**30
ACTIVATION_GIB_DENSE = 5.5  # GiB set aside for activations of a dense model, per instance
ACTIVATION_GIB_MIXTURE = 8.0  # GiB, the same for a mixture of experts
RUNTIME_GIB_ONE_GPU = 0.15  # GiB per GPU for what is neither weights nor activations
RUNTIME_GIB_SEVERAL_GPUS = 0.6  # GiB, the same when GPUs communicate
GATED_ACTIVATIONS = ("", "silu", "swiglu", "geglu", "situ")  # feed-forward parts of three matrices


def kv_blocks(
    model: Model, device: Device, tensor_parallel: int, block_size_tokens: int, memory_utilisation: float
) -> int:
    """KV blocks of one instance: the memory that weights, activations and the runtime leave, by block bytes.

    Parameters
    ----------
    model : Model                shape; `intermediate` and `vocab` > 0
    device : Device              memory > 0 [GiB]
    tensor_parallel : int        ≥ 1, GPUs of the instance
    block_size_tokens : int      ≥ 1
    memory_utilisation : float   (0, 1], share of each GPU's memory that may be used

    Returns
    -------
    int [blocks], at least 1

    Raises
    ------
    ConfigError
        If a value cannot be, or the model leaves no room; then the message says how many GPUs it needs.
    """
    check_int("tensor_parallel", tensor_parallel, minimum=1)
    check_int("block_size_tokens", block_size_tokens, minimum=1)
    check_number("memory_utilisation", memory_utilisation, maximum=1, above=0)
    check_number(f"device {shown(device.name)}: memory_gib", device.memory_gib, above=0, unit="GiB")
    _check_shape(model)
    block_bytes = int(kv_bytes_per_token(model, tensor_parallel) * block_size_tokens)
    free_bytes = int(free_gib(model, device, tensor_parallel, memory_utilisation) * BYTES_PER_GIB)
    blocks = free_bytes // block_bytes if block_bytes > 0 else 0
    if blocks < 1:
        raise ConfigError(
            f"kv_blocks must be an int ≥ 1 [blocks]; model {shown(model.name)} leaves {free_bytes} bytes on "
            f"{tensor_parallel} x {device.name} for blocks of {block_bytes} bytes. Use smaller blocks."
        )
    return blocks


def kv_bytes_per_token(model: Model, tensor_parallel: int) -> float:
    """Bytes of keys and values per token on one GPU; latent attention is not divided among GPUs.

    Raises
    ------
    ConfigError
        If the heads do not divide.
    """
    if model.kv_lora_rank > 0:
        return model.layers * (model.kv_lora_rank + model.qk_rope_head_dim) * model.activation_bytes
    if model.kv_heads >= tensor_parallel and model.kv_heads % tensor_parallel:
        choices = [degree for degree in range(1, model.kv_heads + 1) if model.kv_heads % degree == 0]
        raise ConfigError(
            f"tensor_parallel must divide the {model.kv_heads} kv_heads of model {shown(model.name)}; got "
            f"{tensor_parallel}. Choices: {', '.join(map(str, choices))}."
        )
    return model.layers * 2.0 * _head_dim(model) * model.kv_heads * model.activation_bytes / tensor_parallel


def weight_count(model: Model) -> int:
    """Weights of the whole model, for its memory; every layer of an interleaved model counts as a mixture.

    Raises
    ------
    ConfigError
        If the shape does not say enough.
    """
    _check_shape(model)
    hidden = model.hidden
    attention = hidden * (hidden + 2 * model.kv_heads * _head_dim(model)) + hidden**2
    norms = 2 * hidden
    if model.experts > 1:
        dense_layers = min(model.first_dense_layers, model.layers)
        expert_width = model.expert_intermediate or model.intermediate
        mixture = (
            3 * hidden * expert_width * model.experts
            + 3 * hidden * model.shared_expert_intermediate
            + model.experts * hidden
        )
    else:
        dense_layers, mixture = model.layers, 0
    dense_width = model.intermediate
    if model.experts > 1:
        dense_width = model.dense_intermediate or model.intermediate
    feed_forward = dense_layers * 3 * hidden * dense_width + (model.layers - dense_layers) * mixture
    matrices = 1 if model.tied_embeddings else 2
    return matrices * model.vocab * hidden + model.layers * (attention + norms) + feed_forward + hidden


def free_gib(model: Model, device: Device, tensor_parallel: int, memory_utilisation: float) -> float:
    """Memory of the group that is left for the KV cache [GiB].

    Raises
    ------
    ConfigError
        If nothing is left.
    """
    weights_gib = int(float(weight_count(model)) * model.weight_bytes) / BYTES_PER_GIB
    activations_gib = ACTIVATION_GIB_MIXTURE if model.experts > 1 else ACTIVATION_GIB_DENSE
    runtime_gib = RUNTIME_GIB_ONE_GPU if tensor_parallel == 1 else RUNTIME_GIB_SEVERAL_GPUS
    available_gib = device.memory_gib * memory_utilisation * tensor_parallel
    overhead_gib = weights_gib + activations_gib + runtime_gib * tensor_parallel
    if overhead_gib < available_gib:
        return available_gib - overhead_gib
    share_gib = device.memory_gib * memory_utilisation - RUNTIME_GIB_SEVERAL_GPUS
    remedy = "Use a device with more memory."
    if share_gib > 0:
        remedy = f"Use at least {math.ceil((weights_gib + activations_gib) / share_gib)} GPUs."
    raise ConfigError(
        f"kv_blocks: model {shown(model.name)} must take less than {available_gib:.1f} GiB of {tensor_parallel} x "
        f"{device.name} at memory_utilisation {memory_utilisation:g}; weights, activations and runtime take "
        f"{overhead_gib:.1f} GiB. {remedy}"
    )


def _head_dim(model: Model) -> int:
    if model.head_dim > 0:
        return model.head_dim
    if model.hidden % model.heads:
        raise ConfigError(
            f"model {shown(model.name)}: hidden must be a multiple of heads, or head_dim given; got hidden "
            f"{model.hidden} and heads {model.heads}."
        )
    return model.hidden // model.heads


def _check_shape(model: Model) -> None:
    where = f"model {shown(model.name)}"
    for key in ("layers", "hidden", "heads", "kv_heads", "intermediate", "vocab"):
        check_int(f"{where}: {key}", getattr(model, key), minimum=1)
    if model.activation not in GATED_ACTIVATIONS:
        raise ConfigError(
            f"{where}: activation must be gated for the weights to be counted; got {shown(model.activation)}. "
            f"Choices: {', '.join(GATED_ACTIVATIONS[1:])}, or none. Otherwise give the number of KV blocks."
        )
    if model.experts < 2 and (model.shared_experts > 0 or model.experts_per_token > 0):
        raise ConfigError(
            f"{where}: experts must be an int ≥ 2 where shared_experts or experts_per_token is stated; "
            f"got {model.experts}. Otherwise give the number of KV blocks."
        )
