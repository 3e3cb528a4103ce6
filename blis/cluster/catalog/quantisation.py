"""Finds how many bytes a stored weight takes when a model is quantised."""

import re
from collections.abc import Mapping
from typing import Any

from blis.foundation.checks import check_number
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown

BITS_PER_BYTE = 8

# A token of a model's name, such as "w4a16" in "phi-4-quantized.w4a16", between separators or the ends.
_BITS_TOKEN = re.compile(r"(?:^|[.\-_/])w([1-9][0-9]*)a[0-9]+(?=$|[.\-_])")
_FP8_TOKEN = re.compile(r"(?:^|[.\-_/])fp8(?=$|[.\-_])")


def weight_bytes(where: str, config: Mapping[str, Any], model_name: str, activation_bytes: float) -> float:
    """Bytes per stored weight: by the quantisation section, else by the model's name, else as activations.

    Parameters
    ----------
    where : str                 what is being read, for messages
    config : mapping            the model's configuration, nested text section merged in
    model_name : str            lower-cased name
    activation_bytes : float    bytes per activation, the size without quantisation

    Returns
    -------
    float [bytes]; 0.5 for 4-bit weights

    Raises
    ------
    ConfigError
        If the section is no object, or `bits` or `num_bits` in it is no positive number.

    Source: quantisation rules of the BLIS reference simulator, August 2026. An unreadable bit count is an
    error here; there it counts as absent.
    """
    declared = _declared_bytes(where, config.get("quantization_config"))
    if declared is None:
        declared = _named_bytes(model_name)
    return activation_bytes if declared is None else declared


def _declared_bytes(where: str, section: object) -> float | None:
    if section is None:
        return None
    if not isinstance(section, Mapping):
        raise ConfigError(f"{where}: quantization_config must be an object; got {shown(section)}.")
    if section.get("bits") is not None:
        return _bytes_of_bits(f"{where}: quantization_config.bits", section["bits"])
    method = str(section.get("quant_method", "")).lower()
    if method == "fp8":
        return 1.0
    if method == "compressed-tensors":
        return _first_group_bytes(where, section.get("config_groups"))
    return None


def _first_group_bytes(where: str, groups: object) -> float | None:
    """The width of the first group, by sorted key, that states one."""
    if not isinstance(groups, Mapping):
        return None
    for key in sorted(groups):
        group = groups[key]
        weights = group.get("weights") if isinstance(group, Mapping) else None
        bits = weights.get("num_bits") if isinstance(weights, Mapping) else None
        if bits is not None:
            return _bytes_of_bits(f"{where}: quantization_config.config_groups.{key}.weights.num_bits", bits)
    return None


def _bytes_of_bits(where: str, bits: object) -> float:
    if isinstance(bits, str) and bits.strip().isdecimal():
        bits = int(bits)
    return check_number(where, bits, above=0, unit="bits") / BITS_PER_BYTE


def _named_bytes(model_name: str) -> float | None:
    bits = _BITS_TOKEN.search(model_name)
    if bits:
        return int(bits.group(1)) / BITS_PER_BYTE
    return 1.0 if _FP8_TOKEN.search(model_name) else None
