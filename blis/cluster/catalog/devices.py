"""Reads a GPU's rates and memory from `hardware/<device>.yaml`."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from blis.foundation.checks import check_choice, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.files import is_folder, shipped_folder, stamp
from blis.foundation.strict_yaml import read_yaml
from blis.foundation.words import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One GPU; its key in the YAML file is the field's name."""

    name: str
    peak_tflops_16bit: float  #: > 0, 10¹² FLOP/s
    peak_bandwidth_tb_per_s: float  #: > 0, 10¹² byte/s
    mfu_prefill: float  #: (0, 1], fraction of the peak that prompts reach
    mfu_decode: float  #: (0, 1], fraction of the peak that decodes reach
    peak_tflops_8bit: float = 0.0  #: ≥ 0, 10¹² FLOP/s; 0: none
    memory_gib: float = 0.0  #: ≥ 0, GiB, nominal; 0: unknown, so that KV blocks cannot be derived
    visible_memory_gib: float = 0.0  #: ≥ 0, GiB that programs are told of; 0: as `memory_gib`
    price_per_hour: float = 0.0  #: ≥ 0, US $ that an hour of it costs; 0: unknown


_REQUIRED = ("peak_tflops_16bit", "peak_bandwidth_tb_per_s", "mfu_prefill", "mfu_decode")
_OPTIONAL = ("peak_tflops_8bit", "memory_gib", "visible_memory_gib", "price_per_hour")


def read_device(name: str, hardware_folder: str | Path | None = None) -> Device:
    """The device of a name (exact, as the file is called), from the shipped folder or a user's.

    Raises
    ------
    ConfigError
        If the folder is absent, no file has the name, or a value in it is wrong.
    """
    folder = shipped_folder("hardware") if hardware_folder is None else Path(hardware_folder)
    if not is_folder(folder):
        raise ConfigError(f"hardware_folder must be a folder of <device>.yaml files; got {shown(str(folder))}.")
    check_choice("device", name, [path.stem for path in folder.glob("*.yaml")])
    path = folder / f"{name}.yaml"
    return _read(path, stamp(path))


@lru_cache(maxsize=32)
def _read(path: Path, written: object) -> Device:
    """The device in a file, read once for as long as the file stays as it was `written`."""
    values, name = read_yaml(path), path.stem
    check_keys(f"hardware.{name}", values, _REQUIRED + _OPTIONAL, _REQUIRED)
    return device_from_mapping(f"hardware.{name}", {"name": name, **values})


def device_from_mapping(where: str, mapping: object) -> Device:
    """The device that a mapping of `Device`'s fields describes, checked.

    Raises
    ------
    ConfigError
        If a key is unknown or absent, or a value out of its bounds.
    """
    values = check_keys(where, mapping, ("name", *_REQUIRED, *_OPTIONAL), ("name", *_REQUIRED))
    name = values["name"]
    if not isinstance(name, str) or not name:
        raise ConfigError(f"{where}.name must be a text of at least one character; got {shown(name)}.")
    return Device(
        name=name,
        peak_tflops_16bit=check_number(
            f"{where}.peak_tflops_16bit", values["peak_tflops_16bit"], above=0, unit="TFLOP/s"
        ),
        peak_bandwidth_tb_per_s=check_number(
            f"{where}.peak_bandwidth_tb_per_s", values["peak_bandwidth_tb_per_s"], above=0, unit="TB/s"
        ),
        mfu_prefill=check_number(f"{where}.mfu_prefill", values["mfu_prefill"], maximum=1, above=0),
        mfu_decode=check_number(f"{where}.mfu_decode", values["mfu_decode"], maximum=1, above=0),
        peak_tflops_8bit=check_number(
            f"{where}.peak_tflops_8bit", values.get("peak_tflops_8bit", 0.0), minimum=0, unit="TFLOP/s"
        ),
        memory_gib=check_number(f"{where}.memory_gib", values.get("memory_gib", 0.0), minimum=0, unit="GiB"),
        visible_memory_gib=check_number(
            f"{where}.visible_memory_gib", values.get("visible_memory_gib", 0.0), minimum=0, unit="GiB"
        ),
        price_per_hour=check_number(
            f"{where}.price_per_hour", values.get("price_per_hour", 0.0), minimum=0, unit="US $"
        ),
    )
