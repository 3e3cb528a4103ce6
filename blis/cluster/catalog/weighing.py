"""Counts a model's weights, part by part, and the bytes that they take on GPUs."""

from collections.abc import Iterator

from blis.cluster.catalog.attention import Matrix, attention_matrices
from blis.cluster.catalog.configuration import Configuration
from blis.cluster.catalog.feed_forward import expert_width, feed_forward_matrices
from blis.cluster.catalog.layers import Layer, Mixer
from blis.cluster.catalog.model import Weights
from blis.cluster.catalog.quantisation import BITS_PER_BYTE, MXFP4, Quantisation
from blis.cluster.catalog.recurrence import recurrent_matrices

#: Kernels for MXFP4 pad the width of experts to a multiple of this: gpt-oss takes 64.4 GiB in vLLM, its files 60.8.
MXFP4_ALIGNMENT = 256
_ATTENTION = (Mixer.FULL, Mixer.WINDOW)
_TIED_BY_DEFAULT = ("gemma",)


def weigh(configuration: Configuration, plan: tuple[Layer, ...], stored: Quantisation) -> tuple[Weights, ...]:
    """The weights of each part that a model's layers have, those of embeddings, and those of an image encoder.

    Parameters
    ----------
    configuration : Configuration   the model's, nested text section merged in
    plan : tuple of Layer           its layers
    stored : Quantisation           how its weights are stored

    Returns
    -------
    tuple of Weights; norms, biases and other vectors are left out, as are layers that only drafts use

    Raises
    ------
    ConfigError
        If the configuration leaves out a size.
    """
    found: dict[tuple[str, int], tuple[int, float]] = {}
    for layer in range(len(plan)):
        for matrix in _of_layer(configuration, plan, layer):
            size = _size(configuration, stored, layer, matrix)
            count, stored_bytes = found.get((matrix.part, matrix.split_ways), (0, 0.0))
            found[matrix.part, matrix.split_ways] = count + matrix.n_weights, stored_bytes + matrix.n_weights * size
    vocabulary = configuration.required("vocab_size", "padded_vocab_size") * configuration.required(
        "hidden_size", "n_embd", "d_model"
    )
    matrices = 1 if is_tied(configuration) else 2
    found["embeddings", 0] = matrices * vocabulary, matrices * vocabulary * stored.plain_bytes
    encoder = encoder_weights(configuration)
    if encoder:
        found["image encoder", 0] = encoder, encoder * stored.plain_bytes
    return tuple(Weights(part, count, size, ways) for (part, ways), (count, size) in found.items())


def is_tied(configuration: Configuration) -> bool:
    """Is the output matrix the embedding matrix?"""
    return configuration.flag("tie_word_embeddings", configuration.text("model_type").startswith(_TIED_BY_DEFAULT))


def encoder_weights(configuration: Configuration) -> int:
    """Weights of the layers of an image encoder, near enough: four square matrices and two of its feed-forward part."""
    vision = configuration.section("vision_config")
    if vision is None:
        return 0
    layers = vision.count("depth", "num_hidden_layers", "vt_num_hidden_layers")
    hidden = vision.count("hidden_size", "vt_hidden_size")
    width = vision.count("intermediate_size", "vt_intermediate_size") or 4 * hidden
    return layers * (4 * hidden * hidden + 2 * hidden * width)


def _of_layer(configuration: Configuration, plan: tuple[Layer, ...], layer: int) -> Iterator[Matrix]:
    mixer, feed_forward = plan[layer]
    if mixer in _ATTENTION:
        yield from attention_matrices(configuration, layer, mixer, len(plan))
    elif mixer is not Mixer.NONE:
        yield from recurrent_matrices(configuration, mixer)
    yield from feed_forward_matrices(configuration, layer, feed_forward)


def _size(configuration: Configuration, stored: Quantisation, layer: int, matrix: Matrix) -> float:
    """Bytes per weight of a matrix."""
    if not matrix.is_quantised:
        return stored.plain_bytes
    size = stored.stored_bytes(layer, matrix.modules)
    if matrix.part != "experts":
        return size
    mxfp4_bytes = MXFP4.stored_bits / BITS_PER_BYTE
    if configuration.text("expert_dtype") == "fp4":
        size = min(size, mxfp4_bytes)
    width = expert_width(configuration)
    return size * -(-width // MXFP4_ALIGNMENT) * MXFP4_ALIGNMENT / width if size == mxfp4_bytes else size
