"""Price a step by the slower of its arithmetic and its memory traffic.

Wise when nothing was measured: it needs only the model's shape and the GPU's rates. It knows no launch,
per-layer or communication cost, so small steps and many GPUs come out too fast.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from blis.cluster.catalog import Device, Model
from blis.cluster.latency import LatencyModel
from blis.cluster.latency._shape import both, check_rates, check_shape, peak_tflops
from blis.engine._jit import kernel
from blis.engine.batch_sums import BatchSums
from blis.engine.line import Line, larger, whole_us
from blis.foundation.checks import check_int, check_keys, check_number
from blis.foundation.units import Float64Vector

US_PER_S = 1e6

# Places in the coefficient vector.
FLOPS_PER_TOKEN = 0  # FLOP per new token: projections, feed-forward part, norms
FLOPS_PER_PAIR = 1  # FLOP per pair of a new token and a token that it attends to
PREFILL_FLOPS_PER_S = 2  # peak times mfu_prefill, one GPU
DECODE_FLOPS_PER_S = 3  # peak times mfu_decode, one GPU
BYTES_PER_S = 4  # memory bandwidth, one GPU
TENSOR_PARALLEL = 5
WEIGHT_BYTES = 6  # bytes per stored weight
ATTENTION_WEIGHTS = 7  # weights of all projections
EXPERT_WEIGHTS = 8  # weights of one expert in every mixture layer
DENSE_WEIGHTS = 9  # weights of the feed-forward part of all dense layers
EXPERTS = 10  # routed experts; 0: dense
IDLE_EXPERT_SHARE = 11  # (experts - experts per token) / experts: the chance that one token passes an expert by
KV_BYTES_PER_TOKEN = 12  # bytes of keys and values, written per new token and read per stored one
ACTIVATION_BYTES_PER_TOKEN = 13
N_COEFFICIENTS = 14


@dataclass(frozen=True, slots=True)
class Params:
    """Utilisations measured elsewhere; None: the device's own."""

    mfu_prefill: float | None = None  #: (0, 1], fraction of the peak that prompts reach
    mfu_decode: float | None = None  #: (0, 1], fraction of the peak that decodes reach

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, object]) -> "Params":
        """The checked parameters of a plain mapping.

        Raises
        ------
        ConfigError
            If a key is unknown or a value out of (0, 1].
        """
        values = check_keys(where, mapping, ("mfu_prefill", "mfu_decode"))
        return cls(
            **{
                key: check_number(f"{where}.{key}", value, maximum=1, above=0)
                for key, value in values.items()
                if value is not None
            }
        )


def prepare(params: Params, model: Model | None, device: Device | None, tensor_parallel: int) -> LatencyModel:
    """Work and traffic per token of the model, rates of the device; no overhead per request.

    Parameters
    ----------
    params : Params         utilisations that replace the device's
    model : Model           shape; `intermediate` 0 counts as 4 x hidden; `head_dim` is not looked at
    device : Device         rates; the 8-bit peak, if there is one, serves weights of exactly one byte
    tensor_parallel : int   ≥ 1, a pure divisor of work and traffic

    Returns
    -------
    LatencyModel
        coefficients: places as named at the top of this file.

    Raises
    ------
    ConfigError
        If model or device is absent, or a value in them cannot be.

    Source: roofline model of the BLIS reference simulator, April 2026: two feed-forward matrices whatever the
    activation; shared experts, router, embeddings and output matrix are free.
    """
    model, device = both("roofline", model, device)
    check_int("tensor_parallel", tensor_parallel, minimum=1)
    _check(model, device)
    peak_flops_per_s = peak_tflops(model, device) * 1e12
    mfu_prefill = device.mfu_prefill if params.mfu_prefill is None else params.mfu_prefill
    mfu_decode = device.mfu_decode if params.mfu_decode is None else params.mfu_decode
    values = np.zeros(N_COEFFICIENTS)
    values[PREFILL_FLOPS_PER_S] = peak_flops_per_s * mfu_prefill
    values[DECODE_FLOPS_PER_S] = peak_flops_per_s * mfu_decode
    values[BYTES_PER_S] = device.peak_bandwidth_tb_per_s * 1e12
    values[TENSOR_PARALLEL] = tensor_parallel
    _set_work(values, model)
    return LatencyModel(values, queueing_us=0.0, queueing_us_per_token=0.0, output_token_us=0.0, completion_us=0.0)


def step_time(batch: BatchSums, coefficients: Float64Vector) -> int:
    """Time of one step: the slower of its arithmetic and its memory traffic, truncated.

    Parameters
    ----------
    batch : BatchSums            sums over the served members
    coefficients : float64 (14,) places as named at the top of this file

    Returns
    -------
    int [µs], at least 1, and 1 for a step without members.

    Source: roofline model of the BLIS reference simulator, April 2026, its order of operations. That divides
    each member's work by the rate and adds the quotients; here the work is added first, which is exact, and
    divided once. A step with several members can differ by 1 µs when its time lies on a whole microsecond
    (about 1 in 10⁶).
    """
    if batch.prefill_requests == 0 and batch.decode_requests == 0:
        return 1
    compute_s, memory_s = _times_s(batch, coefficients)
    time_us = max(compute_s, memory_s) * US_PER_S
    return whole_us(time_us)


