"""Adapters (LoRA) of a pool: how many its instances hold, how long loading one takes, what they add to a step.

    added time of a step = a + b · adapters used + c · tokens computed with an adapter,      0 without such tokens

What a pool does not say follows from the shapes of the model and the device, by sums that were measured: on one H100
with matrices of Llama 3.1 8B, two kernels per matrix and CUDA graphs (experiments/e008_kv_copies), 938 + 1.31 per
adapter and rank + 2.12 per token + 0.0224 per token and rank [µs]. That is 8 launches a layer of 3.7 µs; the adapters'
weights read at the memory's rate; inputs read, outputs read and written at that rate; and products that narrow at a
fifth of the peak.
"""

from dataclasses import dataclass
from typing import NamedTuple

from blis.cluster.catalog import Device, Model
from blis.cluster.lora_shape import LoraShape, lora_shape
from blis.foundation.checks import check_int, check_keys, check_number

MOST_LORAS = 100_000
MOST_RANK = 4096
MOST_MB = 1e6
MOST_MS = 1e7
MOST_STEP_US = 1e9

LAUNCH_US = 3.7  #: of a kernel in a CUDA graph: 938 µs of 8 kernels in each of 32 layers, measured
KERNELS_PER_LAYER = 8  #: two for each of the fused matrices: query-key-value, output, gate and up, down
NARROW_SHARE = 0.2  #: of the peak that products with so few columns reach: 2 · 69632 · 32 FLOP in 0.0224 µs, measured
COPY_BASE_US = 12.5  #: of a copy from pinned host memory to the GPU, measured
COPY_GB_PER_S = 54.5  #: of the same, PCIe 5 x16
TENSOR_US = 8.0  #: that each further tensor of an adapter adds, which vLLM copies one by one
TENSORS_PER_LAYER = 14  #: two for each of seven matrices
DISK_GB_PER_S = 0.5  #: of a cold disk: 16 GB of weights in 33 s, tensorfuse.io, 2025-09
_COSTS = ("adapter_mb", "host_load_ms", "disk_load_ms", "step_us", "adapter_us", "token_us")
_MOST = {"adapter_mb": (MOST_MB, "MB"), "host_load_ms": (MOST_MS, "ms"), "disk_load_ms": (MOST_MS, "ms")}


class LoraCosts(NamedTuple):
    """What an instance's limits say of adapters; the names are those of `blis.engine.instance_fields.LIMIT_FIELDS`."""

    max_loras: int = 0  #: 0: it serves none
    max_cpu_loras: int = 0
    lora_host_load_us: int = 0
    lora_disk_load_us: int = 0
    lora_step_us: float = 0.0
    lora_adapter_us: float = 0.0
    lora_token_us: float = 0.0


NO_LORA = LoraCosts()


@dataclass(frozen=True, slots=True)
class Lora:
    """What a pool is given; the first four by vLLM's names and defaults."""

    max_loras: int = 1  #: [1, MOST_LORAS], slots on the GPU: adapters that a batch may use at a time
    max_cpu_loras: int | None = None  #: [max_loras, MOST_LORAS], in the host's memory, with those in slots; None: those
    max_lora_rank: int = 16  #: [1, MOST_RANK], for which slots are made, and that kernels compute
    rank: int | None = None  #: [1, max_lora_rank], of each adapter; None: max_lora_rank
    adapter_mb: float | None = (
        None  #: ≥ 0, MB of one of max_lora_rank on all GPUs; None: from the model, as those below
    )
    host_load_ms: float | None = None  #: ≥ 0, ms from the host's memory into a slot
    disk_load_ms: float | None = None  #: ≥ 0, ms from disk into the host's memory
    disk_gb_per_s: float = DISK_GB_PER_S  #: > 0, from which that follows
    step_us: float | None = None  #: ≥ 0, µs by which a step with adapters is longer
    adapter_us: float | None = None  #: ≥ 0, µs and by each adapter that it uses
    token_us: float | None = None  #: ≥ 0, µs and by each token computed with one

    @classmethod
    def from_mapping(cls, where: str, mapping: object) -> "Lora":
        """The checked numbers of a plain mapping.

        Raises
        ------
        ConfigError
            If a key is unknown, or a value out of its range.
        """
        checked = check_keys(where, mapping, tuple(cls.__dataclass_fields__))
        given = {key: value for key, value in checked.items() if value is not None}
        slots = check_int(f"{where}.max_loras", given.get("max_loras", 1), 1, MOST_LORAS, "adapters")
        on_host = given.get("max_cpu_loras")
        if on_host is not None:
            on_host = check_int(f"{where}.max_cpu_loras", on_host, slots, MOST_LORAS, "adapters")
        most_rank = check_int(f"{where}.max_lora_rank", given.get("max_lora_rank", 16), 1, MOST_RANK)
        rank = given.get("rank")
        disk = given.get("disk_gb_per_s", DISK_GB_PER_S)
        costs = {}
        for name in _COSTS:
            most, unit = _MOST.get(name, (MOST_STEP_US, "µs"))
            value = given.get(name)
            costs[name] = None if value is None else check_number(f"{where}.{name}", value, 0, most, unit)
        return cls(
            max_loras=slots,
            max_cpu_loras=on_host,
            max_lora_rank=most_rank,
            rank=None if rank is None else check_int(f"{where}.rank", rank, 1, most_rank),
            disk_gb_per_s=check_number(f"{where}.disk_gb_per_s", disk, maximum=1e6, above=0, unit="GB/s"),
            **costs,
        )

    @property
    def is_derived(self) -> bool:
        """Whether something has to follow from the model and the device."""
        return any(getattr(self, name) is None for name in _COSTS[1:])


