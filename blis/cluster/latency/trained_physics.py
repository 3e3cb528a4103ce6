"""Price a step by physical terms whose weights were fitted to measurements of real servers.

Wise as a default: it counts work, traffic, communication between GPUs, and fixed costs per layer, request and
step. Its weights were fitted once, for all models and GPUs together.
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
from blis.engine.line import ANY_CONTEXT, Line, larger, whole_us
from blis.foundation.checks import check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.units import Float64Vector
from blis.foundation.words import shown

KV_BYTES_PER_ELEMENT = 2  # whatever the activations are

# Fitted values: "trained_physics_coefficients", defaults file of the BLIS reference simulator, August 2026.
ALPHA_US = (15563.199579, 777.3455, 45.907545)
BETA = (
    0.152128,
    0.0,
    1.36252915,
    0.752037,
    32.09546717,
    4.41684444,
    126.024825,
    481.8613888,
    0.0,
    1.94710771,
    0.752037,
)
MIN_BETA, MAX_BETA = 7, 11

# Places in the coefficient vector.
FLOPS_PER_US = 0  # peak, one GPU
BYTES_PER_US = 1  # memory bandwidth, one GPU
TENSOR_PARALLEL = 2
PROJECTION_FLOPS = 3  # FLOP per new token, all layers and GPUs
ATTENTION_FLOPS = 4  # FLOP per pair of a new token and a token that it attends to, one GPU
SHARED_FLOPS = 5  # FLOP per new token in shared experts, all GPUs
DENSE_FLOPS = 6  # FLOP per new token in dense feed-forward parts, all GPUs
MIXTURE_LAYERS = 7
EXPERTS_PER_TOKEN = 8  # at least 1
HIDDEN = 9
EXPERT_WIDTH = 10
KV_BYTES = 11  # bytes of keys and values per token, one GPU
LAYERS = 12
DENSE_LAYERS = 13
REDUCE_BYTES = 14  # bytes of an all-reduce per new token and layer, both ways
REDUCE_SHARE = 15  # (tensor_parallel - 1) / tensor_parallel
PREFILL_COMPUTE, PREFILL_KV, PREFILL_SPLIT = 16, 17, 18  # weights; split 1: a sum of both, 0: the larger
DECODE_COMPUTE, DECODE_KV, DECODE_SPLIT = 19, 20, 21
COMMUNICATION = 22  # weight
WEIGHTS_US = 23  # reading the weights, weighted
LAYERS_US = 24  # fixed cost of all layers
REQUEST_US = 25  # per member
STEP_US = 26  # per step
MIXTURE_US = 27  # fixed cost of all mixture layers of an interleaved model
N_COEFFICIENTS = 28

Three = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Params:
    """Both lists, or neither: then the fitted values."""

    alpha_us: Three = ALPHA_US  #: each ≥ 0, µs: per request before queueing, per completion, per output token
    #: 7 to 11 weights, each ≥ 0, not all 0: prefill compute, decode compute, weight reading, communication
    #: [1], per layer, per request, per step, per mixture layer of an interleaved model [µs], prefill KV,
    #: decode KV, expert exchange [1] (no effect without data parallelism)
    beta: tuple[float, ...] = BETA

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, object]) -> "Params":
        """The checked parameters of a plain mapping.

        Raises
        ------
        ConfigError
            If a key is unknown, a list has the wrong length, a value is not finite and ≥ 0, all of `beta`
            are 0, or only one list is given.
        """
        values = check_keys(where, mapping, ("alpha_us", "beta"))
        given = [key for key, value in values.items() if value is not None]
        if not given:
            return cls()
        if len(given) == 1:
            raise ConfigError(f"{where}: alpha_us and beta must be given together or not at all; got {given[0]} alone.")
        first, second, third = _numbers(f"{where}.alpha_us", values["alpha_us"], 3, 3)
        beta = _numbers(f"{where}.beta", values["beta"], MIN_BETA, MAX_BETA)
        if not any(beta):
            raise ConfigError(f"{where}.beta must have a value > 0, or every step is free; got {shown(list(beta))}.")
        return cls((first, second, third), beta)


def prepare(params: Params, model: Model | None, device: Device | None, tensor_parallel: int) -> LatencyModel:
    """Work and traffic per token, rates, fitted weights and fixed costs; overheads of a request.

    Parameters
    ----------
    params : Params         fitted weights
    model : Model           shape; `intermediate` > 0; `head_dim` is not looked at
    device : Device         rates; the 8-bit peak, if there is one, serves weights of exactly one byte
    tensor_parallel : int   ≥ 1; divides heads and kv_heads

    Returns
    -------
    LatencyModel
        coefficients: places as named at the top of this file.

    Raises
    ------
    ConfigError
        If model or device is absent, or a value in them cannot be.

    Source: trained-physics model of the BLIS reference simulator, August 2026, one data-parallel rank. Only
    integers are multiplied ahead, and products of one rounding, so that no bit moves.
    """
    model, device = both("trained-physics", model, device)
    _check(model, device, tensor_parallel)
    values = np.zeros(N_COEFFICIENTS)
    _set_rates(values, model, device, tensor_parallel)
    _set_work(values, model, tensor_parallel)
    beta = params.beta
    values[PREFILL_COMPUTE], values[DECODE_COMPUTE] = beta[0], beta[1]
    if len(beta) >= 9:
        values[PREFILL_KV], values[PREFILL_SPLIT] = beta[8], 1.0
    if len(beta) >= 10:
        values[DECODE_KV], values[DECODE_SPLIT] = beta[9], 1.0
    values[WEIGHTS_US] = beta[2] * _weight_reading_us(model, tensor_parallel, float(values[BYTES_PER_US]))
    values[COMMUNICATION] = beta[3]
    values[LAYERS_US] = beta[4] * model.layers
    values[REQUEST_US] = beta[5]
    values[STEP_US] = beta[6]
    if len(beta) >= 8 and model.experts > 1 and model.interleave_step > 0:
        values[MIXTURE_US] = beta[7] * model.mixture_layers
    return LatencyModel(
        coefficients=values,
        queueing_us=params.alpha_us[0],
        queueing_us_per_token=0.0,
        output_token_us=params.alpha_us[2],
        completion_us=params.alpha_us[1],
    )


def step_time(batch: BatchSums, coefficients: Float64Vector) -> int:
    """Time of one step: weighted compute, KV traffic, weights, communication and fixed costs, truncated.

    Parameters
    ----------
    batch : BatchSums            sums over the served members
    coefficients : float64 (28,) places as named at the top of this file

    Returns
    -------
    int [µs], at least 1, and 1 for a step without members.

    Source: as `prepare`, in its order. A chunk's attention is priced by the prompt's whole length, as fitted.
    """
    if batch.prefill_requests + batch.decode_requests == 0:
        return 1
    time_us = _time_us(batch, coefficients)
    return whole_us(time_us)


def decode_line(decodes: int, context: int, coefficients: Float64Vector) -> Line:
    """What steps of so many decodes cost: one line, or the larger of compute and KV traffic, as long as it stays so.

    Parameters
    ----------
    decodes : int                ≥ 1
    context : int                sum of the tokens that they have stored
    coefficients : float64 (28,) places as named at the top of this file

    Returns
    -------
    Line, from `context` on.
    """
    time_us = _time_us(BatchSums(0, 0, 0, 0, 0, decodes, context), coefficients)
    compute_us, kv_us = _decode_parts_us(decodes, context, coefficients)
    compute_rise_us = coefficients[ATTENTION_FLOPS] / coefficients[FLOPS_PER_US]
    kv_rise_us = coefficients[KV_BYTES] / coefficients[BYTES_PER_US]
    weight = coefficients[DECODE_COMPUTE]
    if coefficients[DECODE_SPLIT] > 0.0:
        return Line(context, ANY_CONTEXT, time_us, weight * compute_rise_us + coefficients[DECODE_KV] * kv_rise_us)
    part = larger(context, compute_us, compute_rise_us, kv_us, kv_rise_us)
    return Line(context, part.last_context, time_us, weight * part.per_token_us)


@kernel
def _time_us(batch: BatchSums, coefficients: Float64Vector) -> float:
    prompt, decodes, context = batch.prefill_tokens, batch.decode_requests, batch.decode_context_tokens
    n_devices, share = coefficients[TENSOR_PARALLEL], coefficients[REDUCE_SHARE]
    flops_per_us, bytes_per_us = coefficients[FLOPS_PER_US], coefficients[BYTES_PER_US]
    visited, hidden, width = coefficients[EXPERTS_PER_TOKEN], coefficients[HIDDEN], coefficients[EXPERT_WIDTH]
    mixture_layers, projection = coefficients[MIXTURE_LAYERS], coefficients[PROJECTION_FLOPS]
    shared, dense, pair = coefficients[SHARED_FLOPS], coefficients[DENSE_FLOPS], coefficients[ATTENTION_FLOPS]

    routed = mixture_layers * (prompt * visited / n_devices) * 6.0 * hidden * width
    feed_forward = routed + shared * prompt / n_devices + dense * prompt / n_devices
    attention = pair * (batch.prefill_prompt_attention_x2 / 2.0)
    compute_us = (projection * prompt / n_devices + attention + feed_forward) / flops_per_us
    kv_us = coefficients[KV_BYTES] * prompt / bytes_per_us
    prefill_us = coefficients[PREFILL_COMPUTE] * max(compute_us, kv_us)
    if coefficients[PREFILL_SPLIT] > 0.0:
        prefill_us = coefficients[PREFILL_COMPUTE] * compute_us + coefficients[PREFILL_KV] * kv_us

    compute_us, kv_us = _decode_parts_us(decodes, context, coefficients)
    decode_us = coefficients[DECODE_COMPUTE] * max(compute_us, kv_us)
    if coefficients[DECODE_SPLIT] > 0.0:
        decode_us = coefficients[DECODE_COMPUTE] * compute_us + coefficients[DECODE_KV] * kv_us

    reduce_bytes = (prompt + decodes) * coefficients[REDUCE_BYTES]
    communication_us = coefficients[LAYERS] * reduce_bytes * share / bytes_per_us
    communication_us += coefficients[DENSE_LAYERS] * reduce_bytes * share / bytes_per_us
    communication_us += mixture_layers * reduce_bytes * share / bytes_per_us

    time_us: float = (
        prefill_us
        + decode_us
        + coefficients[WEIGHTS_US]
        + coefficients[COMMUNICATION] * communication_us
        + coefficients[LAYERS_US]
        + coefficients[REQUEST_US] * (batch.prefill_requests + decodes)
        + coefficients[STEP_US]
        + coefficients[MIXTURE_US]
    )
    return time_us


@kernel
def _decode_parts_us(decodes: int, context: int, coefficients: Float64Vector) -> tuple[float, float]:
    """Compute and KV traffic of the decodes."""
    n_devices, hidden, width = coefficients[TENSOR_PARALLEL], coefficients[HIDDEN], coefficients[EXPERT_WIDTH]
    shared, dense, pair = coefficients[SHARED_FLOPS], coefficients[DENSE_FLOPS], coefficients[ATTENTION_FLOPS]
    visited, mixture_layers = coefficients[EXPERTS_PER_TOKEN], coefficients[MIXTURE_LAYERS]
    routed = mixture_layers * (decodes * visited / n_devices) * 6.0 * hidden * width
    feed_forward = routed + shared * decodes / n_devices + dense * decodes / n_devices
    projections = coefficients[PROJECTION_FLOPS] * decodes / n_devices
    compute_us = (projections + pair * context + feed_forward) / coefficients[FLOPS_PER_US]
    return compute_us, coefficients[KV_BYTES] * (context + decodes) / coefficients[BYTES_PER_US]


def _set_rates(values: Float64Vector, model: Model, device: Device, tensor_parallel: int) -> None:
    values[FLOPS_PER_US] = peak_tflops(model, device) * 1e6
    values[BYTES_PER_US] = device.peak_bandwidth_tb_per_s * 1e6
    values[TENSOR_PARALLEL] = tensor_parallel
    values[REDUCE_SHARE] = (tensor_parallel - 1) / tensor_parallel


def _set_work(values: Float64Vector, model: Model, tensor_parallel: int) -> None:
    """Set work and traffic per token: three feed-forward matrices, two operations per weight."""
    layers, hidden = model.layers, model.hidden
    head_dim = hidden // model.heads
    kv_width = model.kv_heads * head_dim
    mixture_layers = model.mixture_layers
    dense_layers = layers - mixture_layers
    dense_width = model.dense_intermediate or model.intermediate
    values[PROJECTION_FLOPS] = layers * 2 * hidden * (2 * hidden + 2 * kv_width)
    values[ATTENTION_FLOPS] = layers * 4 * (model.heads // tensor_parallel) * head_dim
    values[SHARED_FLOPS] = mixture_layers * 6 * hidden * model.shared_expert_intermediate
    values[DENSE_FLOPS] = dense_layers * 6 * hidden * dense_width
    values[MIXTURE_LAYERS] = mixture_layers
    values[EXPERTS_PER_TOKEN] = max(1, model.experts_per_token)
    values[HIDDEN] = hidden
    values[EXPERT_WIDTH] = model.expert_intermediate or model.intermediate
    values[KV_BYTES] = layers * 2 * (kv_width // tensor_parallel) * KV_BYTES_PER_ELEMENT
    values[LAYERS] = layers
    values[DENSE_LAYERS] = dense_layers
    values[REDUCE_BYTES] = hidden * model.activation_bytes * 2


def _weight_reading_us(model: Model, tensor_parallel: int, bytes_per_us: float) -> float:
    """Time to read every weight once: all experts, whatever the tokens."""
    layers, hidden, size = model.layers, model.hidden, model.weight_bytes
    kv_width = model.kv_heads * (hidden // model.heads)
    mixture_layers = model.mixture_layers
    expert_width = model.expert_intermediate or model.intermediate
    dense_width = model.dense_intermediate or model.intermediate
    weight_bytes = (
        layers * hidden * (2 * hidden + 2 * kv_width) * size / tensor_parallel
        + mixture_layers * (model.experts / tensor_parallel) * 3 * hidden * expert_width * size
        + mixture_layers * 3 * hidden * model.shared_expert_intermediate * size / tensor_parallel
        + (layers - mixture_layers) * 3 * hidden * dense_width * size / tensor_parallel
    )
    return weight_bytes / bytes_per_us


def _check(model: Model, device: Device, tensor_parallel: int) -> None:
    """Refuse a record, perhaps built by hand, that the formulas cannot take."""
    check_shape(model, ("layers", "hidden", "heads", "kv_heads", "intermediate"))
    check_rates(device)
    check_int("tensor_parallel", tensor_parallel, minimum=1)
    common = math.gcd(model.heads, model.kv_heads)
    if common % tensor_parallel:
        choices = ", ".join(str(degree) for degree in range(1, common + 1) if common % degree == 0)
        raise ConfigError(
            f"tensor_parallel must divide the {model.heads} heads and {model.kv_heads} kv_heads of model "
            f"{model.name!r}; got {tensor_parallel}. Choices: {choices}."
        )


def _numbers(where: str, value: object, shortest: int, longest: int) -> tuple[float, ...]:
    if not isinstance(value, list | tuple) or not shortest <= len(value) <= longest:
        count = str(shortest) if shortest == longest else f"{shortest} to {longest}"
        raise ConfigError(f"{where} must be a list of {count} numbers; got {shown(value)}.")
    return tuple(check_number(f"{where}[{place}]", number, minimum=0) for place, number in enumerate(value))
