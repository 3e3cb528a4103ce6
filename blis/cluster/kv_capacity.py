"""Derives how many KV blocks the GPUs of an instance hold.

Every GPU of a tensor-parallel group stores its share of the weights and of each block, so the count is that of one GPU:
what its memory leaves beside weights, activations and runtime, divided by what a token takes there. Rules and constants
are those of vLLM's memory profile; `docs/physics.md` compares them with published start-up logs.
"""

from collections.abc import Iterable
from typing import NamedTuple

from blis.cluster.catalog import Device, Model, TokenCache
from blis.cluster.published_capacity import weight_count
from blis.foundation.checks import check_choice, check_int, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown

BYTES_PER_GIB = 2**30
MOST_GPUS = 1024

#: Bytes per KV element, by the name that engines give it; auto: as the checkpoint says, else as activations.
KV_CACHE_DTYPES = {"auto": 0.0, "bfloat16": 2.0, "float16": 2.0, "fp8": 1.0, "fp8_e4m3": 1.0, "fp8_e5m2": 1.0}

# Bytes per request of a full batch and word of the vocabulary while logits are sampled: 32-bit copies, sorted values,
# indices, probabilities. From the peaks that the planner of llm-d lists (H100, vLLM's 1,024 requests): 4.76 GiB for
# 128,256 words, 5.56 for 151,936, 7.38 for 201,088, so 38.4 to 38.9 bytes.
SAMPLING_BYTES = 38.8
# Residual, normed input and output of a layer, and the copy that is reduced.
RESIDUAL_COPIES = 4
# GiB per GPU for what is neither weights nor activations: same list, 0.13 to 0.14 alone, 0.55 with communication.
RUNTIME_GIB_ONE_GPU = 0.15
RUNTIME_GIB_SEVERAL_GPUS = 0.6


class Load(NamedTuple):
    """The most that an instance serves at a time."""

    step_tokens: int  #: ≥ 1, tokens that one step computes
    requests: int  #: ≥ 1, requests that run


class Memory(NamedTuple):
    """Where the memory of one GPU goes [bytes]."""

    usable_bytes: float
    weight_bytes: float
    activation_bytes: float
    runtime_bytes: float
    state_bytes: float  #: of as many sequences as may run

    @property
    def free_bytes(self) -> float:
        """What is left for blocks."""
        return self.usable_bytes - sum(self[1:])


class _TokenBytes(NamedTuple):
    """What a token takes on one GPU."""

    token_bytes: float
    most_tokens: float  #: beyond which no more are stored, whatever the number of tokens


def kv_blocks(
    model: Model,
    device: Device,
    tensor_parallel: int,
    block_size_tokens: int,
    memory_utilisation: float,
    load: Load,
    kv_cache_dtype: str = "auto",
    reserved_bytes: float = 0.0,
) -> int:
    """KV blocks of one instance: the tokens that surely fit, however they are spread over running requests, in blocks.

    Parameters
    ----------
    model : Model                shape; `vocab` > 0
    device : Device              memory > 0 [GiB]
    tensor_parallel : int        ≥ 1, GPUs of the instance
    block_size_tokens : int      ≥ 1
    memory_utilisation : float   (0, 1], share of each GPU's memory that may be used
    load : Load                  the most that the instance serves at a time
    kv_cache_dtype : str         one of `KV_CACHE_DTYPES`
    reserved_bytes : float       ≥ 0, of each GPU's memory for the slots of adapters

    Returns
    -------
    int [blocks], at least 1

    Raises
    ------
    ConfigError
        If a value cannot be, or the model leaves no room; then the message says how many GPUs it needs.
    """
    check_int("block_size_tokens", block_size_tokens, minimum=1)
    memory = gpu_memory(model, device, tensor_parallel, memory_utilisation, load)
    if memory.free_bytes <= 0:
        raise ConfigError(_no_room(model, device, tensor_parallel, memory_utilisation, load, memory))
    check_choice("kv_cache_dtype", kv_cache_dtype, KV_CACHE_DTYPES)
    free_bytes = memory.free_bytes - reserved_bytes
    if free_bytes <= 0:
        raise ConfigError(
            f"lora.max_loras must leave memory for KV blocks: slots take {reserved_bytes / BYTES_PER_GIB:.1f} GiB of "
            f"the {memory.free_bytes / BYTES_PER_GIB:.1f} GiB that model {shown(model.name)} leaves on each of "
            f"{tensor_parallel} x {device.name}. Use fewer slots, or a smaller max_lora_rank."
        )
    stored = _stored(model, tensor_parallel, block_size_tokens, load, kv_cache_dtype)
    blocks = int(_fitting_tokens(free_bytes, stored)) // block_size_tokens
    if blocks < 1:
        raise ConfigError(
            f"kv_blocks must be an int ≥ 1 [blocks]; model {shown(model.name)} leaves {int(free_bytes)} bytes "
            f"on each of {tensor_parallel} x {device.name}, too few for a block of {block_size_tokens} tokens. Use "
            "smaller blocks."
        )
    return blocks


