"""Prefill and decode on different instances, as a cluster has it: how KV gets from one to the other."""

from collections.abc import Mapping
from dataclasses import dataclass

from blis.foundation.checks import check_choice, check_flag, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown

CONTENTIONS = ("none", "fair-share")
OVERLAPS = ("none", "layer-wise")
MOST_BANDWIDTH = 1e6  #: GB/s
MOST_LATENCY_US = 1e12
MOST_TOKEN_BYTES = 1e9
_BYTES_PER_MS = 1e6  #: of 1 GB/s


@dataclass(frozen=True, slots=True, kw_only=True)
class Disaggregation:
    """What may be divided, and what a transfer costs; when a request is divided is the policy's."""

    decode_first: bool = True  #: the decode instance is chosen before the prompt is computed; else again after it
    bandwidth_gb_per_s: float = 25.0  #: > 0, 10^9 bytes per second of each GPU of the sending instance
    base_latency_us: float = 50.0  #: ≥ 0, of each transfer
    contention: str = "fair-share"  #: one of CONTENTIONS
    overlap: str = "none"  #: one of OVERLAPS
    kv_bytes_per_token: float | None = None  #: > 0, on each GPU; None: from the model's shape

    @property
    def overlaps(self) -> bool:
        """Whether layers are sent while the next are computed."""
        return self.overlap == "layer-wise"

    @classmethod
    def from_mapping(cls, where: str, mapping: object) -> "Disaggregation":
        """The checked values of a plain mapping; what is left out has its default.

        Raises
        ------
        ConfigError
            If a key is unknown, or a value out of its range.
        """
        given = check_keys(where, mapping, ("decode_first", "transfer"))
        transfer = given.get("transfer")
        if transfer is not None and not isinstance(transfer, Mapping):
            raise ConfigError(f"{where}.transfer must be a mapping; got {shown(transfer)}.")
        at, own = f"{where}.transfer", check_keys(f"{where}.transfer", {} if transfer is None else transfer, _KEYS)
        values: dict[str, object] = {}
        if own.get("bandwidth_gb_per_s") is not None:
            values["bandwidth_gb_per_s"] = check_number(
                f"{at}.bandwidth_gb_per_s", own["bandwidth_gb_per_s"], 1e-6, MOST_BANDWIDTH, "GB/s"
            )
        if own.get("base_latency_us") is not None:
            values["base_latency_us"] = check_number(
                f"{at}.base_latency_us", own["base_latency_us"], 0, MOST_LATENCY_US, "µs"
            )
        if own.get("kv_bytes_per_token") is not None:
            values["kv_bytes_per_token"] = check_number(
                f"{at}.kv_bytes_per_token", own["kv_bytes_per_token"], maximum=MOST_TOKEN_BYTES, above=0, unit="bytes"
            )
        for name, choices in (("contention", CONTENTIONS), ("overlap", OVERLAPS)):
            if own.get(name) is not None:
                values[name] = check_choice(f"{at}.{name}", own[name], choices)
        if given.get("decode_first") is not None:
            values["decode_first"] = check_flag(f"{where}.decode_first", given["decode_first"])
        return cls(**values)  # type: ignore[arg-type]


_KEYS = ("bandwidth_gb_per_s", "base_latency_us", "contention", "overlap", "kv_bytes_per_token")


def disaggregation_settings(divided: Disaggregation | None) -> dict[str, int]:
    """What the kernel's settings follow from."""
    one = Disaggregation() if divided is None else divided
    return {
        "has_transfers": divided is not None,
        "decode_first": one.decode_first,
        "transfer_base_us": round(one.base_latency_us),
        "transfer_bytes_per_ms": max(1, round(one.bandwidth_gb_per_s * _BYTES_PER_MS)),
        "transfers_share": one.contention == "fair-share",
        "transfers_overlap": one.overlaps,
    }
