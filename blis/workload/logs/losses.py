"""What requests have, so that a format can say which of it is lost."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from blis.foundation.units import BoolVector
from blis.workload.requests import Requests


class Loss(NamedTuple):
    """An aspect that the written log does not say."""

    what: str
    n_requests: int  #: that have it
    why: str = ""  #: what becomes of it instead


#: Aspects of a request besides its time and lengths, and which requests have them.
ASPECTS: dict[str, Callable[[Requests], BoolVector]] = {
    "prefix sharing": lambda requests: np.diff(requests.key_offsets) > 0,
    "prefix groups": lambda requests: requests.prefix_group >= 0,
    "SLO classes": lambda requests: _is_named(requests.slo_class, requests.slo_classes),
    "tenants": lambda requests: _is_named(requests.tenant, requests.tenants),
    "sessions": lambda requests: requests.session >= 0,
    "closed loop": lambda requests: requests.after >= 0,
    "image, audio and video tokens": lambda requests: requests.text_tokens < requests.input_tokens,
    "reasoning ratios": lambda requests: requests.reason_ratio > 0,
    "streaming": lambda requests: requests.streaming,
    "models": lambda requests: requests.model >= 0,
    "adapters": lambda requests: requests.adapter >= 0,
    "clients": lambda requests: requests.client >= 0,
    "networks": lambda requests: np.full(len(requests), len(requests.networks) > 0),
    "request numbers": lambda requests: requests.number != np.arange(len(requests)),
    "time before the first request": lambda requests: requests.arrival_us[:1] > 0,
}


def losses(requests: Requests, holds: frozenset[str]) -> tuple[Loss, ...]:
    """The aspects that some request has and the format does not hold."""
    counts = {what: int(has(requests).sum()) for what, has in ASPECTS.items() if what not in holds}
    return tuple(Loss(what, count) for what, count in counts.items() if count)


def _is_named(indices: np.ndarray, names: tuple[str, ...]) -> BoolVector:
    has_name: BoolVector = np.array([*map(bool, names), False], np.bool_)[indices]
    return has_name
