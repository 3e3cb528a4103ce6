"""Finds how many bytes stored weights and KV elements take when a model is quantised.

Sections that are read: `quantization_config` of config.json as transformers, compressed-tensors, bitsandbytes and
NVIDIA ModelOpt write it, and ModelOpt's `hf_quant_config.json` beside it. Without a section the model's name decides.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from blis.cluster.catalog.configuration import Configuration
from blis.cluster.catalog.module_names import ModuleNames
from blis.foundation.checks import check_number, nearest
from blis.foundation.errors import ConfigError, UnknownChoiceError
from blis.foundation.words import shown

BITS_PER_BYTE = 8
SCALE_BITS = 16  # of a group of integers; published checkpoints store scales as 16-bit floats
FLOAT_SCALE_BITS = 8  # of a group of 4-bit floats (MXFP4, NVFP4)


class Width(NamedTuple):
    """Bits of a stored weight."""

    bits: float
    stored_bits: float  #: with its share of the scales


EIGHT_BIT = Width(8, 8)  # the scales of blocks of 128 x 128, channels or tensors are too few to count
NVFP4 = Width(4, 4 + FLOAT_SCALE_BITS / 16)  # Blocks of 16: NVIDIA, introducing NVFP4.
MXFP4 = Width(4, 4 + FLOAT_SCALE_BITS / 32)  # Blocks of 32: OCP microscaling formats, version 1.0, table 1.
INT4 = Width(4, 4 + SCALE_BITS / 128)  # groups of 128, the usual size
NF4 = Width(4, 4 + 32 / 64)  # QLoRA, section 3: a 32-bit scale per block of 64

#: Names of `quant_algo` in ModelOpt's sections.
ALGORITHMS = {
    "FP8": EIGHT_BIT,
    "FP8_PB_WO": EIGHT_BIT,
    "FP8_PB_REAL": EIGHT_BIT,
    "FP8_PER_CHANNEL_PER_TOKEN": EIGHT_BIT,
    "MXFP8": Width(8, 8 + FLOAT_SCALE_BITS / 32),
    "INT8_SQ": EIGHT_BIT,
    "W8A16": EIGHT_BIT,
    "W8A8_SQ_PER_CHANNEL": EIGHT_BIT,
    "NVFP4": NVFP4,
    "NVFP4_AWQ": NVFP4,
    "W4A16_NVFP4": NVFP4,
    "W4A8_NVFP4_FP8": NVFP4,
    "MXFP4": MXFP4,
    "W4A8_MXFP4_FP8": MXFP4,
    "W4A16": INT4,
    "W4A16_AWQ": INT4,
    "W4A8_AWQ": INT4,
    "INT4_AWQ": INT4,
}
MIXED = "MIXED_PRECISION"
_METHODS = {"fp8": EIGHT_BIT, "fbgemm_fp8": EIGHT_BIT, "eetq": EIGHT_BIT, "mxfp4": MXFP4, "modelopt_fp4": NVFP4}
_IGNORED = ("ignore", "modules_to_not_convert", "exclude_modules", "ignored_layers", "llm_int8_skip_modules")
_KV_BYTES = {"FP8": 1.0, "NVFP4": NVFP4.stored_bits / BITS_PER_BYTE, "INT8": 1.0}

# A token of a model's name, such as "w4a16" in "phi-4-quantized.w4a16", between separators or the ends.
_BITS_TOKEN = re.compile(r"(?:^|[.\-_/])w([1-9][0-9]*)a[0-9]+(?=$|[.\-_])")
_NAME_TOKENS = (
    (re.compile(r"(?:^|[.\-_/])nvfp4(?=$|[.\-_])"), NVFP4),
    (re.compile(r"(?:^|[.\-_/])(?:mxfp4|fp4)(?=$|[.\-_])"), MXFP4),
    (re.compile(r"(?:^|[.\-_/])(?:int4|4bit|awq)(?=$|[.\-_])"), INT4),
    (re.compile(r"(?:^|[.\-_/])(?:fp8|int8|8bit)(?=$|[.\-_])"), EIGHT_BIT),
)


class Quantisation:
    """Widths of the weights of a model's modules."""

    __slots__ = ("_groups", "_ignored", "_plain", "width")

    def __init__(
        self,
        plain: Width,
        width: Width | None,
        ignored: ModuleNames | None = None,
        groups: tuple[tuple[ModuleNames, Width], ...] = (),
    ) -> None:
        self._plain = plain
        self._groups = groups
        self._ignored = ignored or ModuleNames(())
        self.width = width  #: of the modules that no list names; None: not quantised

    def stored_bytes(self, layer: int, modules: tuple[str, ...]) -> float:
        """Bytes per weight of a module of a layer, with scales; `modules` are its names in several programs."""
        for names, width in self._groups:
            if names.hold(layer, modules):
                return width.stored_bits / BITS_PER_BYTE
        if self.width is None or self._ignored.hold(layer, modules):
            return self.plain_bytes
        return self.width.stored_bits / BITS_PER_BYTE

    @property
    def plain_bytes(self) -> float:
        """Bytes per weight of what is not quantised."""
        return self._plain.stored_bits / BITS_PER_BYTE

    @property
    def weight_bytes(self) -> float:
        """Bytes of most stored weights, without scales."""
        widths = [width for _, width in self._groups] or ([] if self.width is None else [self.width])
        narrowest = min(widths, key=lambda width: width.bits, default=self._plain)
        return narrowest.bits / BITS_PER_BYTE


