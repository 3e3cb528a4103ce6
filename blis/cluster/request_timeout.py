"""How long clients wait for a request, wherever it stands: from its arrival on, until they give up."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from blis.cluster.gateway import MOST_MS, Gateway
from blis.engine.codes import NEVER_US
from blis.foundation.checks import check_number
from blis.foundation.errors import ConfigError
from blis.foundation.units import US_PER_S

_KEY = "request_timeout_s"


def with_timeout(where: str, given: Mapping[str, Any], gateway: Gateway | None) -> tuple[Gateway | None, int | None]:
    """The gateway, and the time in which a client gives up: the cluster's own, or else its gateway's.

    Returns
    -------
    tuple of Gateway or None, int or None
        Whose clients give up as those of the cluster do; None: nobody does.

    Raises
    ------
    ConfigError
        If the time is no time, or the gateway says it as well.
    """
    value, own = given.get(_KEY), given.get("gateway")
    if value is None:
        return gateway, gateway.request_timeout_us if gateway else None
    timeout_us = max(1, int(check_number(f"{where}.{_KEY}", value, maximum=MOST_MS, above=0, unit="s") * US_PER_S))
    if isinstance(own, Mapping) and own.get(_KEY) is not None:
        raise ConfigError(f"{where}.{_KEY} must be said once; got it of the cluster and of its gateway.")
    return None if gateway is None else replace(gateway, request_timeout_us=timeout_us), timeout_us


def timeout_settings(request_timeout_us: int | None) -> dict[str, int]:
    """What the kernel's settings follow from."""
    return {"times_out": request_timeout_us is not None, "timeout_us": request_timeout_us or NEVER_US}
