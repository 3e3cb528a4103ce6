"""Derives the weights of dense and mixture feed-forward parts from a model's configuration."""

from collections.abc import Iterator

from blis.cluster.catalog.attention import Matrix
from blis.cluster.catalog.configuration import Configuration
from blis.cluster.catalog.layers import FeedForward
from blis.foundation.errors import UnknownChoiceError
from blis.foundation.words import shown

EXPERT_COUNTS = ("num_experts", "moe_num_experts", "n_routed_experts", "num_local_experts", "num_routed_experts")
EXPERTS_PER_TOKEN = ("num_experts_per_tok", "num_experts_per_token", "experts_per_token", "top_k_experts", "moe_top_k")
EXPERT_WIDTHS = ("moe_intermediate_size", "moe_ffn_hidden_size", "expert_ffn_hidden_size")
WIDTHS = ("intermediate_size", "ffn_hidden_size", "n_inner")
DENSE_WIDTHS = ("intermediate_size_mlp", "dense_intermediate_size")
SHARED_WIDTHS = ("shared_expert_intermediate_size", "moe_shared_expert_intermediate_size", "share_expert_dim")

#: Activations of feed-forward parts of three matrices in any model.
_GATED = ("", "silu", "swish", "swiglu", "swigluoai", "geglu", "situ")
#: Activations of parts of two matrices, in models other than the next.
_PLAIN = ("relu", "relu2", "gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "gelu_python")
_GATED_MODELS = ("gemma", "paligemma", "t5", "umt5")
_OTHER_NAMES = {"gate": ("w1", "gate_up_proj"), "up": ("w3",), "down": ("w2",)}
_MLP = ("mlp", "feed_forward", "block_sparse_moe", "ffn", "mixer", "moe")


def shared_width(configuration: Configuration) -> int:
    """The width of all shared experts of a mixture layer together."""
    number = configuration.count("n_shared_experts", "num_shared_experts")
    stated = configuration.count(*SHARED_WIDTHS)
    return stated or number * (configuration.count(*EXPERT_WIDTHS) or configuration.count(*WIDTHS))


def expert_width(configuration: Configuration) -> int:
    """The width of a routed expert."""
    return configuration.count(*EXPERT_WIDTHS) or configuration.required(*WIDTHS)


def feed_forward_matrices(configuration: Configuration, layer: int, kind: FeedForward) -> Iterator[Matrix]:
    """The matrices of a layer's feed-forward part.

    Raises
    ------
    ConfigError
        If a width is absent, or it is unknown whether the part is gated.
    """
    hidden = configuration.required("hidden_size", "n_embd", "d_model")
    if configuration.values.get("block_configs") is not None:
        yield from _block_matrices(configuration, layer, hidden)
    elif kind is FeedForward.DENSE:
        is_mixture = configuration.count(*EXPERT_COUNTS, at_least=2) > 0
        keys = (*DENSE_WIDTHS, *WIDTHS) if is_mixture else WIDTHS
        yield from _dense(configuration, "dense", hidden, configuration.required(*keys))
    elif kind is FeedForward.MIXTURE:
        yield from _mixture(configuration, hidden)


def _dense(
    configuration: Configuration, part: str, hidden: int, width: int, within: tuple[str, ...] = _MLP
) -> Iterator[Matrix]:
    """Two or three matrices; `within`: the module that holds them, by program."""
    for projection in ("gate", "up", "down") if is_gated(configuration) else ("up", "down"):
        names = (f"{projection}_proj", *_OTHER_NAMES[projection])
        yield Matrix(part, tuple(f"{outer}.{name}" for outer in within for name in names), hidden * width)


def _mixture(configuration: Configuration, hidden: int) -> Iterator[Matrix]:
    experts = configuration.count(*EXPERT_COUNTS, at_least=2)
    width = expert_width(configuration)
    # Experts may work on a narrower copy of the residual stream.
    latent = configuration.count("moe_latent_size", "routed_expert_hidden_size")
    # Gemma 4 has a dense part beside its mixture.
    has_both = configuration.flag("enable_moe_block")
    around = ("moe.experts", "experts") if has_both else tuple(f"{mlp}.experts" for mlp in _MLP)
    within = (*around, *(f"{experts_of}.0" for experts_of in around))
    for one in _dense(configuration, "experts", latent or hidden, width, within):
        yield one._replace(n_weights=experts * one.n_weights)
    yield Matrix("router", (), experts * hidden, 1, is_quantised=False)
    if latent:
        yield Matrix("router", (), 2 * hidden * latent, 1, is_quantised=False)
    shared = shared_width(configuration)
    if configuration.text("model_type").startswith("llama4"):  # its configuration does not mention the shared expert
        shared = configuration.required(*WIDTHS)
    if shared:
        within = tuple(f"{mlp}.{one}" for mlp in _MLP for one in ("shared_experts", "shared_expert"))
        yield from _dense(configuration, "shared experts", hidden, shared, within)
    if has_both:
        yield from _dense(configuration, "dense", hidden, configuration.required(*WIDTHS))


def _block_matrices(configuration: Configuration, layer: int, hidden: int) -> Iterator[Matrix]:
    """A layer of its own width, a multiple of the residual stream's, as Nemotron's searched models have it."""
    part = configuration.entry("block_configs", layer).section("ffn")
    factor = 0.0 if part is None else part.factor("ffn_mult")
    if factor:
        width = int(2 * factor * hidden / 3)
        yield from _dense(configuration, "dense", hidden, -(-width // 256) * 256)


def is_gated(configuration: Configuration) -> bool:
    """Has a feed-forward part three matrices, not two?"""
    activation = configuration.text("mlp_hidden_act", "hidden_activation", "hidden_act", "activation_function")
    kind = configuration.text("model_type")
    if activation in _GATED or kind.startswith(_GATED_MODELS):
        return True
    if activation in _PLAIN:
        return False
    raise UnknownChoiceError(
        f"{configuration.at('hidden_act')} must be an activation whose number of matrices is known; got "
        f"{shown(activation)}. Choices: {', '.join((*_GATED[1:], *_PLAIN))}. Otherwise give the number of KV blocks."
    )
