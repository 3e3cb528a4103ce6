"""Host memory that preempted requests may have for their KV blocks, as a configuration has it."""

from collections.abc import Sequence
from dataclasses import dataclass

from blis.cluster.kv_tiers import MOST_BLOCKS, MOST_GB, MOST_TOKEN_BYTES, device_from
from blis.cluster.tier_devices import TierDevice
from blis.engine.channels import READ, WRITE, channel_of
from blis.engine.records import records
from blis.engine.swap_fields import SPACE_FIELDS
from blis.engine.swap_start import SwapTables
from blis.engine.tier_fields import CHANNEL_FIELDS
from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError

#: Whether the step in the making waits for copies, or they run beside steps.
COPY_RULES = ("step", "beside")
#: Of each GPU, if nothing else is said: vLLM's `--swap-space` of 4 GiB.
USUAL_BYTES_PER_GPU = 4 * 2**30
#: vLLM's first engine copied every layer of a block by itself.
USUAL_DEVICE = "cpu-pcie5-by-layer"
_GB = 1e9
_US_PER_S = 1e6
_NUMBERS = ("read_gb_per_s", "write_gb_per_s", "base_latency_us", "saturation_queue_depth", "single_transfer_fraction")
_KEYS = ("capacity_gb", "capacity_blocks", "copies", "kv_bytes_per_token", "device", *_NUMBERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapPlan:
    """How much of the host's memory victims may use, and how their blocks get there."""

    device: TierDevice
    capacity_gb: float | None = None  #: > 0, of an instance; None: `capacity_blocks`, or the usual of each GPU
    capacity_blocks: int | None = None  #: ≥ 1
    copies: str = "step"  #: one of COPY_RULES
    kv_bytes_per_token: float | None = None  #: > 0, of all GPUs of an instance; None: the model's

    @classmethod
    def from_mapping(cls, where: str, mapping: object) -> "SwapPlan":
        """The checked values of a plain mapping; what is left out has its default.

        Raises
        ------
        ConfigError
            If a key is unknown, a value out of its range, or two of them contradict each other.
        """
        given = {key: value for key, value in check_keys(where, mapping, _KEYS).items() if value is not None}
        gigabytes, blocks = given.get("capacity_gb"), given.get("capacity_blocks")
        if gigabytes is not None and blocks is not None:
            raise ConfigError(
                f"{where} must have capacity_gb or capacity_blocks, or neither for 4 GiB of each GPU; got both."
            )
        size = given.get("kv_bytes_per_token")
        if not given.keys() & {"device", "read_gb_per_s", "write_gb_per_s"}:
            given["device"] = USUAL_DEVICE
        return cls(
            device=device_from(where, given),
            capacity_gb=None
            if gigabytes is None
            else check_number(f"{where}.capacity_gb", gigabytes, maximum=MOST_GB, above=0, unit="GB"),
            capacity_blocks=None
            if blocks is None
            else check_int(f"{where}.capacity_blocks", blocks, 1, MOST_BLOCKS, "blocks"),
            copies=check_choice(f"{where}.copies", given.get("copies", "step"), COPY_RULES),
            kv_bytes_per_token=None
            if size is None
            else check_number(f"{where}.kv_bytes_per_token", size, maximum=MOST_TOKEN_BYTES, above=0, unit="bytes"),
        )


@dataclass(frozen=True, slots=True)
class SwapSpace:
    """The host's memory of a cluster that is looked up: as planned, with the size of a block on each instance."""

    plan: SwapPlan
    block_bytes: tuple[float, ...]  #: of each instance, on all its GPUs
    gpus: tuple[int, ...]  #: of each instance


def swap_space(
    plan: SwapPlan | None, block_bytes: Sequence[float], gpus: Sequence[int], counts: Sequence[int]
) -> SwapSpace | None:
    """The host's memory of all instances, from blocks and GPUs of each pool and how many are in it; None: none."""
    if plan is None:
        return None
    pools = [pool for pool, count in enumerate(counts) for _ in range(count)]
    return SwapSpace(plan, tuple(block_bytes[pool] for pool in pools), tuple(gpus[pool] for pool in pools))


def swap_settings(space: SwapSpace | None) -> dict[str, int]:
    """What the kernel's settings follow from."""
    return {"swaps": space is not None, "swaps_beside": space is not None and space.plan.copies == "beside"}


def swap_tables(space: SwapSpace | None) -> SwapTables | None:
    """Room and channels of each instance; None where victims have none.

    Raises
    ------
    ConfigError
        If there is no room for a block.
    """
    if space is None:
        return None
    m, device = len(space.block_bytes), space.plan.device
    spaces, channels = records(SPACE_FIELDS, m), records(CHANNEL_FIELDS, 2 * m)
    for instance, block_bytes in enumerate(space.block_bytes):
        spaces.capacity_blocks[instance] = _capacity(space.plan, block_bytes, space.gpus[instance])
        paths = space.gpus[instance] if device.per_gpu else 1
        for direction, gb_per_s in ((READ, device.read_gb_per_s), (WRITE, device.write_gb_per_s)):
            channel = channels[channel_of(instance, direction)]
            channel.base_us = device.base_latency_us
            channel.block_us = block_bytes / (gb_per_s * paths * _GB) * _US_PER_S
            channel.saturation_blocks = device.saturation_queue_depth
            channel.single_fraction = device.single_transfer_fraction
    return SwapTables(spaces, channels)


def _capacity(plan: SwapPlan, block_bytes: float, gpus: int) -> int:
    if plan.capacity_blocks is not None:
        return plan.capacity_blocks
    n_bytes = USUAL_BYTES_PER_GPU * gpus if plan.capacity_gb is None else plan.capacity_gb * _GB
    blocks = int(n_bytes / block_bytes)
    if blocks < 1:
        raise ConfigError(
            f"cluster.swap.capacity_gb must hold a block of {block_bytes:.0f} bytes at least; got {n_bytes / _GB:g} GB."
        )
    return min(blocks, MOST_BLOCKS)
