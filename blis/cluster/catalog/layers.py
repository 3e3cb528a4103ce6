"""Tells what each layer of a model mixes tokens with, and what its feed-forward part is."""

from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple, TypeVar

from blis.cluster.catalog.configuration import MOST_LAYERS, Configuration
from blis.foundation.checks import check_int
from blis.foundation.errors import ConfigError, UnknownChoiceError
from blis.foundation.words import shown

Kind = TypeVar("Kind")


class Mixer(Enum):
    """How a layer mixes tokens."""

    FULL = "attention to all tokens"
    WINDOW = "attention to the last tokens"
    LINEAR = "linear attention: a state per sequence"
    MAMBA = "state space: a state per sequence"
    CONVOLUTION = "short convolution: a state per sequence"
    NONE = "not at all"


class FeedForward(Enum):
    """What follows in a layer."""

    DENSE = "dense"
    MIXTURE = "mixture of experts"
    NONE = "nothing"


class Layer(NamedTuple):
    """One layer."""

    mixer: Mixer
    feed_forward: FeedForward


_LAYER_TYPES = {
    "full_attention": Mixer.FULL,
    "attention": Mixer.FULL,
    "global_attention": Mixer.FULL,
    "deepseek_sparse_attention": Mixer.FULL,  # stores all tokens, reads some
    # vLLM keeps all tokens of chunked attention unless told otherwise.
    "chunked_attention": Mixer.FULL,
    "sliding_attention": Mixer.WINDOW,
    "local_attention": Mixer.WINDOW,
    "linear_attention": Mixer.LINEAR,
    "mamba": Mixer.MAMBA,
    "mamba2": Mixer.MAMBA,
    "conv": Mixer.CONVOLUTION,
}
# Layers of Nemotron-H are one thing each.
_BLOCK_LETTERS = {
    "M": Layer(Mixer.MAMBA, FeedForward.NONE),
    "*": Layer(Mixer.FULL, FeedForward.NONE),
    "-": Layer(Mixer.NONE, FeedForward.DENSE),
    "E": Layer(Mixer.NONE, FeedForward.MIXTURE),
}
_BLOCK_NAMES = {
    "mamba": _BLOCK_LETTERS["M"],
    "attention": _BLOCK_LETTERS["*"],
    "mlp": _BLOCK_LETTERS["-"],
    "moe": _BLOCK_LETTERS["E"],
}
#: Every n-th layer of these is full where the configuration does not say n: transformers' configurations of them.
_FULL_EVERY = {"gemma2": 2, "gemma3": 6, "gemma3_text": 6, "cohere2": 4}
_FULL_EVERYWHERE_BUT = ("mistral", "mixtral", "phi3", "phimoe", "starcoder2", "ministral")


def count_layers(configuration: Configuration) -> int:
    """The number of layers, at least 1."""
    if configuration.values.get("num_hidden_layers") is None:
        blocks = configuration.listing("layers_block_type")
        if blocks:
            return len(blocks)
    layers = configuration.required("num_hidden_layers", "n_layers", "n_layer", "num_layers")
    return check_int(configuration.at("num_hidden_layers"), layers, 1, MOST_LAYERS)


def window_tokens(configuration: Configuration) -> int:
    """The tokens that a window holds; 0: there are no windows."""
    if not configuration.flag("use_sliding_window", default=True):
        return 0
    window = configuration.values.get("sliding_window")
    if isinstance(window, list):
        return max((check_int(configuration.at("sliding_window"), one, 0) for one in window), default=0)
    return configuration.count("sliding_window", "sliding_window_size")


def plan_layers(configuration: Configuration, layers: int, experts: int) -> tuple[Layer, ...]:
    """Every layer of a model.

    Parameters
    ----------
    configuration : Configuration   the model's, nested text section merged in
    layers : int                    ≥ 1
    experts : int                   routed experts; below 2: no layer is a mixture

    Returns
    -------
    tuple of Layer

    Raises
    ------
    ConfigError
        If a list of layers is too short, or a kind of layer unknown.
    """
    blocks = _blocks(configuration, layers)
    if blocks is not None:
        return tuple(blocks)
    mixers = _mixers(configuration, layers)
    if window_tokens(configuration) == 0:
        mixers = [Mixer.FULL if mixer is Mixer.WINDOW else mixer for mixer in mixers]
    is_mixture = _mixture_rule(configuration, layers) if experts > 1 else lambda layer: False
    return tuple(
        Layer(mixer, FeedForward.MIXTURE if is_mixture(layer) else FeedForward.DENSE)
        for layer, mixer in enumerate(mixers)
    )


def lists_mixtures(configuration: Configuration) -> bool:
    """Does the configuration say of single layers whether they are mixtures, not by a leading number or a step?"""
    values = configuration.values
    listed = ("hybrid_override_pattern", "layers_block_type", "mlp_layer_types", "moe_layers", "moe_layers_enum")
    sparse = configuration.count("decoder_sparse_step") > 1 or bool(values.get("mlp_only_layers"))
    return sparse or isinstance(values.get("moe_layer_freq"), list) or any(values.get(key) for key in listed)


