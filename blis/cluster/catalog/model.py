"""The shape of a model: what its latency, its weights and its KV cache are derived from."""

from dataclasses import dataclass
from typing import NamedTuple


class TokenCache(NamedTuple):
    """What some layers of a model store per token, all of them alike."""

    layers: int
    heads: int  #: a GPU of a tensor-parallel group holds an equal share of them, at least one
    elements: float  #: per head, layer and token; below one entry where several tokens are compressed into one
    window_tokens: int = 0  #: a sequence stores at most so many; 0: all of its tokens
    element_bytes: float = 0.0  #: 0: the size of a KV element


class SequenceState(NamedTuple):
    """What some layers of a model store per sequence, however long it is."""

    layers: int
    state_bytes: float  #: per layer and sequence, all GPUs
    split_ways: int  #: GPUs among which it is divided at most


class Weights(NamedTuple):
    """The weights of one part of a model."""

    part: str
    n_weights: int
    stored_bytes: float  #: on all GPUs, with the scales of quantised weights and the padding of kernels
    split_ways: int  #: GPUs among which they are divided at most, beyond which there are copies; 0: any number


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The shape of a transformer, as the latency models and the KV capacity need it.

    A zero in a field with a default means that the model has no such part.
    """

    name: str  #: lower-cased; coefficients are looked up by it
    layers: int  #: ≥ 1
    hidden: int  #: ≥ 1, width of the residual stream
    heads: int  #: ≥ 1, query heads
    kv_heads: int  #: ≥ 1, key and value heads
    intermediate: int  #: ≥ 0, width of the feed-forward part, on average; 0: not stated
    activation_bytes: float  #: > 0, bytes per activation
    weight_bytes: float  #: > 0, bytes per stored weight, after quantisation and without scales
    vocab: int = 0  #: tokens of the vocabulary
    experts: int = 0  #: routed experts of a mixture layer; 0: a dense model
    experts_per_token: int = 0  #: routed experts that a token visits
    expert_intermediate: int = 0  #: width of a routed expert; 0: as `intermediate`
    shared_experts: int = 0  #: shared experts declared by number
    shared_expert_intermediate: int = 0  #: total width of the shared experts
    interleave_step: int = 0  #: n: every n-th layer is a mixture; 0: all layers alike
    listed_mixtures: int = 0  #: mixture layers where the configuration lists layers one by one; 0: it does not
    dense_intermediate: int = 0  #: width of the dense layers of a mixture model; 0: as `intermediate`
    first_dense_layers: int = 0  #: leading dense layers of a mixture model (capacity only)
    head_dim: int = 0  #: width of a head where stated (capacity only); 0: hidden / heads
    kv_lora_rank: int = 0  #: width of the compressed KV entry of latent attention; 0: ordinary attention
    qk_rope_head_dim: int = 0  #: width of its positional part
    kv_element_bytes: float = 0.0  #: bytes per KV element where the checkpoint says so; 0: as activations
    tied_embeddings: bool = False  #: is the output matrix the embedding matrix?
    activation: str = ""  #: activation of the feed-forward part
    model_type: str = ""  #: vendor's name of the architecture
    max_positions: int = 0  #: longest sequence, before rope scaling [tokens]; 0: not stated
    rope_type: str = ""  #: kind of rope scaling
    rope_factor: float = 0.0  #: its factor; 0: none
    rope_original_positions: int = 0  #: length it stretches from, where stated [tokens]
    token_caches: tuple[TokenCache, ...] = ()  #: none: every layer stores keys and values of all tokens
    states: tuple[SequenceState, ...] = ()
    weights: tuple[Weights, ...] = ()  #: none: to be counted from the fields above
    uncounted: str = ""  #: why the weights could not be counted from the configuration

    @property
    def mixture_layers(self) -> int:
        """Layers whose feed-forward part is a mixture of experts: all, none, every n-th, or as listed."""
        if self.experts < 2:
            return 0
        if self.listed_mixtures > 0:
            return self.listed_mixtures
        return self.layers // self.interleave_step if self.interleave_step > 0 else self.layers
