"""What latency models that are derived from a model's shape and a device's rates ask of both."""

from collections.abc import Sequence

from blis.cluster.catalog import Device, Model
from blis.foundation.checks import check_int, check_number
from blis.foundation.errors import ConfigError


def both(kind: str, model: Model | None, device: Device | None) -> tuple[Model, Device]:
    """Model and device.

    Raises
    ------
    ConfigError
        If either is absent.
    """
    if model is None or device is None:
        raise ConfigError(f"latency {kind}: needs a model and a device; give both.")
    return model, device


def check_shape(model: Model, sizes: Sequence[str]) -> None:
    """Refuse a model, perhaps built by hand, whose `sizes` are not ≥ 1, or whose bytes or experts cannot be."""
    where = f"model {model.name!r}"
    for key in sizes:
        check_int(f"{where}: {key}", getattr(model, key), minimum=1)
    for key in ("activation_bytes", "weight_bytes"):
        check_number(f"{where}: {key}", getattr(model, key), above=0, unit="bytes")
    if model.experts > 1:
        check_int(f"{where}: experts_per_token", model.experts_per_token, minimum=1, maximum=model.experts)


def check_rates(device: Device, more: Sequence[str] = ()) -> None:
    """Refuse a device, perhaps built by hand, whose rates are not above zero; an absent 8-bit peak is 0."""
    for key in ("peak_tflops_16bit", "peak_bandwidth_tb_per_s", *more):
        check_number(f"device {device.name!r}: {key}", getattr(device, key), above=0)
    check_number(f"device {device.name!r}: peak_tflops_8bit", device.peak_tflops_8bit, minimum=0)


def peak_tflops(model: Model, device: Device) -> float:
    """The device's peak for the model's weights: the 8-bit one, if there is one, for weights of exactly one byte."""
    eight_bit = model.weight_bytes == 1.0 and device.peak_tflops_8bit > 0
    return device.peak_tflops_8bit if eight_bit else device.peak_tflops_16bit