def _blocks(configuration: Configuration, layers: int) -> list[Layer] | None:
    """Layers that are attention, state, feed-forward part or mixture, one thing each."""
    names: dict[str, Layer] = _BLOCK_LETTERS
    key = "hybrid_override_pattern"
    entries: list[Any] | None = list(configuration.text(key).replace("|", "")) or None
    if entries is None:
        names, key = _BLOCK_NAMES, "layers_block_type"
        entries = configuration.per_layer(key, layers)
        if entries is None or not {"moe", "mlp"}.intersection(one for one in entries if isinstance(one, str)):
            return None
    if len(entries) < layers:
        raise ConfigError(
            f"{configuration.at(key)} must have an entry for each of the {layers} layers; got {len(entries)}."
        )
    return [_known(configuration, key, one, names) for one in entries[:layers]]


def _mixers(configuration: Configuration, layers: int) -> list[Mixer]:
    for key in ("layer_types", "layers_block_type"):
        kinds = configuration.per_layer(key, layers)
        if kinds is not None:
            return [_known(configuration, key, one, _LAYER_TYPES) for one in kinds]
    windows = configuration.per_layer("hybrid_layer_pattern", layers)
    if windows is not None:
        return [Mixer.WINDOW if one == 1 else Mixer.FULL for one in windows]
    linear = configuration.section("linear_attn_config")
    if linear is not None and linear.listing("kda_layers") is not None:
        states = set(linear.numbers("kda_layers") or ())
        return [Mixer.LINEAR if layer + 1 in states else Mixer.FULL for layer in range(layers)]
    full_every = configuration.count("full_attention_interval")
    if full_every:
        return [Mixer.FULL if (layer + 1) % full_every == 0 else Mixer.LINEAR for layer in range(layers)]
    period = configuration.count("attn_layer_period")
    if period:
        offset = configuration.count("attn_layer_offset")
        return [Mixer.FULL if layer % period == offset else Mixer.MAMBA for layer in range(layers)]
    return _windows(configuration, layers)


def _windows(configuration: Configuration, layers: int) -> list[Mixer]:
    """Layers with a window where the configuration has no list of them; a model of an unknown kind has none."""
    kind = configuration.text("model_type")
    full_every = configuration.count("sliding_window_pattern", "_sliding_window_pattern") or _FULL_EVERY.get(kind, 0)
    if full_every:
        return [Mixer.FULL if (layer + 1) % full_every == 0 else Mixer.WINDOW for layer in range(layers)]
    if kind in _FULL_EVERYWHERE_BUT:
        return [Mixer.WINDOW] * layers
    if kind.startswith("qwen2"):
        first = configuration.count("max_window_layers")
        return [Mixer.WINDOW if layer >= first else Mixer.FULL for layer in range(layers)]
    return [Mixer.FULL] * layers


def _mixture_rule(configuration: Configuration, layers: int) -> Callable[[int], bool]:
    """Answers whether a layer of a model of mixtures is one."""
    kinds = configuration.per_layer("mlp_layer_types", layers)
    if kinds is not None:
        return lambda layer: kinds[layer] == "sparse"
    if isinstance(configuration.values.get("moe_layer_freq"), list):
        frequencies = configuration.per_layer("moe_layer_freq", layers) or []
        return lambda layer: bool(frequencies[layer])
    chosen = configuration.numbers("moe_layers") or _numbers(configuration, "moe_layers_enum")
    if chosen:
        return lambda layer: layer in chosen
    step = configuration.count("interleave_moe_layer_step")
    if step:
        return lambda layer: (layer + 1) % step == 0
    period = configuration.count("expert_layer_period")
    if period:
        offset = configuration.count("expert_layer_offset")
        return lambda layer: layer % period == offset
    sparse_step = configuration.count("decoder_sparse_step")
    dense = configuration.numbers("mlp_only_layers") or []
    if sparse_step or dense:
        return lambda layer: layer not in dense and (layer + 1) % (sparse_step or 1) == 0
    first = configuration.count("first_k_dense_replace")
    every = configuration.count("moe_layer_freq") or 1
    return lambda layer: layer >= first and layer % every == 0


def _numbers(configuration: Configuration, key: str) -> list[int]:
    """The numbers of a text such as "3,4,5"."""
    text = configuration.text(key)
    if not all(one.strip().isdecimal() for one in text.split(",") if text):
        raise ConfigError(f"{configuration.at(key)} must be whole numbers with commas; got {shown(text)}.")
    return [int(one) for one in text.split(",") if one]


def _known(configuration: Configuration, key: str, name: object, choices: dict[str, Kind]) -> Kind:
    if not isinstance(name, str) or name not in choices:
        raise UnknownChoiceError(
            f"{configuration.at(key)} names the unknown kind of layer {shown(name)}. Choices: "
            f"{', '.join(choices)}. Otherwise give the number of KV blocks."
        )
    return choices[name]
