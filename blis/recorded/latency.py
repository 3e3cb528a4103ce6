"""The latency model of a recorded case: affine coefficients, or shape and rates for the roofline."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from blis.cluster.catalog import Device, Model, device_from_mapping, model_from_mapping
from blis.cluster.latency import LatencyModel, affine, roofline
from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.recorded.fields import fields

_SHAPE = ("layers", "hidden", "heads", "kv_heads", "intermediate")
_RATES = {
    "peak_tflops_16bit": "tflops_fp16",
    "peak_bandwidth_tb_per_s": "bandwidth_tb_s",
    "mfu_prefill": "mfu_prefill",
    "mfu_decode": "mfu_decode",
}


def read_latency(where: str, latency: object) -> tuple[str, LatencyModel]:
    """Name of the model and its coefficients.

    Raises
    ------
    ConfigError
        If the kind is unknown, or a field of it absent or wrong.
    """
    kinds = {"affine": _affine, "roofline": _roofline}
    given = latency if isinstance(latency, Mapping) else {}
    kind = check_keys(where, latency, given, ("kind",))["kind"]
    return kind, kinds[check_choice(f"{where}.kind", kind, kinds)](where, given)


def _affine(where: str, latency: Mapping[str, Any]) -> LatencyModel:
    lists = ("alpha_us", "beta_us")
    values = fields(where, latency, ("kind", *lists), ("model", "hardware", "tensor_parallel"))
    params = affine.Params.from_mapping(where, {name: values[name] for name in lists})
    return affine.prepare(params, None, None, 1)


def _roofline(where: str, latency: Mapping[str, Any]) -> LatencyModel:
    values = fields(
        where, latency, ("kind", "model", "hardware", "tensor_parallel"), ("queueing_us", "per_output_token_us")
    )
    prepared = roofline.prepare(
        roofline.Params(),
        _model(f"{where}.model", values["model"]),
        _device(f"{where}.hardware", values["hardware"]),
        check_int(f"{where}.tensor_parallel", values["tensor_parallel"], 1, unit="GPUs"),
    )
    queueing_us, output_token_us = (
        check_number(f"{where}.{name}", values.get(name) or 0, 0, unit="µs")
        for name in ("queueing_us", "per_output_token_us")
    )
    return replace(prepared, queueing_us=queueing_us, output_token_us=output_token_us)


def _model(where: str, mapping: object) -> Model:
    """Weights and activations have one width, and every layer of a mixture is one; below two experts there is none."""
    values = fields(
        where, mapping, (*_SHAPE, "bytes_per_param"), ("experts", "experts_per_token", "vocab", "activation")
    )
    shape = {name: values[name] for name in _SHAPE}
    shape["kv_heads"] = values["kv_heads"] or values["heads"]
    if check_int(f"{where}.experts", values.get("experts") or 0, 0) > 1:
        shape["experts"] = values["experts"]
        shape["experts_per_token"] = check_int(
            f"{where}.experts_per_token", values.get("experts_per_token"), 1, values["experts"]
        )
    activation_bytes = check_number(f"{where}.bytes_per_param", values["bytes_per_param"], above=0, unit="bytes")
    return model_from_mapping(where, shape | {"name": "recorded", "activation_bytes": activation_bytes})


def _device(where: str, mapping: object) -> Device:
    values = fields(where, mapping, tuple(_RATES.values()), ("tflops_fp8", "memory_gib"))
    rates = {ours: check_number(f"{where}.{theirs}", values[theirs], above=0) for ours, theirs in _RATES.items()}
    eight_bit = check_number(f"{where}.tflops_fp8", values.get("tflops_fp8") or 0, 0, unit="TFLOP/s")
    return device_from_mapping(where, rates | {"name": "recorded", "peak_tflops_8bit": eight_bit})
