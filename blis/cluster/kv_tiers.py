"""The tiers of KV blocks beneath the GPUs of each instance, and the one that all share, as a configuration has them."""

from collections.abc import Mapping
from dataclasses import dataclass

from blis.cluster.tier_devices import TIER_DEVICES, TierDevice
from blis.engine.channels import READ, WRITE, channel_of
from blis.engine.records import records
from blis.engine.state import MOST_TIERS
from blis.engine.tier_fields import CHANNEL_FIELDS, DEVICE_FIELDS
from blis.engine.tier_start import TierTables
from blis.foundation.checks import check_choice, check_flag, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown

LOAD_RULES = ("request", "step")
WRITE_RULES = ("through", "back")
PLACEMENTS = ("inclusive", "exclusive")
EVICTION_RULES = ("lru", "arc")
#: Of what a router gives for a block on the GPU, what it gives for one in the first of an instance's own tiers and for
#: one further away, if nothing else is said: as Dynamo's router (device 1.0, host 0.75, disk 0.25).
NEAR_CREDIT, FAR_CREDIT = 0.75, 0.25
MOST_BLOCKS = 2**40
MOST_GB = 1e9
MOST_US = 1e9
MOST_DEPTH = 2**20
MOST_TOKEN_BYTES = 1e9
_GB = 1e9
_US_PER_S = 1e6
_KEYS = ("tiers", "load", "write", "placement", "prompt_only", "kv_bytes_per_token")
_NUMBERS = ("read_gb_per_s", "write_gb_per_s", "base_latency_us", "saturation_queue_depth", "single_transfer_fraction")
_TIER_KEYS = ("device", "capacity_gb", "capacity_blocks", "eviction", "shared", "router_credit", *_NUMBERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """One tier: a device for each instance, or one for all."""

    device: TierDevice
    capacity_gb: float | None = None  #: > 0, of each device; None: `capacity_blocks` says it
    capacity_blocks: int | None = None  #: ≥ 1
    eviction: str = "lru"  #: one of EVICTION_RULES
    shared: bool = False  #: all instances have this one together
    router_credit: float | None = None  #: [0, 1], for a block here, of what a block on the GPU is worth


@dataclass(frozen=True, slots=True, kw_only=True)
class TierPlan:
    """What lies beneath the KV blocks of the GPUs, from the nearest tier to the furthest."""

    tiers: tuple[Tier, ...]  #: 1 to MOST_TIERS
    load: str = "request"  #: one of LOAD_RULES: who loads waits by itself, or the step that takes it lasts longer
    write: str = "through"  #: one of WRITE_RULES
    placement: str = "inclusive"  #: one of PLACEMENTS
    prompt_only: bool = False  #: what requests write is kept in none
    kv_bytes_per_token: float | None = None  #: > 0, of all GPUs of an instance; None: the model's

    @classmethod
    def from_mapping(cls, where: str, mapping: object) -> "TierPlan":
        """The checked values of a plain mapping; what is left out has its default.

        Raises
        ------
        ConfigError
            If a key is unknown, a value out of its range, or two of them contradict each other.
        """
        given = {key: value for key, value in check_keys(where, mapping, _KEYS).items() if value is not None}
        listed = given.get("tiers")
        if not isinstance(listed, list | tuple) or not 1 <= len(listed) <= MOST_TIERS:
            raise ConfigError(f"{where}.tiers must be a list of 1 to {MOST_TIERS} tiers; got {shown(listed)}.")
        write = check_choice(f"{where}.write", given.get("write", "through"), WRITE_RULES)
        placement = check_choice(f"{where}.placement", given.get("placement", "inclusive"), PLACEMENTS)
        prompt_only = check_flag(f"{where}.prompt_only", given.get("prompt_only", False))
        if placement == "exclusive" and write != "back":
            raise ConfigError(
                f"{where}.placement exclusive needs write back: written through, a block lies on the GPU and in the "
                f"tiers; got write {write!r}."
            )
        if prompt_only and write != "through":
            raise ConfigError(
                f"{where}.prompt_only needs write through: a block that is evicted does not tell who made it; got "
                f"write {write!r}."
            )
        size = given.get("kv_bytes_per_token")
        return cls(
            tiers=_tiers(f"{where}.tiers", listed),
            load=check_choice(f"{where}.load", given.get("load", "request"), LOAD_RULES),
            write=write,
            placement=placement,
            prompt_only=prompt_only,
            kv_bytes_per_token=None
            if size is None
            else check_number(f"{where}.kv_bytes_per_token", size, maximum=MOST_TOKEN_BYTES, above=0, unit="bytes"),
        )


@dataclass(frozen=True, slots=True)
class KvTiers:
    """The tiers of a cluster that is looked up: as planned, with the size of a block on each instance."""

    plan: TierPlan
    block_bytes: tuple[float, ...]  #: of each instance, on all its GPUs
    gpus: tuple[int, ...]  #: of each instance


def _tiers(where: str, listed: list[object] | tuple[object, ...]) -> tuple[Tier, ...]:
    tiers = tuple(_tier(f"{where}[{place}]", one) for place, one in enumerate(listed))
    for place, tier in enumerate(tiers[:-1]):
        if tier.shared:
            raise ConfigError(
                f"{where}[{place}].shared must be false but in the last tier: what all instances share lies beneath "
                "what each has for itself; got true."
            )
    return tiers


def _tier(where: str, mapping: object) -> Tier:
    given = {key: value for key, value in check_keys(where, mapping, _TIER_KEYS).items() if value is not None}
    gigabytes, blocks = given.get("capacity_gb"), given.get("capacity_blocks")
    if (gigabytes is None) == (blocks is None):
        raise ConfigError(
            f"{where} must have either capacity_gb or capacity_blocks; got "
            f"{'neither' if gigabytes is None else 'both'}."
        )
    credit = given.get("router_credit")
    return Tier(
        device=device_from(where, given),
        capacity_gb=None
        if gigabytes is None
        else check_number(f"{where}.capacity_gb", gigabytes, maximum=MOST_GB, above=0, unit="GB"),
        capacity_blocks=None
        if blocks is None
        else check_int(f"{where}.capacity_blocks", blocks, 1, MOST_BLOCKS, "blocks"),
        eviction=check_choice(f"{where}.eviction", given.get("eviction", "lru"), EVICTION_RULES),
        shared=check_flag(f"{where}.shared", given.get("shared", False)),
        router_credit=None if credit is None else check_number(f"{where}.router_credit", credit, 0, 1),
    )


def device_from(where: str, given: Mapping[str, object]) -> TierDevice:
    """A named device, with what is said otherwise; without a name all of its bandwidths must be said."""
    if "device" in given:
        device = TIER_DEVICES[check_choice(f"{where}.device", given["device"], TIER_DEVICES)]
    elif "read_gb_per_s" in given and "write_gb_per_s" in given:
        device = TierDevice(1.0, 1.0, 0.0)
    else:
        raise ConfigError(
            f"{where} must have a device, or read_gb_per_s and write_gb_per_s. Devices: {', '.join(TIER_DEVICES)}."
        )
    own: dict[str, float | int] = {}
    for name in ("read_gb_per_s", "write_gb_per_s"):
        if name in given:
            own[name] = check_number(f"{where}.{name}", given[name], maximum=MOST_GB, above=0, unit="GB/s")
    if "base_latency_us" in given:
        own["base_latency_us"] = check_number(f"{where}.base_latency_us", given["base_latency_us"], 0, MOST_US, "µs")
    if "saturation_queue_depth" in given:
        depth = check_int(f"{where}.saturation_queue_depth", given["saturation_queue_depth"], 1, MOST_DEPTH, "blocks")
        own["saturation_queue_depth"] = depth
    if "single_transfer_fraction" in given:
        share = check_number(f"{where}.single_transfer_fraction", given["single_transfer_fraction"], maximum=1, above=0)
        own["single_transfer_fraction"] = share
    return device._replace(**own)  # type: ignore[arg-type]


def tier_settings(tiers: KvTiers | None) -> dict[str, int]:
    """What the kernel's settings follow from."""
    plan = tiers.plan if tiers else None
    learning = [tier.eviction == "arc" for tier in plan.tiers] if plan else []
    return {
        "n_tiers": len(plan.tiers) if plan else 0,
        "shares_tier": plan is not None and plan.tiers[-1].shared,
        "tiers_load_apart": plan is not None and plan.load == "request",
        "tiers_written_through": plan is not None and plan.write == "through",
        "tiers_exclusive": plan is not None and plan.placement == "exclusive",
        "tiers_prompts_only": plan is not None and plan.prompt_only,
        "tiers_learning": sum(1 << place for place, learns in enumerate(learning) if learns),
    }


def tier_tables(tiers: KvTiers | None) -> TierTables | None:
    """The devices and channels of a cluster's tiers; None without any.

    Raises
    ------
    ConfigError
        If a tier has no room for a block.
    """
    if tiers is None:
        return None
    m, plan = len(tiers.block_bytes), tiers.plan.tiers
    devices, channels = records(DEVICE_FIELDS, m * len(plan)), records(CHANNEL_FIELDS, 2 * m * len(plan))
    for place, tier in enumerate(plan):
        usual = FAR_CREDIT if place > 0 or tier.shared else NEAR_CREDIT
        credit = usual if tier.router_credit is None else tier.router_credit
        for instance in range(m):
            own = place * m + instance
            row, block_bytes = devices[own], tiers.block_bytes[instance]
            row.owner = place * m if tier.shared else own
            row.capacity_blocks = capacity_of(f"cluster.kv_tiers.tiers[{place}]", tier, block_bytes)
            row.credit_permille = round(1000 * credit)
            paths = tiers.gpus[instance] if tier.device.per_gpu else 1
            for direction, gb_per_s in ((READ, tier.device.read_gb_per_s), (WRITE, tier.device.write_gb_per_s)):
                channel = channels[channel_of(own, direction)]
                channel.base_us = tier.device.base_latency_us
                channel.block_us = block_bytes / (gb_per_s * paths * _GB) * _US_PER_S
                channel.saturation_blocks = tier.device.saturation_queue_depth
                channel.single_fraction = tier.device.single_transfer_fraction
    return TierTables(devices, channels)


def capacity_of(where: str, tier: Tier, block_bytes: float) -> int:
    """Blocks that one of a tier's devices holds.

    Raises
    ------
    ConfigError
        If it has no room for one.
    """
    if tier.capacity_gb is None:
        assert tier.capacity_blocks is not None  # for the type checker: one of the two is given
        return tier.capacity_blocks
    blocks = int(tier.capacity_gb * _GB / block_bytes)
    if blocks < 1:
        raise ConfigError(
            f"{where}.capacity_gb must hold a block of {block_bytes:.0f} bytes at least; got {tier.capacity_gb:g} GB."
        )
    return min(blocks, MOST_BLOCKS)
