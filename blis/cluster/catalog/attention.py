"""Derives what attention stores per token, and its weights, from a model's configuration."""

from collections.abc import Iterator
from typing import NamedTuple

from blis.cluster.catalog.configuration import Configuration
from blis.cluster.catalog.layers import Layer, Mixer, window_tokens
from blis.cluster.catalog.model import TokenCache
from blis.foundation.errors import ConfigError

#: Bytes per key of a sparse indexer beside its 8-bit elements: a 32-bit scale, as vLLM stores it.
INDEX_SCALE_BYTES = 4


class Matrix(NamedTuple):
    """A matrix that some layers have."""

    part: str
    modules: tuple[str, ...]  #: its names within a layer, by program
    n_weights: int
    split_ways: int = 0  #: GPUs among which it is divided at most; 0: any number
    is_quantised: bool = True  #: False: checkpoints keep such matrices as they are


class Heads(NamedTuple):
    """Heads of one kind of attention layer."""

    queries: int
    keys: int  #: key and value heads
    key_width: int
    value_width: int


def token_caches(configuration: Configuration, plan: tuple[Layer, ...]) -> tuple[TokenCache, ...]:
    """What the layers of a model store per token; nothing where every layer is ordinary attention to all tokens."""
    mixers = [layer.mixer for layer in plan]
    # The last layers read keys and values of layers before them.
    storing = mixers[: len(mixers) - min(len(mixers), configuration.count("num_kv_shared_layers"))]
    full, windowed = storing.count(Mixer.FULL), storing.count(Mixer.WINDOW)
    window = window_tokens(configuration)
    blocks = block_heads(configuration, len(plan))
    if blocks is not None:
        kinds = [one for one in blocks if one is not None]
        return tuple(
            TokenCache(kinds.count(kind), kind.keys, kind.key_width + kind.value_width)
            for kind in sorted(set(kinds), reverse=True)
        )
    if configuration.count("kv_lora_rank"):
        return _latent(configuration, full)
    if configuration.values.get("compress_ratios") is not None:
        return _compressed(configuration, len(plan), window)
    heads, own = full_heads(configuration), window_heads(configuration)
    caches = []
    if full:
        caches.append(TokenCache(full, heads.keys, heads.key_width + heads.value_width))
    if windowed:
        caches.append(TokenCache(windowed, own.keys, own.key_width + own.value_width, window))
    return tuple(caches)


def _latent(configuration: Configuration, layers: int) -> tuple[TokenCache, ...]:
    """Latent attention stores one compressed entry per token, and the keys of an indexer where it has one."""
    width = configuration.count("kv_lora_rank") + configuration.count("qk_rope_head_dim")
    index = configuration.count("index_head_dim")
    latent = TokenCache(layers, 1, width)
    if not index:
        return (latent,)
    return (latent, TokenCache(indexed_layers(configuration, layers), 1, index + INDEX_SCALE_BYTES, element_bytes=1.0))


def indexed_layers(configuration: Configuration, layers: int) -> int:
    """Layers with an indexer of their own; others share the choice of one before them."""
    kinds = configuration.per_layer("indexer_types", layers)
    return layers if kinds is None else kinds.count("full")


def _compressed(configuration: Configuration, layers: int, window: int) -> tuple[TokenCache, ...]:
    """DeepSeek V4: each layer keeps a window of shared keys and values, and one entry for every few tokens before it.

    Layers that compress little choose among their entries with an indexer.
    """
    ratios = configuration.numbers("compress_ratios", layers) or []
    width, index = configuration.required("head_dim"), configuration.count("index_head_dim")
    sparsest = min((ratio for ratio in ratios if ratio), default=0)
    caches = [TokenCache(layers, 1, width, window)]
    for ratio in sorted({ratio for ratio in ratios if ratio}):
        n_layers = ratios.count(ratio)
        caches.append(TokenCache(n_layers, 1, width / ratio))
        if index and ratio == sparsest:
            caches.append(TokenCache(n_layers, 1, (index + INDEX_SCALE_BYTES) / ratio, element_bytes=1.0))
    return tuple(caches)


def head_width(configuration: Configuration) -> int:
    """The width of a head where stated, else the residual stream's share."""
    stated = configuration.count("head_dim", "attention_head_dim")
    if stated:
        return stated
    hidden, heads = _hidden_and_heads(configuration)
    if hidden % heads:
        raise ConfigError(
            f"{configuration.at('hidden_size')} must be a multiple of num_attention_heads, or head_dim given; got "
            f"{hidden} and {heads}."
        )
    return hidden // heads


def full_heads(configuration: Configuration) -> Heads:
    """Heads of the layers that attend to all tokens."""
    queries = _hidden_and_heads(configuration)[1]
    keys = configuration.count("num_global_key_value_heads") or kv_heads(configuration)
    width = configuration.count("global_head_dim") or head_width(configuration)
    return Heads(queries, keys, width, configuration.count("v_head_dim") or width)


def window_heads(configuration: Configuration) -> Heads:
    """Heads of the layers with a window."""
    queries = configuration.count("swa_num_attention_heads") or _hidden_and_heads(configuration)[1]
    keys = configuration.count("swa_num_key_value_heads") or kv_heads(configuration)
    width = configuration.count("swa_head_dim") or head_width(configuration)
    return Heads(queries, keys, width, configuration.count("swa_v_head_dim", "v_head_dim") or width)


def kv_heads(configuration: Configuration) -> int:
    """Key and value heads where one number is stated, else as many as query heads."""
    return (
        configuration.count("num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num")
        or _hidden_and_heads(configuration)[1]
    )