def kv_bytes_per_token(model: Model, tensor_parallel: int, kv_cache_dtype: str = "auto") -> float:
    """Bytes that a token takes on one GPU while no window has passed it by.

    Raises
    ------
    ConfigError
        If the heads do not divide.
    """
    element_bytes = KV_CACHE_DTYPES[kv_cache_dtype] or model.kv_element_bytes or model.activation_bytes
    return sum(_cache_bytes(model, cache, tensor_parallel, element_bytes) for cache in token_caches(model))


def gpu_memory(model: Model, device: Device, tensor_parallel: int, memory_utilisation: float, load: Load) -> Memory:
    """Where the memory of one GPU of an instance goes.

    Raises
    ------
    ConfigError
        If a value cannot be, or the model's configuration says too little.
    """
    check_int("tensor_parallel", tensor_parallel, minimum=1)
    check_number("memory_utilisation", memory_utilisation, maximum=1, above=0)
    capacity_gib = device.visible_memory_gib or device.memory_gib
    check_number(f"device {shown(device.name)}: memory_gib", capacity_gib, above=0, unit="GiB")
    if model.uncounted:
        raise ConfigError(model.uncounted)
    check_int(f"model {shown(model.name)}: vocab", model.vocab, minimum=1)
    runtime_gib = RUNTIME_GIB_ONE_GPU if tensor_parallel == 1 else RUNTIME_GIB_SEVERAL_GPUS
    return Memory(
        usable_bytes=capacity_gib * memory_utilisation * BYTES_PER_GIB,
        weight_bytes=weight_bytes(model, tensor_parallel),
        activation_bytes=activation_bytes(model, tensor_parallel, load),
        runtime_bytes=runtime_gib * BYTES_PER_GIB,
        state_bytes=load.requests * state_bytes(model, tensor_parallel),
    )


def weight_bytes(model: Model, tensor_parallel: int) -> float:
    """Bytes of stored weights on one GPU; what does not divide among all GPUs has copies."""
    if not model.weights:
        return weight_count(model) * model.weight_bytes / tensor_parallel
    return sum(part.stored_bytes / min(tensor_parallel, part.split_ways or tensor_parallel) for part in model.weights)


def activation_bytes(model: Model, tensor_parallel: int, load: Load) -> float:
    """The most bytes at a time that a step needs on one GPU beside its weights and KV cache.

    Either logits are being sampled, of all requests and words on every GPU, or a layer holds the inputs of a full step
    and three vectors of the width of its feed-forward part, of each expert that a token visits.
    """
    sampling = SAMPLING_BYTES * load.requests * model.vocab
    width = max(model.intermediate, model.dense_intermediate)
    visits = 0
    if model.experts > 1:
        visits = model.experts_per_token
        width = max(width, visits * (model.expert_intermediate or model.intermediate))
    per_token = (RESIDUAL_COPIES + visits) * model.hidden + 3 * width / tensor_parallel
    return max(sampling, load.step_tokens * per_token * model.activation_bytes)


def state_bytes(model: Model, tensor_parallel: int) -> float:
    """Bytes that a sequence takes on one GPU however long it is."""
    return sum(state.layers * state.state_bytes / min(tensor_parallel, state.split_ways) for state in model.states)


