"""Derives the states of linear attention and state-space layers, and their weights, from a model's configuration."""

from collections.abc import Iterator

from blis.cluster.catalog.attention import Matrix
from blis.cluster.catalog.configuration import BYTES_PER_ELEMENT, Configuration
from blis.cluster.catalog.layers import Layer, Mixer
from blis.cluster.catalog.model import SequenceState
from blis.foundation.checks import nearest
from blis.foundation.errors import UnknownChoiceError
from blis.foundation.words import shown

_MIXER = ("linear_attn", "self_attn", "mixer", "mamba", "conv")


def sequence_states(configuration: Configuration, plan: tuple[Layer, ...]) -> tuple[SequenceState, ...]:
    """What the layers of a model store per sequence, besides what they store per token."""
    mixers = [layer.mixer for layer in plan]
    states = []
    for mixer in (Mixer.LINEAR, Mixer.MAMBA, Mixer.CONVOLUTION):
        if mixer in mixers:
            channels, kernel, elements, heads = _shape(configuration, mixer)
            stored = channels * max(0, kernel - 1) * configuration.element_bytes()
            states.append(SequenceState(mixers.count(mixer), stored + elements * _state_bytes(configuration), heads))
    return tuple(states)


def _state_bytes(configuration: Configuration) -> float:
    """Bytes per element of a recurrent state: what the configuration says, as vLLM reads it, else as activations."""
    kind = configuration.text("mamba_ssm_cache_dtype", "mamba_ssm_dtype")
    if not kind:
        return configuration.element_bytes()
    if kind not in BYTES_PER_ELEMENT:
        raise UnknownChoiceError(
            f"{configuration.at('mamba_ssm_cache_dtype')} must name an element type; got {shown(kind)}"
            f"{nearest(kind, BYTES_PER_ELEMENT)} Types: {', '.join(sorted(BYTES_PER_ELEMENT))}."
        )
    return BYTES_PER_ELEMENT[kind]


def _shape(configuration: Configuration, mixer: Mixer) -> tuple[int, int, int, int]:
    """Channels of the convolution, its width, elements of the state, heads of one layer."""
    if mixer is Mixer.LINEAR:
        key_heads, key_width, value_heads, value_width, kernel = _linear(configuration)
        channels = 2 * key_heads * key_width + value_heads * value_width
        return channels, kernel, value_heads * key_width * value_width, key_heads
    if mixer is Mixer.CONVOLUTION:
        return configuration.required("hidden_size"), configuration.required("conv_L_cache"), 0, 1
    inner, heads, groups, state = _mamba(configuration)
    kernel = configuration.required("conv_kernel", "mamba_d_conv")
    return inner + 2 * groups * state, kernel, inner * state, heads


def _linear(configuration: Configuration) -> tuple[int, int, int, int, int]:
    """Key heads, their width, value heads, their width, width of the convolution."""
    section = configuration.section("linear_attn_config")
    if section is not None:
        heads, width = section.required("num_heads"), section.required("head_dim")
        return heads, width, heads, width, section.required("short_conv_kernel_size")
    return (
        configuration.required("linear_num_key_heads"),
        configuration.required("linear_key_head_dim"),
        configuration.required("linear_num_value_heads"),
        configuration.required("linear_value_head_dim"),
        configuration.required("linear_conv_kernel_dim"),
    )


def _mamba(configuration: Configuration) -> tuple[int, int, int, int]:
    """Inner width, heads, groups, width of the state; one head and no group in layers of the first kind."""
    heads = configuration.count("mamba_num_heads", "mamba_n_heads")
    state = configuration.required("ssm_state_size", "mamba_d_state")
    if heads:
        inner = heads * configuration.required("mamba_head_dim", "mamba_d_head")
        return inner, heads, configuration.count("n_groups", "mamba_n_groups") or 1, state
    inner = configuration.required("hidden_size") * (configuration.count("mamba_expand", "expand") or 2)
    return inner, inner, 0, state


def recurrent_matrices(configuration: Configuration, mixer: Mixer) -> Iterator[Matrix]:
    """The matrices of a layer with a state."""
    hidden = configuration.required("hidden_size")
    channels, kernel, _, heads = _shape(configuration, mixer)
    if mixer is Mixer.LINEAR:
        yield from _linear_matrices(configuration, hidden)
    elif mixer is Mixer.CONVOLUTION:
        yield _matrix(("in_proj",), 3 * hidden * hidden)
        yield _matrix(("out_proj",), hidden * hidden)
    else:
        inner, heads, groups, state = _mamba(configuration)
        if groups:
            yield _matrix(("in_proj",), hidden * (2 * inner + 2 * groups * state + heads))
        else:
            rank = configuration.count("mamba_dt_rank") or -(-hidden // 16)
            yield _matrix(("in_proj",), hidden * 2 * inner)
            yield _matrix(("x_proj",), inner * (rank + 2 * state) + rank * inner)
        yield _matrix(("out_proj",), inner * hidden)
    yield Matrix("recurrence", (), channels * kernel, heads, is_quantised=False)


def _linear_matrices(configuration: Configuration, hidden: int) -> Iterator[Matrix]:
    key_heads, key_width, value_heads, value_width, _ = _linear(configuration)
    keys, values = key_heads * key_width, value_heads * value_width
    section = configuration.section("linear_attn_config")
    if section is None:  # gated delta rule: queries, keys, values and a gate
        yield _matrix(("in_proj_qkvz", "in_proj_qkv"), hidden * (2 * keys + 2 * values))
        yield Matrix("recurrence", (), 2 * hidden * value_heads, is_quantised=False)
    else:  # Kimi: a gate of full rank or of the rank of a head, and a decay of the rank of a head
        low_rank = hidden * key_width + key_width * values
        gate = hidden * values if section.flag("use_full_rank_gate") else low_rank
        yield _matrix(("q_proj", "in_proj"), hidden * (2 * keys + values))
        yield Matrix("recurrence", (), gate + low_rank + hidden * value_heads, is_quantised=False)
    yield _matrix(("out_proj", "o_proj"), values * hidden)


def _matrix(projections: tuple[str, ...], count: int) -> Matrix:
    return Matrix("recurrence", tuple(f"{mixer}.{one}" for mixer in _MIXER for one in projections), count)
