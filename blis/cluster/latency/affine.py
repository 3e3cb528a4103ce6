"""Price a step by its new tokens alone: a constant, so much per prompt token, so much per decode.

Wise when coefficients measured on the very model, GPU and server are at hand; blind to context length.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from blis.cluster.catalog import Device, Model, find_coefficients
from blis.cluster.latency import LatencyModel
from blis.engine._jit import kernel
from blis.engine.batch_sums import BatchSums
from blis.engine.line import ANY_CONTEXT, Line, whole_us
from blis.foundation.checks import check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.units import Float64Vector
from blis.foundation.words import shown

# Places in the coefficient vector, all in µs.
PER_STEP, PER_PROMPT_TOKEN, PER_DECODE = 0, 1, 2
N_COEFFICIENTS = 3

Three = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Params:
    """Both lists, or neither: then the shipped table gives them by model, GPU and tensor parallelism."""

    alpha_us: Three | None = None  #: each ≥ 0, µs: per request, per prompt token (cached too), per output token
    beta_us: Three | None = None  #: each ≥ 0, µs: per step, per computed prompt token, per decode
    vllm_version: str | None = None  #: which row of the table; None: the first

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, object]) -> "Params":
        """The checked parameters of a plain mapping.

        Raises
        ------
        ConfigError
            If a key is unknown, a value not finite and ≥ 0, a list not of three, or only one list given.
        """
        values = check_keys(where, mapping, ("alpha_us", "beta_us", "vllm_version"))
        alpha_us = _three(f"{where}.alpha_us", values.get("alpha_us"))
        beta_us = _three(f"{where}.beta_us", values.get("beta_us"))
        version = values.get("vllm_version")
        if (alpha_us is None) != (beta_us is None):
            given, absent = ("beta_us", "alpha_us") if alpha_us is None else ("alpha_us", "beta_us")
            raise ConfigError(
                f"{where}: alpha_us and beta_us must be given together or not at all; got {given} without {absent}."
            )
        if version is not None and (not isinstance(version, str) or alpha_us is not None):
            raise ConfigError(
                f"{where}.vllm_version must be a text, and only where alpha_us and beta_us are looked up; "
                f"got {shown(version)}."
            )
        return cls(alpha_us, beta_us, version)


def prepare(params: Params, model: Model | None, device: Device | None, tensor_parallel: int) -> LatencyModel:
    """The three step coefficients [µs] and the overheads of a request.

    Parameters
    ----------
    params : Params         coefficients, or none
    model, device           needed, by their names, only where the coefficients are looked up
    tensor_parallel : int   GPUs per instance

    Returns
    -------
    LatencyModel
        coefficients: `PER_STEP`, `PER_PROMPT_TOKEN`, `PER_DECODE`.

    Raises
    ------
    ConfigError
        If there is neither a list nor a row of the table.
    """
    alpha_us, beta_us = params.alpha_us, params.beta_us
    if alpha_us is None or beta_us is None:
        if model is None or device is None:
            raise ConfigError("latency affine: give alpha_us and beta_us, or a model and a device to look them up.")
        row = find_coefficients(model.name, device.name, tensor_parallel, params.vllm_version)
        alpha_us, beta_us = row.alpha_us, row.beta_us
    return LatencyModel(
        coefficients=np.array(beta_us, dtype=np.float64),
        queueing_us=alpha_us[0],
        queueing_us_per_token=alpha_us[1],
        output_token_us=alpha_us[2],
        completion_us=0.0,
    )


def step_time(batch: BatchSums, coefficients: Float64Vector) -> int:
    """Time of one step: constant + per computed prompt token + per decode, truncated.

    Parameters
    ----------
    batch : BatchSums           sums over the served members
    coefficients : float64 (3,) µs per step, per computed prompt token, per decode

    Returns
    -------
    int [µs], at least 1. A step without members still takes the constant.

    Source: "blackbox" model of the BLIS reference simulator, April 2026; added left to right in doubles.
    """
    return _whole_us(batch.prefill_tokens, batch.decode_requests, coefficients)


def decode_line(decodes: int, context: int, coefficients: Float64Vector) -> Line:
    """The one price of so many decodes, whatever their context: the middle of its microsecond, which is certain."""
    return Line(0, ANY_CONTEXT, _whole_us(0, decodes, coefficients) + 0.5, 0.0)


@kernel
def _whole_us(prompt: int, decodes: int, coefficients: Float64Vector) -> int:
    time_us = coefficients[PER_STEP] + coefficients[PER_PROMPT_TOKEN] * prompt + coefficients[PER_DECODE] * decodes
    return whole_us(time_us)


def _three(where: str, value: object) -> Three | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise ConfigError(f"{where} must be a list of 3 numbers [µs]; got {shown(value)}.")
    first, second, third = (
        check_number(f"{where}[{place}]", number, minimum=0, unit="µs") for place, number in enumerate(value)
    )
    return first, second, third