def token_caches(model: Model) -> tuple[TokenCache, ...]:
    """What layers store per token: as the model says, else compressed entries or keys and values of every layer."""
    if model.token_caches:
        return model.token_caches
    if model.kv_lora_rank > 0:
        return (TokenCache(model.layers, 1, model.kv_lora_rank + model.qk_rope_head_dim),)
    if model.head_dim == 0 and model.hidden % model.heads:
        raise ConfigError(
            f"model {shown(model.name)}: hidden must be a multiple of heads, or head_dim given; got hidden "
            f"{model.hidden} and heads {model.heads}."
        )
    return (TokenCache(model.layers, model.kv_heads, 2 * (model.head_dim or model.hidden // model.heads)),)


def _stored(
    model: Model, tensor_parallel: int, block_size_tokens: int, load: Load, kv_cache_dtype: str
) -> list[_TokenBytes]:
    """What a token takes in each part of the cache, and how many tokens a part stores at most.

    A window stores its own tokens, a block that it has not quite left, and the tokens of the step, as in vLLM.
    """
    element_bytes = KV_CACHE_DTYPES[kv_cache_dtype] or model.kv_element_bytes or model.activation_bytes
    stored = []
    for cache in token_caches(model):
        most = float("inf")
        if cache.window_tokens:
            most = load.requests * (cache.window_tokens + block_size_tokens) + load.step_tokens
        stored.append(_TokenBytes(_cache_bytes(model, cache, tensor_parallel, element_bytes), most))
    if all(part.most_tokens < float("inf") for part in stored):  # windows alone would hold any number of tokens
        stored = [part._replace(most_tokens=float("inf")) for part in stored]
    return stored


def _fitting_tokens(free_bytes: float, stored: Iterable[_TokenBytes]) -> float:
    """The most tokens n with Σ token_bytes · min(n, most_tokens) ≤ free_bytes."""
    parts = sorted(stored, key=lambda part: part.most_tokens)
    while parts:
        fitting = free_bytes / sum(part.token_bytes for part in parts)
        narrowest = parts[0]
        if fitting <= narrowest.most_tokens:
            return fitting
        free_bytes -= narrowest.token_bytes * narrowest.most_tokens
        parts = parts[1:]
    return 0.0


def _cache_bytes(model: Model, cache: TokenCache, tensor_parallel: int, element_bytes: float) -> float:
    heads = _heads_per_gpu(model, cache.heads, tensor_parallel)
    return cache.layers * heads * cache.elements * (cache.element_bytes or element_bytes)


def _heads_per_gpu(model: Model, heads: int, tensor_parallel: int) -> int:
    """An equal share of the heads; more GPUs than heads hold copies."""
    if heads % tensor_parallel == 0 or tensor_parallel % heads == 0:
        return max(1, heads // tensor_parallel)
    choices = [str(degree) for degree in range(1, 2 * heads + 1) if heads % degree == 0 or degree % heads == 0]
    raise ConfigError(
        f"tensor_parallel must divide the {heads} kv_heads of model {shown(model.name)}, or be a multiple of them; got "
        f"{tensor_parallel}. Choices: {', '.join(choices)}, ..."
    )


def _no_room(
    model: Model, device: Device, tensor_parallel: int, memory_utilisation: float, load: Load, memory: Memory
) -> str:
    usable, weights, activations, runtime, states = (size / BYTES_PER_GIB for size in memory)
    enough = next(
        (
            degree
            for degree in (2**power for power in range(MOST_GPUS.bit_length()))
            if degree > tensor_parallel and gpu_memory(model, device, degree, memory_utilisation, load).free_bytes > 0
        ),
        None,
    )
    remedy = "Use a device with more memory." if enough is None else f"Use at least {enough} GPUs."
    if states > max(weights, activations):
        remedy = f"Use fewer max_running_requests. {remedy}"
    return (
        f"kv_blocks: model {shown(model.name)} must take less than {usable:.1f} GiB of each of {tensor_parallel} x "
        f"{device.name} at memory_utilisation {memory_utilisation:g}; weights take {weights:.1f} GiB, activations "
        f"{activations:.1f}, runtime {runtime:.1f}, states of requests {states:.1f}. {remedy}"
    )
