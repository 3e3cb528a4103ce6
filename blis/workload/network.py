"""The network between a client and the cluster."""

from typing import NamedTuple

from blis.foundation.checks import check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.units import US_PER_MS


class Network(NamedTuple):
    """One client's way to the cluster; both 0 means that it has none to speak of."""

    rtt_us: float = 0.0  #: ≥ 0, there and back
    bandwidth_mbps: float = 0.0  #: ≥ 0 [10⁶ bit/s], 0 for no limit


def network_from_mapping(where: str, mapping: object) -> Network:
    """The network in a mapping {rtt_ms, bandwidth_mbps}, of which one may be left out.

    Raises
    ------
    ConfigError
        If both are absent, or one is negative or not finite.
    """
    given = check_keys(where, mapping, ("rtt_ms", "bandwidth_mbps"))
    if not given:
        raise ConfigError(f"{where} must have at least one of rtt_ms and bandwidth_mbps; got neither.")
    return Network(
        rtt_us=check_number(f"{where}.rtt_ms", given.get("rtt_ms", 0), 0, unit="ms") * US_PER_MS,
        bandwidth_mbps=check_number(f"{where}.bandwidth_mbps", given.get("bandwidth_mbps", 0), 0, unit="10⁶ bit/s"),
    )