def quantisation(configuration: Configuration, beside: object, model_name: str) -> Quantisation:
    """How the weights of a model are stored: by the quantisation section, else by the name, else as activations.

    Parameters
    ----------
    configuration : Configuration   the model's, nested text section merged in
    beside : mapping or None        ModelOpt's section in the file beside it
    model_name : str                lower-cased name

    Returns
    -------
    Quantisation

    Raises
    ------
    ConfigError
        If a section is no object, a number of bits no positive number, or an algorithm unknown.

    Source: quantisation rules of the BLIS reference simulator, August 2026, for `bits`, `fp8`, compressed-tensors and
    names such as w4a16 and fp8. An unreadable bit count is an error here; there it counts as absent.
    """
    bits = configuration.element_bytes() * BITS_PER_BYTE
    plain = Width(bits, bits)
    where = configuration.at("quantization_config")
    section = _section(where, configuration.values.get("quantization_config"), beside)
    if section is None:
        return Quantisation(plain, _named(model_name))
    ignored = ModuleNames([one for key in _IGNORED for one in _names(f"{where}.{key}", section.get(key))])
    layers = section.get("quantized_layers")
    if isinstance(layers, Mapping) and layers:
        return Quantisation(plain, _method(section), ignored, _listed(f"{where}.quantized_layers", layers))
    declared = _declared(where, section) or _named(model_name)
    return Quantisation(plain, declared, ignored, () if declared is None else _targets(where, section))


def kv_element_bytes(configuration: Configuration, beside: object) -> float:
    """Bytes per KV element that the checkpoint was calibrated for; 0: it does not say."""
    where = configuration.at("quantization_config")
    section = _section(where, configuration.values.get("quantization_config"), beside) or {}
    scheme = section.get("kv_cache_scheme")
    if isinstance(scheme, Mapping) and scheme.get("num_bits") is not None:
        return _width(f"{where}.kv_cache_scheme", scheme["num_bits"], None).bits / BITS_PER_BYTE
    algorithm = section.get("kv_cache_quant_algo") or (scheme if isinstance(scheme, str) else None)
    if algorithm is None:
        return 0.0
    if algorithm not in _KV_BYTES:
        raise UnknownChoiceError(
            f"{where}.kv_cache_quant_algo: {shown(algorithm)} is unknown{nearest(str(algorithm), _KV_BYTES)} "
            f"Choices: {', '.join(_KV_BYTES)}."
        )
    return _KV_BYTES[algorithm]