def decode_line(decodes: int, context: int, coefficients: Float64Vector) -> Line:
    """What steps of so many decodes cost, as long as arithmetic, or memory traffic, stays the slower of the two.

    Parameters
    ----------
    decodes : int                ≥ 1
    context : int                sum of the tokens that they have stored
    coefficients : float64 (14,) places as named at the top of this file

    Returns
    -------
    Line, from `context` on.
    """
    compute_s, memory_s = _times_s(BatchSums(0, 0, 0, 0, 0, decodes, context), coefficients)
    n_devices = coefficients[TENSOR_PARALLEL]
    compute_rise_s = coefficients[FLOPS_PER_PAIR] / n_devices / coefficients[DECODE_FLOPS_PER_S]
    memory_rise_s = coefficients[KV_BYTES_PER_TOKEN] / n_devices / coefficients[BYTES_PER_S]
    return larger(
        context,
        compute_s * US_PER_S, compute_rise_s * US_PER_S,
        memory_s * US_PER_S, memory_rise_s * US_PER_S,
    )  # fmt: skip


@kernel
def _times_s(batch: BatchSums, coefficients: Float64Vector) -> tuple[float, float]:
    """What the arithmetic of a step takes, and its memory traffic [s]."""
    new_tokens = batch.prefill_tokens + batch.decode_requests
    stored_tokens = batch.prefill_history_tokens + batch.decode_context_tokens

    per_token, per_pair = coefficients[FLOPS_PER_TOKEN], coefficients[FLOPS_PER_PAIR]
    n_devices = coefficients[TENSOR_PARALLEL]
    prefill_flops = batch.prefill_tokens * per_token + batch.prefill_attention_x2 / 2.0 * per_pair
    decode_flops = batch.decode_requests * per_token + batch.decode_context_tokens * per_pair
    compute_s = (
        prefill_flops / n_devices / coefficients[PREFILL_FLOPS_PER_S]
        + decode_flops / n_devices / coefficients[DECODE_FLOPS_PER_S]
    )

    experts_read = 0.0  # expected number of distinct experts under uniform routing
    if coefficients[EXPERTS] > 0.0:
        all_idle = math.pow(coefficients[IDLE_EXPERT_SHARE], float(new_tokens))
        experts_read = coefficients[EXPERTS] * (1.0 - all_idle)
    weight_bytes = coefficients[WEIGHT_BYTES] * (
        coefficients[ATTENTION_WEIGHTS] + coefficients[EXPERT_WEIGHTS] * experts_read + coefficients[DENSE_WEIGHTS]
    )
    token_bytes = (
        coefficients[KV_BYTES_PER_TOKEN] * (new_tokens + stored_tokens)
        + coefficients[ACTIVATION_BYTES_PER_TOKEN] * new_tokens
    )
    memory_s = (weight_bytes / n_devices + token_bytes / n_devices) / coefficients[BYTES_PER_S]
    return compute_s, memory_s


def _set_work(values: Float64Vector, model: Model) -> None:
    """Set work, weights and traffic: whole numbers below 2^53 for every common shape, so exact."""
    layers, hidden = model.layers, model.hidden
    head_dim = hidden / model.heads
    kv_width = model.kv_heads * head_dim
    width = model.intermediate or 4 * hidden
    expert_width = model.expert_intermediate or width
    dense_width = model.dense_intermediate or width
    mixture_layers = model.mixture_layers
    dense_layers = layers - mixture_layers
    active_width = model.experts_per_token * expert_width * mixture_layers + dense_width * dense_layers
    projections = 4 * hidden * hidden + 4 * hidden * kv_width
    values[FLOPS_PER_TOKEN] = layers * (projections + 2 * hidden) + 4 * hidden * active_width
    values[FLOPS_PER_PAIR] = layers * model.heads * (4 * head_dim + 5)
    values[WEIGHT_BYTES] = model.weight_bytes
    values[ATTENTION_WEIGHTS] = layers * (hidden * (hidden + 2 * kv_width) + hidden * hidden)
    values[EXPERT_WEIGHTS] = 2 * hidden * expert_width * mixture_layers
    values[DENSE_WEIGHTS] = 2 * hidden * dense_width * dense_layers
    if mixture_layers:
        values[EXPERTS] = model.experts
        values[IDLE_EXPERT_SHARE] = (model.experts - model.experts_per_token) / model.experts
    values[KV_BYTES_PER_TOKEN] = 2 * layers * model.kv_heads * head_dim * model.activation_bytes
    values[ACTIVATION_BYTES_PER_TOKEN] = layers * hidden * model.activation_bytes


def _check(model: Model, device: Device) -> None:
    """Refuse a record, perhaps built by hand, that the formulas cannot take."""
    where = f"model {model.name!r}"
    check_shape(model, ("layers", "hidden", "heads", "kv_heads"))
    for key in ("intermediate", "expert_intermediate", "dense_intermediate", "interleave_step", "experts"):
        check_int(f"{where}: {key}", getattr(model, key), minimum=0)
    if model.experts == 0:
        check_int(f"{where}: experts_per_token of a model without experts", model.experts_per_token, 0, 0)
    check_rates(device, ("mfu_prefill", "mfu_decode"))