def block_heads(configuration: Configuration, layers: int) -> list[Heads | None] | None:
    """Heads of each layer where `block_configs` gives them; None within the list: a layer without attention."""
    blocks = configuration.per_layer("block_configs", layers)
    if blocks is None:
        return None
    queries, width = _hidden_and_heads(configuration)[1], head_width(configuration)
    heads: list[Heads | None] = []
    for place in range(layers):
        attention = configuration.entry("block_configs", place).section("attention")
        per_group = 0 if attention is None else attention.count("n_heads_in_group")
        if attention is not None and per_group and queries % per_group:
            raise ConfigError(f"{attention.at('n_heads_in_group')} must divide the {queries} heads; got {per_group}.")
        heads.append(Heads(queries, queries // per_group, width, width) if per_group else None)
    return heads


def attention_matrices(configuration: Configuration, layer: int, mixer: Mixer, layers: int) -> Iterator[Matrix]:
    """The matrices of a layer's attention."""
    blocks = block_heads(configuration, layers)
    if blocks is not None:
        own = blocks[layer]
        if own is not None:
            yield from _projections(configuration, own, has_values=True)
    elif configuration.count("kv_lora_rank"):
        yield from _latent_matrices(configuration, layer, layers)
    elif configuration.values.get("compress_ratios") is not None:
        yield from _compressed_matrices(configuration, layer, layers)
    elif mixer is Mixer.WINDOW:
        yield from _projections(configuration, window_heads(configuration), has_values=True)
    else:
        shares = configuration.flag("attention_k_eq_v") and configuration.count("global_head_dim") > 0
        yield from _projections(configuration, full_heads(configuration), has_values=not shares)


def _projections(configuration: Configuration, heads: Heads, has_values: bool) -> Iterator[Matrix]:
    hidden = _hidden_and_heads(configuration)[0]
    has_gate = configuration.flag("attn_output_gate", configuration.text("model_type") == "qwen3_next")
    gates = 2 if has_gate else 1
    yield _attention("q", hidden * heads.queries * heads.key_width * gates)
    yield _attention("k", hidden * heads.keys * heads.key_width, heads.keys)
    if has_values:
        yield _attention("v", hidden * heads.keys * heads.value_width, heads.keys)
    yield _attention("o", heads.queries * heads.value_width * hidden)


def _latent_matrices(configuration: Configuration, layer: int, layers: int) -> Iterator[Matrix]:
    hidden, heads = _hidden_and_heads(configuration)
    rank, rotary = configuration.required("kv_lora_rank"), configuration.count("qk_rope_head_dim")
    plain, values = configuration.required("qk_nope_head_dim"), configuration.required("v_head_dim")
    query_rank = configuration.count("q_lora_rank")
    if query_rank:
        yield _attention("q_a", hidden * query_rank, 1)
        yield _attention("q_b", query_rank * heads * (plain + rotary))
    else:
        yield _attention("q", hidden * heads * (plain + rotary))
    yield Matrix("attention", ("self_attn.kv_a_proj_with_mqa",), hidden * (rank + rotary), 1)
    yield _attention("kv_b", rank * heads * (plain + values))
    yield _attention("o", heads * values * hidden)
    if configuration.flag("mla_use_output_gate"):
        yield _attention("g", hidden * heads * values)
    kinds = configuration.per_layer("indexer_types", layers)
    if configuration.count("index_head_dim") and (kinds is None or kinds[layer] == "full"):
        yield _indexer(configuration, query_rank or hidden)


def _compressed_matrices(configuration: Configuration, layer: int, layers: int) -> Iterator[Matrix]:
    """DeepSeek V4: queries and outputs of low rank, one shared head of keys and values, and what compresses them."""
    hidden, heads = _hidden_and_heads(configuration)
    width, query_rank = configuration.required("head_dim"), configuration.required("q_lora_rank")
    groups, output_rank = configuration.required("o_groups"), configuration.required("o_lora_rank")
    ratio = (configuration.numbers("compress_ratios", layers) or [])[layer]
    yield Matrix("attention", ("attn.wq_a",), hidden * query_rank, 1)
    yield Matrix("attention", ("attn.wq_b",), query_rank * heads * width)
    yield Matrix("attention", ("attn.wkv",), hidden * width, 1)
    yield Matrix("attention", ("attn.wo_a",), heads * width * output_rank)
    yield Matrix("attention", ("attn.wo_b",), groups * output_rank * hidden)
    if ratio:
        overlapping = 2 if ratio == 4 else 1
        yield Matrix("attention", ("attn.compressor",), 2 * hidden * width * overlapping, 1, is_quantised=False)
        if ratio == 4:
            yield _indexer(configuration, query_rank)


def _indexer(configuration: Configuration, query_rank: int) -> Matrix:
    heads, width = configuration.count("index_n_heads"), configuration.count("index_head_dim")
    hidden = _hidden_and_heads(configuration)[0]
    count = query_rank * heads * width + hidden * width + hidden * heads
    return Matrix("attention", ("self_attn.indexer.wq_b", "attn.indexer.wq_b"), count, 1)


def _attention(projection: str, count: int, split_ways: int = 0) -> Matrix:
    modules = (f"self_attn.{projection}_proj", f"mixer.{projection}_proj")
    return Matrix("attention", modules, count, split_ways)


def _hidden_and_heads(configuration: Configuration) -> tuple[int, int]:
    return (
        configuration.required("hidden_size", "n_embd", "d_model"),
        configuration.required("num_attention_heads", "n_head", "n_heads"),
    )