def _section(where: str, own: object, beside: object) -> Mapping[str, Any] | None:
    """The section of config.json, completed by what the file beside it says."""
    for section in (own, beside):
        if section is not None and not isinstance(section, Mapping):
            raise ConfigError(f"{where} must be an object; got {shown(section)}.")
    if own is None and beside is None:
        return None
    return {**dict(beside or {}), **dict(own or {})}  # type: ignore[call-overload]


def _declared(where: str, section: Mapping[str, Any]) -> Width | None:
    if section.get("bits") is not None:
        return _width(f"{where}.bits", section["bits"], section.get("group_size"))
    method = str(section.get("quant_method", "")).lower()
    algorithm = section.get("quant_algo")
    if algorithm is not None and algorithm != MIXED:
        return _algorithm(f"{where}.quant_algo", algorithm)
    grouped = _first_group(where, section.get("config_groups"))
    if grouped is not None:
        return grouped
    if method == "bitsandbytes":
        return NF4 if section.get("load_in_4bit") else EIGHT_BIT if section.get("load_in_8bit") else None
    return _method(section)


def _method(section: Mapping[str, Any]) -> Width | None:
    return _METHODS.get(str(section.get("quant_method", "")).lower())


def _algorithm(where: str, name: object) -> Width:
    if not isinstance(name, str) or name not in ALGORITHMS:
        raise UnknownChoiceError(
            f"{where}: {shown(name)} is unknown{nearest(str(name), ALGORITHMS)} Choices: {', '.join(ALGORITHMS)}."
        )
    return ALGORITHMS[name]


def _listed(where: str, layers: Mapping[str, Any]) -> tuple[tuple[ModuleNames, Width], ...]:
    """The modules of each algorithm of a checkpoint of mixed precision."""
    modules: dict[str, list[str]] = {}
    for module, how in layers.items():
        algorithm = how.get("quant_algo") if isinstance(how, Mapping) else how
        modules.setdefault(str(algorithm), []).append(str(module))
    return tuple((ModuleNames(names), _algorithm(where, algorithm)) for algorithm, names in modules.items())


def _targets(where: str, section: Mapping[str, Any]) -> tuple[tuple[ModuleNames, Width], ...]:
    """The groups that name modules; a group for a kind of module ("Linear") is the rule for the others."""
    groups = section.get("config_groups")
    if not isinstance(groups, Mapping) or len(groups) < 2:
        return ()
    named = []
    for key in sorted(groups):
        group = groups[key] if isinstance(groups[key], Mapping) else {}
        targets = _names(f"{where}.config_groups.{key}.targets", group.get("targets"))
        names = [one for one in targets if "." in one or ":" in one]
        width = _first_group(where, {key: groups[key]})
        if names and width is not None:
            named.append((ModuleNames(names), width))
    return tuple(named)


def _first_group(where: str, groups: object) -> Width | None:
    """The width of the first group, by sorted key, that states one."""
    if not isinstance(groups, Mapping):
        return None
    for key in sorted(groups):
        group = groups[key]
        weights = group.get("weights") if isinstance(group, Mapping) else None
        if not isinstance(weights, Mapping):
            continue
        bits = weights.get("num_bits")
        if bits is not None:
            scale = FLOAT_SCALE_BITS if weights.get("type") == "float" else SCALE_BITS
            return _width(f"{where}.config_groups.{key}.weights.num_bits", bits, weights.get("group_size"), scale)
    return None


def _width(where: str, bits: object, group_size: object, scale_bits: int = SCALE_BITS) -> Width:
    if isinstance(bits, str) and bits.strip().isdecimal():
        bits = int(bits)
    number = check_number(where, bits, above=0, unit="bits")
    grouped = isinstance(group_size, int) and group_size > 0
    return Width(number, number + (scale_bits / group_size if grouped else 0))  # type: ignore[operator]


def _names(where: str, names: object) -> list[str]:
    if names is None:
        return []
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise ConfigError(f"{where} must be a list of texts; got {shown(names)}.")
    return names


def _named(model_name: str) -> Width | None:
    bits = _BITS_TOKEN.search(model_name)
    if bits:
        width = int(bits.group(1))
        return INT4 if width == INT4.bits else Width(width, width)
    return next((width for token, width in _NAME_TOKENS if token.search(model_name)), None)