def slot_bytes(lora: Lora, model: Model, tensor_parallel: int, where: str) -> float:
    """Bytes of each GPU that the slots take, used or not."""
    if lora.adapter_mb is not None:
        return lora.max_loras * lora.adapter_mb * 1e6 / tensor_parallel
    shape = lora_shape(model, tensor_parallel, where)
    return lora.max_loras * lora.max_lora_rank * shape.rank_bytes


def lora_costs(lora: Lora, model: Model | None, device: Device | None, tensor_parallel: int, where: str) -> LoraCosts:
    """What an instance's limits say, given or derived.

    Raises
    ------
    ConfigError
        If something has to be derived from a shape whose adapters are not known.
    """
    given = {name: getattr(lora, name) for name in _COSTS}
    if lora.is_derived:
        assert model is not None  # for the type checker: whoever derives has read both
        assert device is not None
        given = _derived(lora, lora_shape(model, tensor_parallel, where), device) | {
            name: value for name, value in given.items() if value is not None
        }
    on_host = lora.max_loras if lora.max_cpu_loras is None else lora.max_cpu_loras
    return LoraCosts(
        max_loras=lora.max_loras,
        max_cpu_loras=on_host,
        lora_host_load_us=round(given["host_load_ms"] * 1000),
        lora_disk_load_us=round(given["disk_load_ms"] * 1000),
        lora_step_us=given["step_us"],
        lora_adapter_us=given["adapter_us"],
        lora_token_us=given["token_us"],
    )


def _derived(lora: Lora, shape: LoraShape, device: Device) -> dict[str, float]:
    """By the sums of the module; every GPU of an instance loads and computes its own share at the same time."""
    rank = lora.rank or lora.max_lora_rank
    loaded_bytes, stored_bytes = rank * shape.rank_bytes, rank * shape.whole_rank_bytes
    if lora.adapter_mb is not None:
        stored_bytes = lora.adapter_mb * 1e6 * rank / lora.max_lora_rank
        loaded_bytes = stored_bytes * shape.rank_bytes / shape.whole_rank_bytes
    bytes_per_us, flop_per_us = device.peak_bandwidth_tb_per_s * 1e6, device.peak_tflops_16bit * 1e6
    copy_us = COPY_BASE_US + loaded_bytes / (COPY_GB_PER_S * 1e3) + TENSOR_US * TENSORS_PER_LAYER * shape.layers
    return {
        "host_load_ms": copy_us / 1000,
        "disk_load_ms": stored_bytes / (lora.disk_gb_per_s * 1e6),
        "step_us": KERNELS_PER_LAYER * LAUNCH_US * shape.layers,
        "adapter_us": lora.max_lora_rank * shape.rank_bytes / bytes_per_us,
        "token_us": shape.token_bytes / bytes_per_us
        + lora.max_lora_rank * shape.rank_flop / (NARROW_SHARE * flop_per_us),
    }
